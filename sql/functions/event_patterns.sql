-- Patterns: what they match, and the subscriptions that follow from them. At any time, what a webhook gets is what it asked
-- for by name and what one of its patterns matches; follow_patterns makes it so when a name or a pattern is new or gone.

CREATE FUNCTION webhooks.is_caught(name text, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT name LIKE replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
           -- What the product itself raises is caught only by who means it: '*' is about what users tell.
           -- Those of one webhook only by who names it: else one occurrence would be told twice.
           AND (name !~ '^webhook[0-9]*\.'
                OR starts_with(pattern, coalesce(substring(name FROM '^webhook[0-9]+\.'), 'webhook')))
$$;

COMMENT ON FUNCTION webhooks.is_caught(text, text) IS
'Whether a pattern matches an event''s name: * stands for any characters, also none. Names that begin with webhook. are matched only by patterns that begin with webhook, those that begin with webhook<id>. only by patterns that begin so.';


CREATE FUNCTION webhooks.lock_patterns(exclusively boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Who makes or renames an event must see every pattern, and who changes a pattern every event. Rows are not enough for
    -- that: those that the other session has not committed cannot be waited for.
    PERFORM webhooks.lock_definitions('webhooks.subscription_pattern'::regclass, 0, exclusively);
END $$;

COMMENT ON FUNCTION webhooks.lock_patterns(boolean) IS
'Until the transaction ends: no pattern comes or goes, or, exclusively, no event is given a name either.';


CREATE FUNCTION webhooks.wanted_by_patterns(of_webhook bigint, of_event bigint)
RETURNS TABLE (webhook_id bigint, event_id bigint, pattern text, payload jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Of several the longest says most about what it is meant for. In PL/pgSQL the query is planned for what is asked, be it
    -- one event among many.
    RETURN QUERY SELECT DISTINCT ON (p.webhook_id, e.id) p.webhook_id, e.id, p.pattern, p.payload
    FROM webhooks.subscription_pattern p
         JOIN webhooks.event e ON e.named AND e.dropped_at IS NULL AND webhooks.is_caught(e.name, p.pattern)
         JOIN webhooks.webhook w ON w.id = p.webhook_id
    WHERE (of_webhook IS NULL OR p.webhook_id = of_webhook) AND (of_event IS NULL OR e.id = of_event)
      AND (p.any_event
           OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w.created_by AND webhooks.may_be_caught(r.oid, e))
           OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w.created_by)
              AND EXISTS (SELECT FROM webhooks.subscription s WHERE s.webhook_id = p.webhook_id AND s.event_id = e.id))
    ORDER BY p.webhook_id, e.id, length(p.pattern) DESC, p.pattern COLLATE "C";
END $$;

COMMENT ON FUNCTION webhooks.wanted_by_patterns(bigint, bigint) IS
'What patterns match, of one webhook or all and one event or all: each event once for a webhook, with the longest pattern that catches it, whose payload counts. Of a pattern that a manager subscribed to only what may be caught for the webhook''s maker; where that role is gone, as in a copy of the database, what the webhook has.';


CREATE FUNCTION webhooks.follow_patterns(of_webhook bigint, of_event bigint, asked text = NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended  record;
    wanted record;
    reason text;
BEGIN
    PERFORM webhooks.lock_endpoints(of_webhook, of_event);
    FOR ended IN
        DELETE FROM webhooks.subscription s
        USING webhooks.event e, webhooks.webhook w
        WHERE e.id = s.event_id AND w.id = s.webhook_id AND NOT s.by_name
          AND (of_webhook IS NULL OR s.webhook_id = of_webhook) AND (of_event IS NULL OR s.event_id = of_event)
          AND NOT EXISTS (SELECT FROM webhooks.wanted_by_patterns(of_webhook, of_event) p
                          WHERE p.webhook_id = s.webhook_id AND p.event_id = s.event_id)
        RETURNING s.webhook_id, s.event_id, w.name AS webhook, e.name AS event
    LOOP
        PERFORM webhooks.drop_pending(ended.webhook_id, ended.event_id);
        IF of_webhook IS NULL THEN
            RAISE NOTICE 'webhook "%" is no longer subscribed to event "%": none of its patterns catches it',
                ended.webhook, ended.event
                USING HINT = 'Use webhooks.subscribe(webhook, events) if it should be.';
        END IF;
    END LOOP;

    -- The locks wait for who drops one of them just now, and leave out what is gone then. A payload that names no columns fits
    -- every event.
    INSERT INTO webhooks.subscription AS s (webhook_id, event_id, by_name, payload)
    SELECT p.webhook_id, p.event_id, false, p.payload
    FROM webhooks.wanted_by_patterns(of_webhook, of_event) p
         JOIN webhooks.webhook w ON w.id = p.webhook_id
         JOIN webhooks.event e ON e.id = p.event_id
    WHERE e.dropped_at IS NULL
      AND NOT EXISTS (SELECT FROM webhooks.payload_columns(convert_to(coalesce(p.payload, w.payload)::text, 'UTF8')))
    ORDER BY p.webhook_id, p.event_id
    FOR KEY SHARE OF w, e
    ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE SET payload = excluded.payload
    WHERE NOT s.by_name AND s.payload IS DISTINCT FROM excluded.payload;

    FOR wanted IN
        SELECT p.*, w.name AS webhook, e.name AS event, coalesce(p.payload, w.payload) AS shape
        FROM webhooks.wanted_by_patterns(of_webhook, of_event) p
             JOIN webhooks.webhook w ON w.id = p.webhook_id
             JOIN webhooks.event e ON e.id = p.event_id
        WHERE e.dropped_at IS NULL
          AND NOT EXISTS (SELECT FROM webhooks.subscription s
                          WHERE s.webhook_id = p.webhook_id AND s.event_id = p.event_id
                            AND (s.by_name OR s.payload IS NOT DISTINCT FROM p.payload))
        ORDER BY p.webhook_id, p.event_id
        FOR KEY SHARE OF w, e
    LOOP
        BEGIN
            PERFORM webhooks.check_payload_for_event(wanted.shape, wanted.event_id);
            INSERT INTO webhooks.subscription AS s (webhook_id, event_id, by_name, payload)
            VALUES (wanted.webhook_id, wanted.event_id, false, wanted.payload)
            ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE SET payload = excluded.payload WHERE NOT s.by_name;
        EXCEPTION WHEN invalid_parameter_value THEN
            IF wanted.pattern = asked THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
            DELETE FROM webhooks.subscription s
            WHERE s.webhook_id = wanted.webhook_id AND s.event_id = wanted.event_id AND NOT s.by_name;
            PERFORM webhooks.drop_pending(wanted.webhook_id, wanted.event_id);
            RAISE WARNING 'webhook "%" does not get event "%", although its pattern "%" matches: %',
                wanted.webhook, wanted.event, wanted.pattern, replace(reason, 'invalid argument "payload": ', '')
                USING HINT = 'Use webhooks.subscribe(webhook, events, payload) with this event''s name and a payload that fits it.';
        END;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.follow_patterns(bigint, bigint, text) IS
'For subscribe, unsubscribe, create_event and alter_event, under lock_patterns: makes and ends the subscriptions that patterns make, of one webhook or all and one event or all. An event that has columns which a payload needs and does not have is an error for who asks for the pattern, and else a WARNING.';


CREATE FUNCTION webhooks.subscribe_to_pattern(maker name, webhook_id bigint, pattern text, payload jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM webhooks.check_name('events', pattern);
    PERFORM webhooks.lock_patterns(exclusively => true);
    INSERT INTO webhooks.subscription_pattern AS p (webhook_id, pattern, payload, any_event)
    VALUES (webhook_id, pattern, payload, webhooks.may_do_all(webhooks.role_named(maker)))
    ON CONFLICT ON CONSTRAINT subscription_pattern_pkey DO UPDATE
        SET payload = coalesce(excluded.payload, p.payload), any_event = p.any_event OR excluded.any_event
        WHERE excluded.payload IS DISTINCT FROM p.payload AND excluded.payload IS NOT NULL OR excluded.any_event > p.any_event;
    IF FOUND THEN
        PERFORM webhooks.note_change(webhook_id);
    END IF;
    PERFORM webhooks.follow_patterns(webhook_id, NULL, pattern);
END $$;

COMMENT ON FUNCTION webhooks.subscribe_to_pattern(name, bigint, text, jsonb) IS
'For subscribe and apply_config. Where the webhook has the pattern, a payload replaces the one that it has.';


CREATE FUNCTION webhooks.unsubscribe_from_pattern(webhook text, webhook_id bigint, pattern text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM webhooks.lock_patterns(exclusively => true);
    DELETE FROM webhooks.subscription_pattern p WHERE p.webhook_id = webhook_id AND p.pattern = pattern;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "events": webhook "%" is not subscribed to pattern "%"', webhook, pattern
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Its patterns are: ' || (SELECT string_agg(p.pattern, ', ' ORDER BY p.pattern COLLATE "C")
                                                           FROM webhooks.subscription_pattern p WHERE p.webhook_id = webhook_id),
                                  'It has no patterns: what it is subscribed to by name is ended by name.');
    END IF;
    PERFORM webhooks.follow_patterns(webhook_id, NULL);
END $$;

COMMENT ON FUNCTION webhooks.unsubscribe_from_pattern(text, bigint, text) IS
'For unsubscribe. What the webhook asked for by name, or another of its patterns matches, stays.';
