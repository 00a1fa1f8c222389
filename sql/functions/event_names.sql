-- Names of events.

CREATE FUNCTION webhooks.check_event_name(name text, argument text = 'name') RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM webhooks.check_name(argument, check_event_name.name);
    IF strpos(check_event_name.name, '*') > 0 THEN
        RAISE EXCEPTION 'invalid argument "%": "%" contains "*"', argument, check_event_name.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An event has one plain name, such as lead:won or party/created.';
    ELSIF check_event_name.name ~ '^(table|webhook[0-9]*)\.' THEN
        RAISE EXCEPTION 'invalid argument "%": "%" is reserved', argument, check_event_name.name
            USING ERRCODE = 'reserved_name',
                  HINT = 'Names that begin with "table." or "webhook." are the product''s own.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_event_name(text, text) IS
'For the functions of this schema: raises an error unless the text can be an event''s name.';


CREATE FUNCTION webhooks.event_id(name text, argument text = 'name') RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint := (SELECT e.id FROM webhooks.event e WHERE e.name = event_id.name AND e.dropped_at IS NULL);
    others   text;
BEGIN
    IF found_id IS NULL AND event_id.name ~ '^webhook[0-9]*\.' THEN
        RAISE EXCEPTION 'invalid argument "%": event "%" does not exist', argument, event_id.name
            USING ERRCODE = 'undefined_object',
                  HINT = CASE WHEN event_id.name ~ '^webhook([1-9][0-9]{0,17})?\.(started|stopped|errors)$'
                              THEN 'Nobody has subscribed to it yet: webhooks.subscribe(webhook, events) makes it.'
                              ELSE 'The product raises webhook.started, webhook.stopped and webhook.errors, and for the webhook with the id 7 webhook7.started and so on.'
                         END;
    ELSIF found_id IS NULL THEN
        others := webhooks.nearest_names(event_id.name, ARRAY(SELECT e.name FROM webhooks.seen_event e));
        RAISE EXCEPTION 'invalid argument "%": %', argument, coalesce('event "' || event_id.name || '" does not exist', 'it is NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Did you mean one of these: ' || others || '?',
                                  'There is none yet: make one with webhooks.create_event(name).');
    END IF;
    RETURN found_id;
END $$;

COMMENT ON FUNCTION webhooks.event_id(text, text) IS
'The id of the event of that name, as payloads carry it in eventId. An unknown name is an error, which names the argument that it was given as.';


CREATE FUNCTION webhooks.own_event_id(name text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found webhooks.event;
BEGIN
    SELECT e.* INTO found FROM webhooks.event e WHERE e.id = webhooks.event_id(own_event_id.name);
    IF found.named THEN
        PERFORM webhooks.check_is_mine('event', found.name, found.created_by);
    ELSIF NOT webhooks.may_do_all(webhooks.caller())
          AND EXISTS (SELECT FROM webhooks.subscription s
                      WHERE s.event_id = found.id AND s.webhook_id NOT IN (SELECT o.id FROM webhooks.own_webhooks() o)) THEN
        RAISE EXCEPTION 'invalid argument "name": permission denied for event "%"', found.name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Webhooks of others share it: use webhooks.unsubscribe(webhook, events) to end it for your own.';
    END IF;
    RETURN found.id;
END $$;

COMMENT ON FUNCTION webhooks.own_event_id(text) IS
'For alter_event and drop_event: the id of the event of that name. One that is not the caller''s own is an error, or, where it is unnamed, one that others'' webhooks get.';
