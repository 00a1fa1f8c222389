-- Dropping what is older than webhooks.retention: whole partitions, with a lock that does not wait for long.

CREATE FUNCTION webhooks.drop_partition(log text, partition regclass, day date) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '50ms'
AS $$
DECLARE
    day_from timestamptz := day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- From here on no transaction has a row in it that is not committed.
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', partition);

    IF log = 'message' AND NOT webhooks.empty_message_partition(day_from, day_to) THEN
        RETURN false;
    ELSIF log = 'tally' THEN
        PERFORM webhooks.fold_tally(partition, day_to);
    END IF;

    EXECUTE format('ALTER EXTENSION webhooks DROP TABLE %s', partition);
    EXECUTE format('DROP TABLE %s', partition);
    RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN false;  -- somebody reads it, such as a dump: the next call tries again
END $$;

COMMENT ON FUNCTION webhooks.drop_partition(text, regclass, date) IS
'For drop_expired_partitions: drops one partition. false where it is locked, or holds messages that the worker has not read.';


CREATE FUNCTION webhooks.drop_expired_partitions(retention interval) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired_before timestamptz := now() - retention;
    -- What tells a restarted worker that a message was delivered is kept while it may ask.
    oldest_unread  timestamptz := (SELECT coalesce(min(m.at), 'infinity') FROM webhooks.unread_messages() m);
    newest_read    timestamptz := (SELECT r.at FROM webhooks.read_position r);
    expired        record;
    dropped        int := 0;
BEGIN
    FOR expired IN
        SELECT p.log, p.partition, p.day
        FROM webhooks.log_partition p, LATERAL (SELECT (p.day + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at) AS d
        WHERE CASE p.log
                  WHEN 'attempt' THEN d.ends_at <= least(expired_before, oldest_unread)
                  -- Only the newest position counts.
                  WHEN 'read_cursor' THEN d.ends_at <= least(now(), newest_read)
                  ELSE d.ends_at <= expired_before
              END
        ORDER BY p.day, p.log
    LOOP
        IF webhooks.drop_partition(expired.log, expired.partition, expired.day) THEN
            dropped := dropped + 1;
        END IF;
    END LOOP;

    PERFORM webhooks.delete_expired_rows(expired_before, oldest_unread);
    RETURN dropped;
END $$;

COMMENT ON FUNCTION webhooks.drop_expired_partitions(interval) IS
'Drops the log''s partitions that ended longer ago than the retention and returns how many. Messages that the worker has not read stay; deliveries still pending become failed ones with the error expired; totals are kept. What is locked is left for the next call.';
