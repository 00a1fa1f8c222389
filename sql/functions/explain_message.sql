-- The story of one message, from what the tables know.

CREATE FUNCTION webhooks.waiting_behind(message webhooks.message_place, endpoint webhooks.endpoint, ordering text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT webhooks.message_id(p.message_at, p.message_seq)
    FROM webhooks.pending_delivery p
         JOIN webhooks.event its ON its.id = p.event_id
         JOIN webhooks.event mine ON mine.id = message.event_id
    WHERE p.endpoint_id = endpoint.id AND p.message_seq < message.seq
      AND (ordering = 'strict'
           OR ordering = 'record' AND p.record = message.record
              AND (its.object_schema, its.object_name) IS NOT DISTINCT FROM (mine.object_schema, mine.object_name))
    ORDER BY p.message_seq
    LIMIT 1
$$;

COMMENT ON FUNCTION webhooks.waiting_behind(webhooks.message_place, webhooks.endpoint, text) IS
'For explain_message: the earliest pending message that this one must not overtake on its way to the endpoint. NULL if there is none.';


CREATE FUNCTION webhooks.explain_hold(endpoint webhooks.endpoint, webhook webhooks.webhook) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worker_state text := (SELECT s.state FROM webhooks.status() s);
BEGIN
    IF worker_state <> 'running' THEN
        RETURN NEXT format('nothing is sent at all: the worker is %s, see webhooks.status()', worker_state);
    END IF;
    IF webhook.state = 'paused' THEN
        RETURN NEXT 'the webhook is paused, until webhooks.start_webhook';
    END IF;
    IF endpoint.state = 'disabled' THEN
        RETURN NEXT format('the endpoint is disabled since %s, until webhooks.enable_endpoint: %s', endpoint.state_since, endpoint.state_reason);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.explain_hold(webhooks.endpoint, webhooks.webhook) IS
'For explain_message: why nothing is sent to an endpoint at present, whatever it is, a line each.';


CREATE FUNCTION webhooks.explain_wait(message webhooks.message_place, endpoint webhooks.endpoint, webhook webhooks.webhook)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    earlier    text := webhooks.waiting_behind(message, endpoint, webhook.ordering);
    health     record;
    is_waiting boolean;
BEGIN
    RETURN QUERY SELECT webhooks.explain_hold(endpoint, webhook);
    is_waiting := FOUND;
    IF earlier IS NOT NULL THEN
        RETURN NEXT format('%s comes first: %s', earlier,
                           CASE webhook.ordering WHEN 'strict' THEN 'the order is strict' ELSE 'it is about the same record' END);
        is_waiting := true;
    END IF;

    SELECT s.last_error_at > s.last_success_at OR s.last_success_at IS NULL AND s.last_error_at IS NOT NULL AS is_failing,
           s.last_error,
           (SELECT min(d.due_at) FROM webhooks.delivery d WHERE d.endpoint_id = endpoint.id AND d.state = 'retrying') AS due_at
    INTO health
    FROM webhooks.endpoint_stats s WHERE s.webhook = webhook.name AND s.url = endpoint.url;
    IF health.is_failing THEN
        RETURN NEXT format('the last call to the endpoint failed (%s). After five errors in a row it gets single calls only until one succeeds%s',
                           health.last_error, '; a retry is due at ' || health.due_at);
        is_waiting := true;
    END IF;
    IF webhook.throttle_calls IS NOT NULL THEN
        RETURN NEXT format('the endpoint gets at most %s calls in any %s', webhook.throttle_calls, webhook.throttle_per);
        is_waiting := true;
    END IF;
    IF NOT is_waiting THEN
        RETURN NEXT format('nothing but its turn: %s calls are open in this database', (SELECT s.in_flight FROM webhooks.worker_state() s));
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.explain_wait(webhooks.message_place, webhooks.endpoint, webhooks.webhook) IS
'For explain_message: what a pending message waits for, a line each.';


CREATE FUNCTION webhooks.explain_absence(message webhooks.message_place, endpoint webhooks.endpoint, webhook webhooks.webhook)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subscribed_at timestamptz := (SELECT s.since FROM webhooks.subscription s
                                  WHERE s.webhook_id = webhook.id AND s.event_id = message.event_id);
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT FROM webhooks.mending c
                     WHERE c.endpoint_id = endpoint.id AND pg_visible_in_snapshot(message.xid, c.cancelled)
                       AND (c.message_seq IS NULL OR c.message_seq = message.seq AND c.message_at = message.at))
            THEN 'never: it was cancelled'
        WHEN webhook.state = 'stopped'
            THEN 'never: the webhook is stopped, nothing is kept for it'
        WHEN webhook.account <> coalesce(message.account, '')
            THEN 'never: the webhook is for another account'
        WHEN message.record = webhook.id::text AND webhooks.is_state_event(message.event_id)
            THEN 'never: it is about this webhook, and none is told about itself'
        WHEN subscribed_at IS NULL
            THEN 'never: the webhook is not subscribed to the event any more'
        WHEN message.at < subscribed_at
            THEN format('never: the webhook subscribed, or was started after a stop, later: at %s', subscribed_at)
        WHEN endpoint.state = 'gone'
            THEN format('never: the endpoint is gone since %s: %s', endpoint.state_since, endpoint.state_reason)
        WHEN message.at < endpoint.since
            THEN format('never: the endpoint was added, or enabled after it was gone, later: at %s', endpoint.since)
        ELSE 'nothing is pending and no attempt is known: it was cancelled or withdrawn, or what became of it is older than webhooks.retention'
    END;
END $$;

COMMENT ON FUNCTION webhooks.explain_absence(webhooks.message_place, webhooks.endpoint, webhooks.webhook) IS
'For explain_message: why nothing of a message goes to an endpoint.';


CREATE FUNCTION webhooks.explain_attempt(made webhooks.attempt) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('attempt %s at %s took %s ms: %s', made.attempt, made.at, round(made.duration_us / 1000.0, 1),
                  coalesce(made.error, 'status: ' || made.status))
$$;

COMMENT ON FUNCTION webhooks.explain_attempt(webhooks.attempt) IS
'For explain_message: what came of one attempt.';


CREATE FUNCTION webhooks.explain_delivery(message webhooks.message_place, endpoint webhooks.endpoint, webhook webhooks.webhook)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempt      webhooks.attempt;
    kept         webhooks.delivery;
    pending      text;
    delivered_at timestamptz;
BEGIN
    FOR attempt IN
        SELECT a.* FROM webhooks.attempt a
        WHERE a.message_seq = message.seq AND a.message_at = message.at AND a.endpoint_id = endpoint.id
        ORDER BY a.at
    LOOP
        RETURN NEXT webhooks.explain_attempt(attempt);
        delivered_at := CASE WHEN attempt.delivered THEN attempt.at ELSE delivered_at END;
    END LOOP;

    SELECT d.* INTO kept FROM webhooks.delivery d
    WHERE d.endpoint_id = endpoint.id AND d.message_seq = message.seq AND d.message_at = message.at;
    SELECT p.state INTO pending FROM webhooks.pending_delivery p
    WHERE p.endpoint_id = endpoint.id AND p.message_seq = message.seq AND p.message_at = message.at;

    IF kept.resent_at IS NOT NULL THEN
        RETURN NEXT format('sent again since %s, with attempts counted from 1', kept.resent_at);
    END IF;
    IF kept.failed_at IS NOT NULL THEN
        RETURN NEXT format('%s at %s: %s', CASE kept.state WHEN 'failed' THEN 'failed for good' ELSE 'had failed' END,
                           kept.failed_at, kept.last_error);
    END IF;
    IF kept.state = 'retrying' AND kept.due_at > clock_timestamp() THEN
        RETURN NEXT format('waits for its next attempt, due at %s', kept.due_at);
        RETURN QUERY SELECT 'waits: ' || reason FROM webhooks.explain_hold(endpoint, webhook) AS reason;
    ELSIF pending IS NOT NULL THEN
        RETURN QUERY SELECT 'waits: ' || reason FROM webhooks.explain_wait(message, endpoint, webhook) AS reason;
    ELSIF kept.state IS NULL AND delivered_at IS NOT NULL THEN
        RETURN NEXT format('delivered at %s', delivered_at);
    ELSIF kept.state IS NULL THEN
        RETURN NEXT webhooks.explain_absence(message, endpoint, webhook);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.explain_delivery(webhooks.message_place, webhooks.endpoint, webhooks.webhook) IS
'For explain_message: the story of a message and one endpoint.';


CREATE FUNCTION webhooks.explain_record(message webhooks.message_place, is_logged boolean) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s was recorded at %s%s%s%s', webhooks.message_id(message.at, message.seq), message.at,
                  (SELECT format(' by event %s (%s%s)', e.name, e.type, ' on ' || e.object_schema || '.' || e.object_name)
                   FROM webhooks.event e WHERE e.id = message.event_id),
                  ', about record ' || message.record,
                  CASE WHEN NOT is_logged THEN '; it is not in the log any more' END)
$$;

COMMENT ON FUNCTION webhooks.explain_record(webhooks.message_place, boolean) IS
'For explain_message: when a message was recorded and by what.';


CREATE FUNCTION webhooks.explain_message(id text) RETURNS SETOF text
LANGUAGE webhooks_plpgsql STABLE
AS $$
DECLARE
    message   webhooks.message_place;
    event     webhooks.event;
    is_logged boolean;
    all_mine  boolean := webhooks.may_do_all(webhooks.caller());
    mine      name[]  := webhooks.my_roles();
    may_tell  boolean;
    others    bigint;
    is_told   boolean;
BEGIN
    IF webhooks.message_seq_of(explain_message.id) IS NULL THEN
        RAISE EXCEPTION 'invalid argument "id": % is no message id', coalesce(quote_literal(explain_message.id), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the id that the receiver got in the header webhook-id, or one from webhooks.attempt_log: msg_ and 26 characters.';
    END IF;
    message.at := webhooks.message_at_of(explain_message.id);
    message.seq := webhooks.message_seq_of(explain_message.id);

    -- The log knows most; the attempts and what failed may outlive it.
    SELECT k.xid, k.event_id, k.record, k.account, k.is_logged
    INTO message.xid, message.event_id, message.record, message.account, is_logged
    FROM (SELECT m.xid, m.event_id, m.record, m.account, true AS is_logged
          FROM webhooks.message m WHERE m.at = message.at AND m.seq = message.seq
          UNION ALL
          SELECT d.message_xid, d.event_id, d.record, NULL, false
          FROM webhooks.delivery d WHERE d.message_at = message.at AND d.message_seq = message.seq
          UNION ALL
          SELECT NULL, a.event_id, NULL, NULL, false
          FROM webhooks.attempt a WHERE a.message_at = message.at AND a.message_seq = message.seq) AS k
    ORDER BY k.is_logged DESC
    LIMIT 1;
    SELECT e.* INTO event FROM webhooks.event e WHERE e.id = message.event_id;
    may_tell := message.event_id IS NOT NULL AND webhooks.may_receive(webhooks.caller(), event)
                AND message.at >= webhooks.told_from(message.event_id, NULL);

    -- There can be one for each of many accounts: they are told one by one only where they are few.
    SELECT count(*) INTO others
    FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id
    WHERE is_logged AND may_tell AND s.event_id = message.event_id AND w.account <> coalesce(message.account, '')
      AND (all_mine OR w.created_by = ANY (mine));

    -- The error below takes it back.
    RETURN NEXT webhooks.explain_record(message, is_logged);
    RETURN QUERY
    SELECT format('%s, %s: %s', w.name, e.url, told.line)
    FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id,
         webhooks.explain_delivery(message, e, w) WITH ORDINALITY AS told (line, n)
    WHERE (all_mine OR w.created_by = ANY (mine))
      AND ((w.account IS NULL OR w.account = message.account OR others BETWEEN 1 AND 10)
           AND EXISTS (SELECT FROM webhooks.subscription s WHERE s.webhook_id = w.id AND s.event_id = message.event_id)
           AND message.at >= webhooks.told_from(message.event_id, w.id)
           OR EXISTS (SELECT FROM webhooks.attempt a
                      WHERE a.message_seq = message.seq AND a.message_at = message.at AND a.endpoint_id = e.id)
           OR EXISTS (SELECT FROM webhooks.delivery d
                      WHERE d.endpoint_id = e.id AND d.message_seq = message.seq AND d.message_at = message.at))
    ORDER BY w.id, e.id, told.n;
    is_told := FOUND;

    RETURN QUERY
    SELECT concat_ws(', ', w.name, 'an endpoint that was dropped since: ') || webhooks.explain_attempt(a)
    FROM webhooks.attempt a LEFT JOIN webhooks.webhook w ON w.id = a.webhook_id
    WHERE a.message_seq = message.seq AND a.message_at = message.at AND (all_mine OR w.created_by = ANY (mine))
      AND NOT EXISTS (SELECT FROM webhooks.endpoint e WHERE e.id = a.endpoint_id)
    ORDER BY a.endpoint_id, a.at;
    is_told := is_told OR FOUND;

    IF others > 10 THEN
        RETURN NEXT format('%s webhooks that are subscribed to the event: never: they are for other accounts', others);
    ELSIF is_told THEN
        RETURN;
    ELSIF may_tell IS NOT TRUE THEN
        RAISE EXCEPTION 'invalid argument "id": message % is not known', explain_message.id
            USING ERRCODE = 'no_data_found',
                  HINT = 'It is older than webhooks.retention, of another database, of a transaction that has not committed, or for webhooks of others.';
    ELSE
        RETURN NEXT format('never sent: no webhook%s is subscribed to the event%s',
                           CASE WHEN NOT all_mine THEN ' of yours' END,
                           CASE WHEN message.account IS NOT NULL THEN ' and for its account' END);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.explain_message(text) IS
'The whole story of a message, a line each: what recorded it, and for each endpoint every attempt and whether it was delivered, waits for what until when, has failed, or is never sent and why. Of endpoints that were dropped since it has the attempts; of webhooks of other accounts, where they are many, only how many. What a full lane or an open breaker holds back only the worker''s memory knows exactly; that is told as far as the tables show it.';
