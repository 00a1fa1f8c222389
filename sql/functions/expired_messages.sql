-- What becomes of messages that are older than webhooks.retention.

CREATE FUNCTION webhooks.fail_expired_deliveries(messages_from timestamptz, messages_to timestamptz) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH expired AS (
        UPDATE webhooks.delivery d
        SET state = 'failed', due_at = NULL, failed_at = now(), last_error = 'expired'
        WHERE d.state <> 'failed' AND d.message_at >= messages_from AND d.message_at < messages_to
        RETURNING d.endpoint_id, d.event_id, d.message_at, d.message_seq
    ), tallied AS (
        INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, failed)
        SELECT now(), e.webhook_id, x.endpoint_id, x.event_id, count(*)
        FROM expired x JOIN webhooks.endpoint e ON e.id = x.endpoint_id
        GROUP BY e.webhook_id, x.endpoint_id, x.event_id
    ), troubled AS (
        SELECT x.endpoint_id, count(*), count(*) FILTER (WHERE v.type LIKE 'webhook.%'), 0::bigint, false, NULL::int, 'expired',
               array_agg(webhooks.message_id(x.message_at, x.message_seq)) FILTER (WHERE x.n <= 5)
        FROM (SELECT *, row_number() OVER (PARTITION BY endpoint_id ORDER BY message_seq) AS n FROM expired) AS x
             JOIN webhooks.event v ON v.id = x.event_id
        GROUP BY x.endpoint_id
    )
    SELECT webhooks.tell_errors(ARRAY(SELECT t::webhooks.trouble FROM troubled t))
$$;

COMMENT ON FUNCTION webhooks.fail_expired_deliveries(timestamptz, timestamptz) IS
'For drop_expired_partitions: pending deliveries whose message is about to go become failed ones, with the error expired, and webhook.errors tells.';


CREATE FUNCTION webhooks.empty_message_partition(day_from timestamptz, day_to timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Asked while the partition is locked: a transaction that held it open until now may have committed.
    IF EXISTS (SELECT FROM webhooks.unread_messages() m WHERE m.at >= day_from AND m.at < day_to) THEN
        RETURN false;
    END IF;
    PERFORM webhooks.fail_expired_deliveries(day_from, day_to);
    RETURN true;
END $$;

COMMENT ON FUNCTION webhooks.empty_message_partition(timestamptz, timestamptz) IS
'For drop_expired_partitions: true if the worker has read that day''s messages, so that they can go; none of them is pending then.';


CREATE FUNCTION webhooks.delete_expired_rows(expired_before timestamptz, oldest_unread timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    handled_before timestamptz := least(expired_before, oldest_unread);
BEGIN
    IF EXISTS (SELECT FROM webhooks.message_default m WHERE m.at < handled_before) THEN
        PERFORM webhooks.fail_expired_deliveries('-infinity', handled_before);
        -- Not those that a transaction has only just committed.
        DELETE FROM webhooks.message_default m
        WHERE m.at < handled_before
          AND NOT EXISTS (SELECT FROM webhooks.unread_messages() u WHERE u.seq = m.seq AND u.at = m.at);
    END IF;
    DELETE FROM webhooks.attempt_default a WHERE a.at < handled_before;
    DELETE FROM webhooks.read_cursor_default c
    WHERE c.at < date_trunc('day', now(), 'UTC') AND c.id <> (SELECT newest.id FROM webhooks.read_position newest);

    DELETE FROM webhooks.delivery d WHERE d.state = 'failed' AND d.failed_at < expired_before;

    -- Mail that nobody could be sent, or that has nothing to tell and was sent long ago.
    DELETE FROM webhooks.mail m WHERE m.until < expired_before;

    -- The worker cannot come across what was cancelled any more.
    DELETE FROM webhooks.mending c
    WHERE pg_snapshot_xmax(c.cancelled) <= (SELECT pg_snapshot_xmin(p.from_snapshot) FROM webhooks.read_position p);
END $$;

COMMENT ON FUNCTION webhooks.delete_expired_rows(timestamptz, timestamptz) IS
'For drop_expired_partitions: deletes what has expired outside of the day partitions. Failed deliveries go when they have been on show for as long as messages are kept.';
