-- Which webhook gets which event. Takes no lock on any table that is watched.

CREATE FUNCTION webhooks.subscribe_to(webhook_id bigint, event_id bigint, payload jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    event webhooks.event;
BEGIN
    -- Against a session that drops the event just now: either it waits, or this one sees what it did.
    SELECT e.* INTO event FROM webhooks.event e WHERE e.id = event_id AND e.dropped_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "events": one was dropped meanwhile'
            USING ERRCODE = 'undefined_object',
                  HINT = 'Look at webhooks.event_stats for those that there are.';
    END IF;
    PERFORM webhooks.check_may_receive(event);

    PERFORM webhooks.check_payload_for_event(coalesce(payload, w.payload), event_id)
    FROM webhooks.webhook w WHERE w.id = webhook_id;

    INSERT INTO webhooks.subscription AS s (webhook_id, event_id, payload) VALUES (webhook_id, event_id, payload)
    ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE
        SET by_name = true, payload = coalesce(excluded.payload, s.payload)
        WHERE NOT s.by_name OR excluded.payload IS NOT NULL AND s.payload IS DISTINCT FROM excluded.payload;
    IF FOUND THEN
        PERFORM webhooks.note_change(webhook_id);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.subscribe_to(bigint, bigint, jsonb) IS
'For subscribe and add_event. Where the subscription exists, be it that a pattern made it, a payload replaces the one that it has.';


CREATE FUNCTION webhooks.check_event_list(events text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- array_position takes only those of one dimension.
    IF array_ndims(events) > 1 THEN
        RAISE EXCEPTION 'invalid argument "events": it is a list of lists'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give names of events, such as ''{lead:won,lead:lost}'', or patterns, such as ''{lead:*}''.';
    ELSIF events IS NULL OR cardinality(events) = 0 OR array_position(events, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "events": it is NULL, empty or contains NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give names of events, such as ''{lead:won,lead:lost}'', or patterns, such as ''{lead:*}''.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_event_list(text[]) IS
'For subscribe and unsubscribe: raises an error unless there is at least one name or pattern.';


CREATE FUNCTION webhooks.subscribe_for(maker name, webhook text, events text[], payload jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook, 'webhook');
    event      text;
BEGIN
    PERFORM webhooks.check_event_list(events);
    PERFORM webhooks.check_payload(payload);
    FOREACH event IN ARRAY events LOOP
        PERFORM webhooks.make_state_events(webhook_id, event);
        IF strpos(event, '*') > 0 THEN
            PERFORM webhooks.subscribe_to_pattern(maker, webhook_id, event, payload);
        ELSE
            PERFORM webhooks.subscribe_to(webhook_id, webhooks.event_id(event, 'events'), payload);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.subscribe_for(name, text, text[], jsonb) IS
'For subscribe and save_webhook: subscribes a webhook, by patterns as the maker, whose privileges the caller must have.';


CREATE FUNCTION webhooks.subscribe(webhook text, events text[], payload jsonb = NULL) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
BEGIN
    PERFORM webhooks.subscribe_for(webhooks.caller_name(), webhook, events, payload);
END $$;

COMMENT ON FUNCTION webhooks.subscribe(text, text[], jsonb) IS
'Subscribes a webhook to events by name, or by patterns, in which * stands for any characters: lead:*, *:created, *. A pattern also catches named events that are made or renamed later; those that the product raises itself (webhook.started, webhook.stopped, webhook.errors) only if it begins with webhook, and those of one webhook (webhook7.started and so on) only if it begins with that. It gets their messages from now on. payload is the shape of these bodies, a preset or a template, where it is another than the webhook''s; of several patterns the longest counts. An unknown name is an error; a subscription that exists is kept, with the payload if one is given.';


CREATE FUNCTION webhooks.unsubscribe_from(webhook text, webhook_id bigint, event text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    event_id bigint := webhooks.event_id(event, 'events');
    caught   text;
BEGIN
    PERFORM webhooks.lock_patterns(exclusively => false);
    caught := (SELECT p.pattern FROM webhooks.wanted_by_patterns(webhook_id, event_id) p);

    UPDATE webhooks.subscription s SET by_name = false
    WHERE s.webhook_id = webhook_id AND s.event_id = event_id AND s.by_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "events": webhook "%" is not subscribed to event "%"%', webhook, event,
                        CASE WHEN caught IS NOT NULL THEN ' by name' ELSE '' END
            USING ERRCODE = 'undefined_object',
                  HINT = CASE WHEN caught IS NULL THEN 'Leave it out: there is nothing to end.'
                              ELSE format('It gets it through its pattern "%s": unsubscribe that, and subscribe to the others by name or by a narrower pattern.', caught)
                         END;
    END IF;

    PERFORM webhooks.follow_patterns(webhook_id, event_id);
    IF EXISTS (SELECT FROM webhooks.subscription s WHERE s.webhook_id = webhook_id AND s.event_id = event_id) THEN
        RAISE NOTICE 'webhook "%" still gets event "%" through its pattern "%"', webhook, event, caught
            USING HINT = 'Use webhooks.unsubscribe(webhook, events) with that pattern to end all that it catches.';
    END IF;
    PERFORM webhooks.drop_unused_events(ARRAY[event_id]);
END $$;

COMMENT ON FUNCTION webhooks.unsubscribe_from(text, bigint, text) IS
'For unsubscribe: ends what was asked for by name. Where a pattern matches too, the subscription is from now on the pattern''s.';


CREATE FUNCTION webhooks.unsubscribe(webhook text, events text[]) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook, 'webhook');
    event      text;
BEGIN
    PERFORM webhooks.check_event_list(events);
    -- First the webhook itself, as who drops it.
    PERFORM webhooks.note_change(webhook_id);
    -- Patterns first: what they caught may have been asked for by name too.
    FOR event IN SELECT given FROM unnest(events) AS given ORDER BY strpos(given, '*') = 0 LOOP
        IF strpos(event, '*') > 0 THEN
            PERFORM webhooks.unsubscribe_from_pattern(webhook, webhook_id, event);
        ELSE
            PERFORM webhooks.unsubscribe_from(webhook, webhook_id, event);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.unsubscribe(text, text[]) IS
'Ends subscriptions, and what is pending for them is not sent. A name ends what was asked for by name; a pattern, given as it was to subscribe, ends what only it has caught. An event that is still caught by a pattern cannot be ended by name. An unnamed event that no other webhook wants is dropped.';
