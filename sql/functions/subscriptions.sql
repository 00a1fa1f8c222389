-- Which webhook gets which event. Takes no lock on any table that is watched.

CREATE FUNCTION webhooks.subscribe_to(webhook_id bigint, event_id bigint, payload jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    -- Against a session that drops the event just now: either it waits, or this one sees what it did.
    PERFORM FROM webhooks.event e WHERE e.id = event_id AND e.dropped_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "events": one was dropped meanwhile'
            USING ERRCODE = 'undefined_object',
                  HINT = 'Look at webhooks.event_stats for those that there are.';
    END IF;

    PERFORM webhooks.check_payload_for_event(coalesce(payload, w.payload), event_id)
    FROM webhooks.webhook w WHERE w.id = webhook_id;

    INSERT INTO webhooks.subscription AS s (webhook_id, event_id, payload) VALUES (webhook_id, event_id, payload)
    ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE SET payload = excluded.payload
    WHERE excluded.payload IS NOT NULL AND s.payload IS DISTINCT FROM excluded.payload;
END $$;

COMMENT ON FUNCTION webhooks.subscribe_to(bigint, bigint, jsonb) IS
'For subscribe and add_event. Where the subscription exists, a payload replaces the one that it has.';


CREATE FUNCTION webhooks.check_event_list(events text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF events IS NULL OR cardinality(events) = 0 OR array_position(events, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "events": it is NULL, empty or contains NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the names of events, such as ''{lead:won,lead:lost}''.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_event_list(text[]) IS
'For subscribe and unsubscribe: raises an error unless there is at least one name.';


CREATE FUNCTION webhooks.subscribe(webhook text, events text[], payload jsonb = NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook);
    event      text;
BEGIN
    PERFORM webhooks.check_event_list(events);
    PERFORM webhooks.check_payload(payload);
    FOREACH event IN ARRAY events LOOP
        PERFORM webhooks.subscribe_to(webhook_id, webhooks.event_id(event), payload);
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.subscribe(text, text[], jsonb) IS
'Subscribes a webhook to events by name: it gets their messages from now on. payload is the shape of these bodies, a preset or a template, where it is another than the webhook''s. An unknown name is an error; a subscription that exists is kept, with the payload if one is given.';


CREATE FUNCTION webhooks.unsubscribe(webhook text, events text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook);
    event      text;
    event_id   bigint;
BEGIN
    PERFORM webhooks.check_event_list(events);
    FOREACH event IN ARRAY events LOOP
        event_id := webhooks.event_id(event);

        DELETE FROM webhooks.subscription s WHERE s.webhook_id = webhook_id AND s.event_id = event_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'invalid argument "events": webhook "%" is not subscribed to event "%"', webhook, event
                USING ERRCODE = 'undefined_object',
                      HINT = 'Leave it out: there is nothing to end.';
        END IF;

        PERFORM webhooks.drop_pending(webhook_id, event_id);
        PERFORM webhooks.drop_unused_events(ARRAY[event_id]);
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.unsubscribe(text, text[]) IS
'Ends subscriptions by name, and what is pending for them is not sent. An unnamed event that no other webhook wants is dropped.';
