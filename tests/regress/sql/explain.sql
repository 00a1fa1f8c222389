-- The story of a message, in every turn that it can take.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE orders (id int PRIMARY KEY);
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('nobody');
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/one', throttle_calls => 10);
SELECT id FROM webhooks.create_webhook('late', 'https://example.com/late');
SELECT FROM webhooks.subscribe('one', '{order:new}');
INSERT INTO orders VALUES (1), (2);
SELECT FROM webhooks.subscribe('late', '{order:new}');
SELECT FROM webhooks.add_endpoint('one', 'https://example.com/two');

-- Times, the id and what depends on whether a worker runs are different each time.
CREATE FUNCTION pg_temp.story(about text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(line, '\w{3} \w{3} \d\d [\d:.]+ \d{4} \w+', '<time>', 'g'), 'msg_\w{26}', '<id>', 'g')
    FROM webhooks.explain_message((SELECT webhooks.message_id(at, seq) FROM webhooks.message WHERE record = about)) AS line $$;
CREATE FUNCTION pg_temp.attempted(about text, endpoint bigint, was_delivered boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status, duration_us, error, delivered)
    SELECT clock_timestamp(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, CASE WHEN was_delivered THEN 200 ELSE 500 END, 1234,
           CASE WHEN NOT was_delivered THEN 'status: 500' END, was_delivered
    FROM webhooks.message m, webhooks.endpoint e WHERE m.record = about AND e.id = endpoint $$;

-- New, for an endpoint with a throttle; too early for others
SELECT * FROM pg_temp.story('1');
-- Delivered
SELECT FROM pg_temp.attempted('1', 1, true);
SELECT * FROM pg_temp.story('1');
-- Retrying; then due, and the endpoint has failed last
SELECT FROM pg_temp.attempted('2', 1, false);
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, attempts, due_at, last_error)
SELECT 1, seq, at, xid, event_id, record, 'retrying', 1, now() + interval '1 hour', 'status: 500' FROM webhooks.message WHERE record = '2';
SELECT * FROM pg_temp.story('2');
-- What else holds it is told as well.
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'the receiver asked for no more calls' WHERE id = 1;
SELECT FROM webhooks.pause_webhook('one');
SELECT * FROM pg_temp.story('2');
UPDATE webhooks.endpoint SET state = 'enabled', state_reason = NULL WHERE id = 1;
SELECT FROM webhooks.start_webhook('one');
UPDATE webhooks.delivery SET due_at = now() - interval '1 hour';
INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, calls, errors, last_error_at, last_error) VALUES (now(), 1, 1, 1, 1, 1, now(), 'status: 500');
SELECT * FROM pg_temp.story('2');
-- An earlier one of its record, a disabled endpoint, a paused webhook
INSERT INTO webhooks.message SELECT clock_timestamp(), pg_current_xact_id(), nextval('webhooks.message_seq'), event_id, 'u', record FROM webhooks.message WHERE record = '2';
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'the receiver asked for no more calls' WHERE id = 1;
SELECT FROM webhooks.pause_webhook('one');
SELECT regexp_replace(regexp_replace(line, '\w{3} \w{3} \d\d [\d:.]+ \d{4} \w+', '<time>', 'g'), 'msg_\w{26}', '<id>', 'g') AS line
FROM webhooks.explain_message((SELECT webhooks.message_id(at, seq) FROM webhooks.message ORDER BY seq DESC LIMIT 1)) AS line;
-- Failed, sent again, cancelled
UPDATE webhooks.delivery SET state = 'failed', due_at = NULL, failed_at = now();
DELETE FROM webhooks.message WHERE operation = 'u';
SELECT * FROM pg_temp.story('2');
SELECT webhooks.resend_failed('one');
SELECT * FROM pg_temp.story('2');
SELECT FROM webhooks.cancel('one');
DELETE FROM webhooks.delivery;
SELECT * FROM pg_temp.story('2');
-- Stopped, gone, not subscribed, nobody
SELECT FROM webhooks.stop_webhook('late');
UPDATE webhooks.endpoint SET state = 'gone', state_reason = 'it answered 410' WHERE id = 1;
DELETE FROM webhooks.mending;
DELETE FROM webhooks.attempt;
SELECT FROM webhooks.start_webhook('one');
SELECT FROM pg_temp.attempted('1', 3, true);
INSERT INTO webhooks.read_cursor (at, from_snapshot) SELECT clock_timestamp(), pg_current_snapshot();
SELECT * FROM pg_temp.story('2');
SELECT webhooks.emit('nobody', NULL, 'm') \g /dev/null
SELECT * FROM pg_temp.story('m');
-- Known from an attempt only
SELECT webhooks.message_id(at, seq) AS id FROM webhooks.message WHERE record = '1' \gset
DELETE FROM webhooks.message WHERE record = '1';
SELECT regexp_replace(replace(line, :'id', '<id>'), '\w{3} \w{3} \d\d [\d:.]+ \d{4} \w+', '<time>', 'g') AS line FROM webhooks.explain_message(:'id') AS line;
-- An endpoint and a webhook that are dropped leave what they got.
SELECT FROM pg_temp.attempted('2', 3, true);
SELECT FROM pg_temp.attempted('2', 2, true);
SELECT FROM webhooks.remove_endpoint('one', 'https://example.com/two');
SELECT FROM webhooks.drop_webhook('late');
SELECT * FROM pg_temp.story('2');
SELECT FROM webhooks.drop_webhook('one');
SELECT * FROM pg_temp.story('2');

\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
SELECT * FROM pg_temp.complaint($$SELECT webhooks.explain_message('msg_001j0vg6ee22m0000000000002')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.explain_message('7')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.explain_message(NULL)$$);
DROP TABLE orders;
