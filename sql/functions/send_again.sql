-- Sending messages again. Rows of delivery are the queue: the worker reads them back in
-- the order of their numbers, so that what is sent again comes before newer messages of its record.

CREATE FUNCTION webhooks.running_webhook_id(webhook text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint := webhooks.webhook_id(webhook, 'webhook');
BEGIN
    -- It stays its account's webhook until what is sent again has a row, which who gives it another account takes back.
    PERFORM FROM webhooks.webhook w WHERE w.id = found_id FOR SHARE;
    IF (SELECT w.state FROM webhooks.webhook w WHERE w.id = found_id) = 'stopped' THEN
        RAISE EXCEPTION 'invalid argument "webhook": webhook "%" is stopped', webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Nothing is kept for a stopped webhook. Use webhooks.start_webhook(name) first.';
    ELSIF NOT EXISTS (SELECT FROM webhooks.endpoint e WHERE e.webhook_id = found_id AND e.state <> 'gone') THEN
        RAISE EXCEPTION 'invalid argument "webhook": webhook "%" has no endpoint that may be called', webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'All have answered 410: use webhooks.enable_endpoint(webhook, url) or webhooks.add_endpoint(webhook, url) first.';
    END IF;
    RETURN found_id;
END $$;

COMMENT ON FUNCTION webhooks.running_webhook_id(text) IS
'For resend, resend_failed and replay: the id of a webhook that messages may be sent to again. An error for one that is stopped.';


CREATE FUNCTION webhooks.told_from(of_event bigint, of_webhook bigint) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN webhooks.is_mine(e.created_by) THEN '-infinity' ELSE least(e.tells_since, s.since) END
    FROM webhooks.event e LEFT JOIN webhooks.subscription s ON s.event_id = e.id AND s.webhook_id = of_webhook
    WHERE e.id = of_event
$$;

COMMENT ON FUNCTION webhooks.told_from(bigint, bigint) IS
'From when on the caller may have a webhook told of messages of an event: always of their own; of another''s since the webhook gets it, or since it tells what it tells now.';


CREATE FUNCTION webhooks.announce_resent(endpoint_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting record;
BEGIN
    INSERT INTO webhooks.mending (endpoint_id) SELECT DISTINCT id FROM unnest(endpoint_ids) AS id ORDER BY id;

    FOR waiting IN
        SELECT w.name, w.state AS webhook_state, e.url
        FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id
        WHERE e.id = ANY (endpoint_ids) AND (e.state = 'disabled' OR w.state = 'paused')
        ORDER BY e.id
    LOOP
        IF waiting.webhook_state = 'paused' THEN
            RAISE NOTICE 'webhook "%" is paused: what is sent again to % waits', waiting.name, waiting.url
                USING HINT = 'Use webhooks.start_webhook(name).';
        ELSE
            RAISE NOTICE 'endpoint % of webhook "%" is disabled: what is sent again waits', waiting.url, waiting.name
                USING HINT = 'Use webhooks.enable_endpoint(webhook, url) when it works again.';
        END IF;
    END LOOP;
    RETURN cardinality(endpoint_ids);
END $$;

COMMENT ON FUNCTION webhooks.announce_resent(bigint[]) IS
'For resend, resend_failed and replay: tells the worker, at commit, of rows that were added for these endpoints, and the user what they wait for; gives their number.';


CREATE FUNCTION webhooks.resend(message_id text, webhook text = NULL) RETURNS bigint
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    message    webhooks.message_place := webhooks.logged_message(message_id);
    only_id    bigint  := CASE WHEN webhook IS NOT NULL THEN webhooks.running_webhook_id(webhook) END;
    all_mine   boolean := webhooks.may_do_all(webhooks.caller());
    mine       name[]  := webhooks.my_roles();
    recipients bigint[];
    resent     bigint[];
BEGIN
    -- Who got it or was to get it; of a webhook that is named, also endpoints that have come later.
    recipients := ARRAY(
        SELECT e.id
        FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id
        WHERE e.state <> 'gone' AND w.state <> 'stopped' AND (only_id IS NULL OR w.id = only_id)
          AND (all_mine OR w.created_by = ANY (mine))
          AND (w.account IS NULL OR w.account = message.account)
          AND NOT (message.record IS NOT DISTINCT FROM w.id::text AND webhooks.is_state_event(message.event_id))
          AND (EXISTS (SELECT FROM webhooks.subscription s
                       WHERE s.webhook_id = w.id AND s.event_id = message.event_id
                         AND message.at >= CASE WHEN only_id IS NULL THEN greatest(s.since, e.since)
                                                ELSE webhooks.told_from(s.event_id, w.id) END)
               OR EXISTS (SELECT FROM webhooks.attempt a
                          WHERE a.message_seq = message.seq AND a.message_at = message.at AND a.endpoint_id = e.id)
               OR EXISTS (SELECT FROM webhooks.delivery d
                          WHERE d.endpoint_id = e.id AND d.message_seq = message.seq AND d.message_at = message.at))
        FOR SHARE OF w);
    IF (SELECT w.account <> coalesce(message.account, '') FROM webhooks.webhook w WHERE w.id = only_id) THEN
        RAISE EXCEPTION 'invalid argument "webhook": "%" is for another account than message %', webhook, message_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A webhook with an account gets no message of another one.';
    ELSIF message.record = only_id::text AND webhooks.is_state_event(message.event_id) THEN
        RAISE EXCEPTION 'invalid argument "webhook": message % is about "%" itself', message_id, webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A webhook is never told about itself.';
    ELSIF recipients = '{}' AND webhook IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "webhook": "%" is not subscribed to the event of message %', webhook, message_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use webhooks.subscribe(webhook, events) first, or webhooks.explain_message(id) to see whom it was for.';
    END IF;

    WITH added AS (
        INSERT INTO webhooks.delivery AS d
            (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, resent_at)
        SELECT id, message.seq, message.at, message.xid, message.event_id, message.record, 'waiting', clock_timestamp()
        FROM unnest(recipients) AS id
        WHERE NOT EXISTS (SELECT FROM webhooks.pending_delivery p
                          WHERE p.endpoint_id = id AND p.message_seq = message.seq AND p.message_at = message.at)
        ON CONFLICT ON CONSTRAINT delivery_pkey DO UPDATE
            SET state = 'waiting', attempts = 0, first_attempt_at = NULL, resent_at = EXCLUDED.resent_at
            WHERE d.state = 'failed'
        RETURNING d.endpoint_id
    )
    SELECT array_agg(a.endpoint_id) INTO resent FROM added a;
    RETURN webhooks.announce_resent(coalesce(resent, '{}'));
END $$;

COMMENT ON FUNCTION webhooks.resend(text, text) IS
'Sends a message again, under the same id and with a schedule of its own from attempt 1 on, to the endpoints that it was for, or those of one webhook; also where it was delivered. Where it is still pending nothing is done. Returns to how many endpoints it goes.';


CREATE FUNCTION webhooks.resend_failed(webhook text, since timestamptz = NULL) RETURNS bigint
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    owner_id bigint := webhooks.running_webhook_id(webhook);
    resent   bigint[];
    gone     bigint;
    others   bigint;
BEGIN
    WITH failed AS MATERIALIZED (
        SELECT d.endpoint_id, d.message_seq, d.message_at, m.seq IS NOT NULL AS is_logged,
               w.account <> coalesce(m.account, '') AS is_others
        FROM webhooks.delivery d
             JOIN webhooks.endpoint e ON e.id = d.endpoint_id
             JOIN webhooks.webhook w ON w.id = e.webhook_id
             LEFT JOIN webhooks.message m ON m.at = d.message_at AND m.xid = d.message_xid AND m.seq = d.message_seq
        WHERE e.webhook_id = owner_id AND e.state <> 'gone' AND d.state = 'failed'
          AND (resend_failed.since IS NULL OR d.failed_at >= resend_failed.since)
    ), changed AS (
        UPDATE webhooks.delivery d
        SET state = 'waiting', attempts = 0, first_attempt_at = NULL, resent_at = clock_timestamp()
        FROM failed f
        WHERE f.is_logged AND f.is_others IS NOT TRUE AND d.state = 'failed'
          AND d.endpoint_id = f.endpoint_id AND d.message_seq = f.message_seq AND d.message_at = f.message_at
        RETURNING d.endpoint_id
    )
    SELECT (SELECT array_agg(c.endpoint_id) FROM changed c), (SELECT count(*) FROM failed f WHERE NOT f.is_logged),
           (SELECT count(*) FROM failed f WHERE f.is_logged AND f.is_others)
    INTO resent, gone, others;

    IF gone > 0 THEN
        RAISE NOTICE 'failed deliveries of webhook "%" that cannot be sent again, because their messages are not in the log any more: %', webhook, gone
            USING HINT = 'Messages are kept for webhooks.retention.';
    END IF;
    IF others > 0 THEN
        RAISE NOTICE 'failed deliveries of webhook "%" that are not sent again, because their messages are of another account: %', webhook, others
            USING HINT = 'A webhook with an account gets no message of another one. Before it was given its account, it did.';
    END IF;
    RETURN webhooks.announce_resent(coalesce(resent, '{}'));
END $$;

COMMENT ON FUNCTION webhooks.resend_failed(text, timestamptz) IS
'Sends again what has failed for a webhook, since a time or at all, as resend does, but for messages of another account, and returns how many deliveries that are. failed_delivery shows each until it is delivered.';


CREATE FUNCTION webhooks.replayed(webhook_id bigint, since timestamptz, until timestamptz)
RETURNS TABLE (endpoint_id bigint, seq bigint, at timestamptz, xid xid8, event_id bigint, record text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pending AS MATERIALIZED (
        SELECT p.endpoint_id, p.message_seq, p.message_at
        FROM webhooks.pending_delivery p
        WHERE p.webhook_id = replayed.webhook_id
          AND p.message_at >= replayed.since AND p.message_at < replayed.until
    )
    SELECT e.id, m.seq, m.at, m.xid, m.event_id, m.record
    FROM webhooks.message m
         JOIN (SELECT s.*, webhooks.told_from(s.event_id, s.webhook_id) AS told_from
               FROM webhooks.subscription s WHERE s.webhook_id = replayed.webhook_id
               OFFSET 0) AS s ON s.event_id = m.event_id AND m.at >= s.told_from
         JOIN webhooks.webhook w ON w.id = s.webhook_id AND (w.account IS NULL OR w.account = m.account)
              AND NOT (m.record IS NOT DISTINCT FROM w.id::text AND webhooks.is_state_event(m.event_id))
         JOIN webhooks.endpoint e ON e.webhook_id = w.id AND e.state <> 'gone'
         LEFT JOIN pending p ON p.endpoint_id = e.id AND p.message_seq = m.seq AND p.message_at = m.at
    WHERE m.at >= replayed.since AND m.at < replayed.until AND p.endpoint_id IS NULL
$$;

COMMENT ON FUNCTION webhooks.replayed(bigint, timestamptz, timestamptz) IS
'For replay: the deliveries that it is about.';


CREATE FUNCTION webhooks.replay(webhook text, since timestamptz, until timestamptz = now(), dry_run boolean = false) RETURNS bigint
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    owner_id bigint := webhooks.running_webhook_id(webhook);
    log_from timestamptz := (SELECT min(p.day)::timestamp AT TIME ZONE 'UTC' FROM webhooks.log_partition p WHERE p.log = 'message');
    resent   bigint[];
BEGIN
    PERFORM webhooks.check_flag('dry_run', dry_run, 'Give true to be told how many deliveries that would be, or false to send them.');
    IF since IS NULL OR until IS NULL THEN
        RAISE EXCEPTION 'invalid argument "%": it is NULL', CASE WHEN since IS NULL THEN 'since' ELSE 'until' END
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the time from which on messages are sent again, such as now() - interval ''1 day'', and leave until out to send all since.';
    ELSIF since >= until THEN
        RAISE EXCEPTION 'invalid argument "since": % is not before %', since, until
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Messages are sent again that were recorded from since on and before until.';
    ELSIF greatest(since, (SELECT w.created_at FROM webhooks.webhook w WHERE w.id = owner_id)) < log_from THEN
        RAISE NOTICE 'the log begins at %: earlier messages are not in it any more', log_from
            USING HINT = 'Messages are kept for webhooks.retention.';
    END IF;

    IF dry_run THEN
        RETURN (SELECT count(*) FROM webhooks.replayed(owner_id, since, until));
    END IF;
    WITH added AS (
        INSERT INTO webhooks.delivery AS d
            (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, resent_at)
        SELECT r.endpoint_id, r.seq, r.at, r.xid, r.event_id, r.record, 'waiting', clock_timestamp()
        FROM webhooks.replayed(owner_id, since, until) r
        ORDER BY r.endpoint_id, r.seq
        ON CONFLICT ON CONSTRAINT delivery_pkey DO UPDATE
            SET state = 'waiting', attempts = 0, first_attempt_at = NULL, resent_at = EXCLUDED.resent_at
            WHERE d.state = 'failed'
        RETURNING d.endpoint_id
    )
    SELECT array_agg(a.endpoint_id) INTO resent FROM added a;
    RETURN webhooks.announce_resent(coalesce(resent, '{}'));
END $$;

COMMENT ON FUNCTION webhooks.replay(text, timestamptz, timestamptz, boolean) IS
'Sends a webhook again, in order and under the same ids, all messages of what it is subscribed to that were recorded from since until (not including) until and are still in the log, whether delivered or not, also those from before the subscription; not those that are pending already. Returns how many deliveries that are; dry_run only counts.';
