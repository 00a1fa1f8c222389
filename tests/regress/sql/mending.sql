-- Sending again and cancelling: what is counted, what the rows say, what is refused. What a worker makes of it is in tests/e2e.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT FROM webhooks.create_event('a');
SELECT FROM webhooks.create_event('b');
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/one');
SELECT id FROM webhooks.create_webhook('two', 'https://example.com/two');
SELECT FROM webhooks.add_endpoint('two', 'https://example.com/three');
SELECT FROM webhooks.subscribe('one', '{a}');
SELECT FROM webhooks.subscribe('two', '{a,b}');
SELECT webhooks.emit('a', NULL, 'm1') \g /dev/null
SELECT webhooks.emit('b', NULL, 'm2') \g /dev/null
SELECT webhooks.emit('a', NULL, 'm3') \g /dev/null

CREATE VIEW pg_temp.kept AS
SELECT d.record, d.endpoint_id AS endpoint, d.state, d.attempts, d.failed_at IS NOT NULL AS failed, d.resent_at IS NOT NULL AS resent, d.last_error
FROM webhooks.delivery d ORDER BY d.message_seq, d.endpoint_id;
CREATE VIEW pg_temp.pending AS
SELECT m.record, p.endpoint_id AS endpoint, p.state
FROM webhooks.pending_delivery p JOIN webhooks.message m ON m.seq = p.message_seq ORDER BY m.seq, p.endpoint_id;
CREATE FUNCTION pg_temp.id(about text) RETURNS text LANGUAGE sql AS $$
    SELECT webhooks.message_id(at, seq) FROM webhooks.message WHERE record = about $$;
-- A worker's notes: an attempt, a delivery that has failed, that all has been read.
CREATE FUNCTION pg_temp.attempted(about text, endpoint bigint, was_delivered boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status, duration_us, error, delivered)
    SELECT clock_timestamp(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, CASE WHEN was_delivered THEN 200 ELSE 500 END, 1000,
           CASE WHEN NOT was_delivered THEN 'status: 500' END, was_delivered
    FROM webhooks.message m, webhooks.endpoint e WHERE m.record = about AND e.id = endpoint $$;
CREATE FUNCTION pg_temp.kept(about text, endpoint bigint, state text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, attempts, due_at, failed_at, last_error)
    SELECT endpoint, m.seq, m.at, m.xid, m.event_id, m.record, state, 1,
           CASE state WHEN 'retrying' THEN now() + interval '1 hour' END, CASE state WHEN 'failed' THEN now() END, 'status: 500'
    FROM webhooks.message m WHERE m.record = about $$;
CREATE FUNCTION pg_temp.read_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.read_cursor (at, from_snapshot) SELECT clock_timestamp(), pg_current_snapshot() $$;

-- All of it is pending already
SELECT webhooks.resend(pg_temp.id('m1')), webhooks.replay('two', '-infinity'), webhooks.resend_failed('two');
TABLE pg_temp.kept;

-- m1 was delivered to one and two, and has failed for three; m2 waits for two's retry; m3 nobody has tried
SELECT FROM pg_temp.attempted('m1', 1, true);
SELECT FROM pg_temp.attempted('m1', 2, true);
SELECT FROM pg_temp.attempted('m1', 3, false);
SELECT FROM pg_temp.kept('m1', 3, 'failed');
SELECT FROM pg_temp.attempted('m2', 2, false);
SELECT FROM pg_temp.kept('m2', 2, 'retrying');
TABLE pg_temp.pending;
SELECT webhooks.replay('two', '-infinity', dry_run => true);
SELECT webhooks.resend(pg_temp.id('m1'), 'one');
SELECT webhooks.resend(pg_temp.id('m1'));
SELECT webhooks.resend(pg_temp.id('m1'));
SELECT webhooks.resend(pg_temp.id('m2'), 'two');
TABLE pg_temp.kept;
TABLE pg_temp.pending;
SELECT webhook, url, attempts, last_error FROM webhooks.failed_delivery;

-- Cancelled: one message, then what is left. What had failed has failed again.
SELECT webhooks.cancel('two', pg_temp.id('m1'));
TABLE pg_temp.kept;
SELECT webhooks.cancel('two');
SELECT webhooks.cancel('two');
TABLE pg_temp.kept;
TABLE pg_temp.pending;
SELECT webhook, pending FROM webhooks.webhook_stats ORDER BY webhook;

-- What was cancelled can be sent again, and what comes later is not cancelled.
SELECT webhooks.emit('b', NULL, 'm4') \g /dev/null
SELECT webhooks.resend(pg_temp.id('m3'), 'two');
TABLE pg_temp.pending;

-- The failed one, by when it failed
SELECT webhooks.resend_failed('two', now() + interval '1 hour') AS later, webhooks.resend_failed('two', now() - interval '1 hour') AS earlier;
SELECT webhooks.resend_failed('two') AS again;
TABLE pg_temp.kept;

-- Replaying: all that is not pending, from the one time to the other
SELECT webhooks.cancel('one') AS one, webhooks.cancel('two') AS two;
SELECT FROM pg_temp.read_all();
SELECT at AS m2 FROM webhooks.message WHERE record = 'm2' \gset
SELECT at AS m3 FROM webhooks.message WHERE record = 'm3' \gset
SELECT webhooks.replay('two', :'m2', :'m3', dry_run => true);
SELECT webhooks.replay('two', :'m2', :'m3');
TABLE pg_temp.pending;
SELECT webhooks.replay('two', '-infinity');
SELECT webhooks.replay('one', '-infinity');
TABLE pg_temp.pending;
SELECT webhooks.cancel('one') AS one, webhooks.cancel('two') AS two;

-- Where it waits, that is said.
SELECT FROM webhooks.pause_webhook('one');
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'a test' WHERE id = 2;
SELECT webhooks.resend(pg_temp.id('m1'));

-- Failed deliveries whose message is gone are counted and stay.
SELECT FROM pg_temp.kept('m4', 3, 'failed');
DELETE FROM webhooks.message WHERE record = 'm4';
SELECT webhooks.resend_failed('two');
SELECT record, endpoint, state FROM pg_temp.kept WHERE record = 'm4';

-- What is refused
\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend('msg_1')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend(NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend('msg_001j0vg6ee22m0000000000002')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend(pg_temp.id('m1'), 'three')$$);
SELECT state, replace(message, pg_temp.id('m2'), '<id>'), hint FROM pg_temp.complaint($$SELECT webhooks.resend(pg_temp.id('m2'), 'one')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend_failed('three')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('two', NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('two', '2026-01-02', '2026-01-01')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('two', '2026-01-02', NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('two', '2026-01-02', dry_run => NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend_failed(NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('three', '2026-01-02')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.cancel('three')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.cancel('two', 'msg_1')$$);
SELECT FROM webhooks.stop_webhook('two');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.replay('two', '-infinity')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend(pg_temp.id('m1'), 'two')$$);
UPDATE webhooks.endpoint SET state = 'gone', state_reason = 'a test' WHERE id = 1;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.resend_failed('one')$$);
SELECT webhooks.cancel('two');
SELECT * FROM pg_temp.complaint($$SELECT * FROM webhooks.test_webhook('three')$$);
SELECT state, message ~ '^invalid argument "url": a test call to https://example.invalid/ was not answered with 2xx: ', hint
FROM pg_temp.complaint($$SELECT webhooks.create_webhook('three', 'https://example.invalid/', timeout => '1ms', verify => true)$$);
