-- What is still to be delivered, worked out from the tables, wherever a worker has stopped.
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

CREATE VIEW pg_temp.pending AS
SELECT w.name AS webhook, p.endpoint_id AS endpoint, e.name AS event, m.record, p.state
FROM webhooks.pending_delivery p JOIN webhooks.webhook w ON w.id = p.webhook_id JOIN webhooks.event e ON e.id = p.event_id
JOIN webhooks.message m ON m.seq = p.message_seq ORDER BY m.seq, p.endpoint_id;
-- A worker's notes: where it has read to, an attempt, a delivery that is not done.
CREATE FUNCTION pg_temp.read(from_snapshot pg_snapshot, to_snapshot pg_snapshot = NULL, up_to text = NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.read_cursor (at, from_snapshot, to_snapshot, up_to_seq)
    SELECT clock_timestamp(), from_snapshot, to_snapshot,
           CASE WHEN to_snapshot IS NOT NULL THEN coalesce((SELECT seq FROM webhooks.message WHERE record = up_to), 0) END $$;
CREATE FUNCTION pg_temp.attempted(about text, endpoint bigint, was_delivered boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status, duration_us, delivered)
    SELECT clock_timestamp(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, CASE WHEN was_delivered THEN 200 ELSE 500 END, 1000, was_delivered
    FROM webhooks.message m, webhooks.endpoint e WHERE m.record = about AND e.id = endpoint $$;
CREATE FUNCTION pg_temp.kept(about text, endpoint bigint, state text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, attempts, due_at, failed_at)
    SELECT endpoint, m.seq, m.at, m.xid, m.event_id, m.record, state, 1,
           CASE state WHEN 'retrying' THEN now() END, CASE state WHEN 'failed' THEN now() END
    FROM webhooks.message m WHERE m.record = about $$;

-- Nothing read yet: each message, for each endpoint of each webhook that wants it.
SELECT pg_current_snapshot() AS start \gset
SELECT webhooks.emit('a', NULL, 'm1') \g /dev/null
SELECT webhooks.emit('b', NULL, 'm2') \g /dev/null
SELECT webhooks.emit('a', NULL, 'm3') \g /dev/null
TABLE pg_temp.pending;
SELECT backlog, oldest_pending = (SELECT min(at) FROM webhooks.message) AS oldest FROM webhooks.status();
SELECT webhook, pending, oldest_pending = (SELECT min(at) FROM webhooks.message) AS oldest FROM webhooks.webhook_stats ORDER BY 1;
SELECT event, pending, last_at = (SELECT max(at) FROM webhooks.message m WHERE m.event_id = e.id) AS last
FROM webhooks.event_stats JOIN webhooks.event e ON e.name = event ORDER BY 1;

-- In the middle of a read: some are delivered, some kept for later, one has failed for good.
SELECT pg_current_snapshot() AS middle \gset
SELECT FROM pg_temp.read(:'start', :'middle', 'm1');
TABLE pg_temp.pending;
SELECT FROM pg_temp.attempted('m3', 1, true);
SELECT FROM pg_temp.attempted('m2', 2, false);
SELECT FROM pg_temp.kept('m2', 2, 'retrying');
SELECT FROM pg_temp.kept('m3', 2, 'waiting');
SELECT FROM pg_temp.kept('m3', 3, 'failed');
TABLE pg_temp.pending;

-- A later read moves on; what is kept stays pending, what has failed does not count.
SELECT webhooks.emit('a', NULL, 'm4') \g /dev/null
SELECT pg_current_snapshot() AS later \gset
SELECT FROM pg_temp.read(:'middle', :'later', 'nothing');
TABLE pg_temp.pending;
SELECT FROM pg_temp.read(:'later');
TABLE pg_temp.pending;

-- A transaction that was open during the read and committed after it is found, wherever its number lies.
SELECT webhooks.emit('a', NULL, 'm5') \g /dev/null
SELECT format('%s:%s:%s', xid, xid::text::bigint + 1, xid) AS while_open FROM webhooks.message WHERE record = 'm5' \gset
SELECT webhooks.emit('a', NULL, 'm6') \g /dev/null
SELECT FROM pg_temp.read(:'while_open');
SELECT record, count(*) FROM pg_temp.pending WHERE state = 'new' GROUP BY record ORDER BY record;
SELECT pg_current_snapshot() AS last \gset
SELECT FROM pg_temp.read(:'while_open', :'last', 'm5');
SELECT record, count(*) FROM pg_temp.pending WHERE state = 'new' GROUP BY record ORDER BY record;
SELECT FROM pg_temp.read(:'while_open', :'last', 'm6');
TABLE pg_temp.pending;

-- Messages of a paused webhook stay pending, those of a stopped one do not.
SELECT webhooks.emit('a', NULL, 'm7') \g /dev/null
SELECT FROM webhooks.pause_webhook('one');
SELECT FROM webhooks.stop_webhook('two');
TABLE pg_temp.pending;
SELECT endpoint_id, state FROM webhooks.delivery;
SELECT backlog FROM webhooks.status();

-- After the stop it is told what is new; after the pause, all.
SELECT FROM webhooks.start_webhook('one');
SELECT FROM webhooks.start_webhook('two');
SELECT webhooks.emit('a', NULL, 'm8') \g /dev/null
TABLE pg_temp.pending;

-- Who comes later does not get what was before.
SELECT FROM webhooks.subscribe('one', '{b}');
SELECT webhooks.emit('b', NULL, 'm9') \g /dev/null
TABLE pg_temp.pending;
