-- What is older than the retention goes, by whole days; nothing pending goes without a word.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

-- In one transaction, so that the worker, which drops partitions too, sees nothing of it; the messages' transactions are
-- made up.
BEGIN;
SELECT (now() AT TIME ZONE 'UTC')::date AS today, (now() AT TIME ZONE 'UTC')::date - 9 AS day9, (now() AT TIME ZONE 'UTC')::date - 10 AS day10 \gset
CREATE VIEW pg_temp.days AS
SELECT log, (now() AT TIME ZONE 'UTC')::date - day AS days_ago FROM webhooks.log_partition WHERE day < (now() AT TIME ZONE 'UTC')::date ORDER BY 1, 2;
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT * FROM unnest('{message,attempt,read_cursor,tally}'::text[]) AS log,
                                generate_series(9, 10) AS days_ago LOOP
        WHILE NOT webhooks.make_partition(wanted.log, (now() AT TIME ZONE 'UTC')::date - wanted.days_ago)
              AND clock_timestamp() < now() + interval '30 seconds' LOOP END LOOP;
    END LOOP;
END $$;
TABLE pg_temp.days;
SELECT FROM webhooks.create_event('a');
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/one');
SELECT FROM webhooks.add_endpoint('one', 'https://example.com/two');
SELECT FROM webhooks.subscribe('one', '{a}');

CREATE FUNCTION pg_temp.recorded(day date, xid xid8, about text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.message SELECT day::timestamp AT TIME ZONE 'UTC', xid, xid::text::bigint, 1, 'e', about, NULL, '{}', NULL $$;
CREATE FUNCTION pg_temp.read(up_to pg_snapshot) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), up_to) $$;
CREATE FUNCTION pg_temp.kept(about text, endpoint bigint, state text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, attempts, due_at, failed_at, last_error)
    SELECT endpoint, m.seq, m.at, m.xid, m.event_id, m.record, state, 1, CASE state WHEN 'retrying' THEN now() END, CASE state WHEN 'failed' THEN now() END, 'status 500'
    FROM webhooks.message m WHERE m.record = about $$;

-- Whoever holds a lock for a moment, such as the worker when it starts, only delays what is expected.
CREATE FUNCTION pg_temp.drop_expired(retention interval, expected int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    done int := 0;
BEGIN
    WHILE done < expected AND clock_timestamp() < now() + interval '30 seconds' LOOP
        done := done + webhooks.drop_expired_partitions(retention);
    END LOOP;
    RETURN done;
END $$;

-- The older day has a message that nobody has read; of the later one's, one waits and one has failed.
SELECT FROM pg_temp.recorded(:'day10', '101', 'm1');
SELECT FROM pg_temp.recorded(:'day9', '102', 'm2');
SELECT FROM pg_temp.recorded(:'day9', '103', 'm3');
SELECT FROM pg_temp.recorded(:'today', '104', 'm4');
INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status, delivered)
SELECT m.at, m.at, m.seq, 1, 1, 1, 1, 200, true FROM webhooks.message m;
SELECT FROM pg_temp.kept('m2', 1, 'retrying');
SELECT FROM pg_temp.kept('m2', 2, 'waiting');
SELECT FROM pg_temp.kept('m3', 2, 'failed');
SELECT FROM pg_temp.kept('m4', 2, 'waiting');
INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, messages, calls, errors, delivered, failed, last_success_at, last_error_at, last_error, durations)
SELECT at, 1, endpoint, 1, 1, 2, 1, 1, 0, at, at + n.after, 'error ' || n, '{2}'
FROM (VALUES (1, 1, interval '2 s'), (2, 1, interval '1 s'), (3, 2, NULL)) AS n (n, endpoint, after), (SELECT DISTINCT at FROM webhooks.message) AS m;
INSERT INTO webhooks.tally (at, event_id, messages) SELECT at, 1, 3 FROM webhooks.message GROUP BY at;
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (:'day9'::timestamp AT TIME ZONE 'UTC', '101:101:');
SELECT FROM pg_temp.read('101:101:');
SELECT messages, calls, errors, delivered, failed, pending, last_error FROM webhooks.webhook_stats;

-- Nothing has been read: no message goes, nor what is known of it. Old positions and counts do.
SELECT pg_temp.drop_expired('7 days', expected => 4);
TABLE pg_temp.days;

-- All but the older day's message has been read, as when its transaction was open for long.
SELECT FROM pg_temp.read('101:105:101');
SELECT pg_temp.drop_expired('7 days', expected => 1);
TABLE pg_temp.days;
SELECT record FROM webhooks.message ORDER BY seq;
SELECT endpoint_id, record, state, due_at, failed_at = now() AS just_now, last_error FROM webhooks.delivery ORDER BY record, endpoint_id;
SELECT webhook, url, last_error FROM webhooks.failed_delivery ORDER BY url, last_error;

-- Now it has: all of that goes.
SELECT FROM pg_temp.read('105:105:');
SELECT pg_temp.drop_expired('7 days', expected => 3);
TABLE pg_temp.days;
SELECT record FROM webhooks.message ORDER BY seq;
SELECT webhooks.drop_expired_partitions('7 days');

-- The totals are what they were, and two more have failed.
SELECT messages, calls, errors, delivered, failed, pending, last_error FROM webhooks.webhook_stats;
SELECT messages, calls, errors, delivered, failed, pending FROM webhooks.event_stats;
SELECT endpoint_id, calls, last_error, durations FROM webhooks.tally WHERE at = '-infinity' ORDER BY endpoint_id;

-- Sums of sums
SELECT webhooks.make_partition('tally', :'day9') AS made;
INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, calls) VALUES (:'day9'::timestamp AT TIME ZONE 'UTC', 1, 1, 1, 100), ('2000-01-01', 1, 2, 1, 1000);
SELECT pg_temp.drop_expired('7 days', expected => 1);
SELECT endpoint_id, calls, last_error FROM webhooks.tally WHERE at = '-infinity' ORDER BY endpoint_id;

-- What has expired in a default partition is deleted, by the same rules.
SELECT FROM pg_temp.recorded('2000-01-01', '201', 'm5');
SELECT FROM pg_temp.kept('m5', 1, 'waiting');
INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, delivered) VALUES ('2000-01-01', '2000-01-01', 201, 1, 1, 1, 1, false), ('2000-01-03', '2000-01-01', 201, 1, 1, 1, 2, false);
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES ('2000-01-01', '201:201:');
SELECT FROM pg_temp.read('201:201:');
SELECT webhooks.drop_expired_partitions('7 days');
SELECT record FROM webhooks.message WHERE record = 'm5';
SELECT count(*) FROM webhooks.attempt_default;
SELECT FROM pg_temp.read('202:202:');
SELECT webhooks.drop_expired_partitions('7 days');
SELECT record FROM webhooks.message WHERE record = 'm5';
SELECT state, last_error FROM webhooks.delivery WHERE record = 'm5';
SELECT count(*) FROM webhooks.attempt_default;
SELECT count(*) FROM webhooks.read_cursor_default;

-- A failed delivery is on show for as long as messages are kept.
UPDATE webhooks.delivery SET failed_at = now() - interval '8 days' WHERE record = 'm3';
SELECT webhooks.drop_expired_partitions('7 days');
SELECT DISTINCT record FROM webhooks.delivery WHERE state = 'failed' ORDER BY record;

-- The newest position stays, however old it is: without it the log would be read from its beginning.
UPDATE webhooks.read_cursor SET at = at - interval '1 year';
SELECT webhooks.drop_expired_partitions('7 days');
SELECT count(*) FROM webhooks.read_cursor;
ROLLBACK;
