-- Sums of what the worker counts, and what it writes down.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT FROM webhooks.create_event('a');
SELECT FROM webhooks.create_event('b');
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/one');
SELECT id FROM webhooks.create_webhook('two', 'https://example.com/two');
SELECT FROM webhooks.add_endpoint('two', 'https://example.com/three');
SELECT FROM webhooks.subscribe('one', '{a}');
SELECT FROM webhooks.subscribe('two', '{a}');

-- Nothing yet is 0, and NULL where there is no first or last
SELECT * FROM webhooks.webhook_stats ORDER BY webhook \gx
SELECT * FROM webhooks.event_stats ORDER BY event;

-- 100 calls: 50 of up to 0.1 ms, 44 of up to a quarter more, 1 at the 21st bound (0.1 ms * 1.25 ^ 20), 5 longer than all
INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, messages, calls, errors, delivered, failed, last_success_at, last_error_at, last_error, durations)
VALUES
    (now(), NULL, NULL, 1, 70, 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    (now() - interval '1 hour', NULL, NULL, 1, 50, 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    (now(), 1, NULL, 1, 60, 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    (now() - interval '1 hour', 1, NULL, 1, 40, 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    (now(), 1, 1, 1, 0, 94, 4, 90, 1, '2026-11-23 20:00Z', '2026-11-23 19:00Z', 'status 500', '{50,44}'),
    (now(), 1, 1, 1, 0, 6, 1, 5, 0, '2026-11-23 18:00Z', '2026-11-23 19:30Z', 'timeout', array_fill(0, '{20}') || 1 || array_fill(0, '{50}') || 5),
    (now(), 2, NULL, 1, 30, 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    (now(), 2, 2, 1, 0, 30, 0, 30, 0, '2026-11-23 20:00Z', NULL, NULL, '{0,0,30}'),
    (now(), 2, 3, 1, 0, 30, 30, 0, 0, NULL, '2026-11-23 20:01Z', 'refused', '{30}');
SET TimeZone = 'UTC';
SELECT * FROM webhooks.webhook_stats ORDER BY webhook \gx
SELECT * FROM webhooks.event_stats ORDER BY event;
SELECT now() - minute < interval '2 minutes' AS now, webhook, calls, errors, p50_ms, p95_ms FROM webhooks.traffic ORDER BY minute, webhook;
SELECT webhook, url, state, state_reason, calls, errors, delivered, failed, pending, last_success_at, last_error_at, last_error FROM webhooks.endpoint_stats ORDER BY url;
SELECT n AS bucket, webhooks.duration_of_bucket(n) AS ms FROM unnest('{1,2,3,21,72}'::bigint[]) AS n;

-- Each call with its names, also where they are no more
SELECT webhooks.emit('a', NULL, 'm1') \g /dev/null
INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status, duration_us, error, response, delivered)
SELECT m.at + n.at, m.at, m.seq, m.event_id, n.endpoint, n.webhook, n.attempt, n.status, n.duration, n.error, n.response, n.status IS NOT DISTINCT FROM 200
FROM webhooks.message m, (VALUES
    (interval '1 ms', 1, 1, 1, 500, 1234, 'status 500', 'oops'),
    (interval '5 s', 1, 1, 2, 200, 1234567, NULL, 'ok'),
    (interval '1 ms', 2, 2, 1, NULL, NULL, 'dns no such name', NULL)) AS n (at, endpoint, webhook, attempt, status, duration, error, response);
SELECT l.at - m.at AS after, l.message_id = webhooks.message_id(m.at, m.seq) AS id, l.webhook, l.event, l.url, l.attempt, l.status, l.duration, l.error, l.response
FROM webhooks.attempt_log l, webhooks.message m ORDER BY l.webhook, l.attempt;

INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, state, attempts, due_at, failed_at, last_status, last_error)
SELECT n.endpoint, m.seq, m.at, m.xid, m.event_id, n.state, 6, CASE n.state WHEN 'retrying' THEN now() END,
       CASE n.state WHEN 'failed' THEN '2026-11-23 20:00Z'::timestamptz END, n.status, n.error
FROM webhooks.message m, (VALUES (1, 'failed', 503, 'status 503'), (2, 'failed', NULL, 'refused'), (3, 'retrying', 500, 'status 500')) AS n (endpoint, state, status, error);
SELECT f.message_id = webhooks.message_id(m.at, m.seq) AS id, webhook, event, url, failed_at, attempts, last_status, last_error
FROM webhooks.failed_delivery f, webhooks.message m ORDER BY webhook;

UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'a test' WHERE id = 3;
SELECT url, state, state_reason, pending FROM webhooks.endpoint_stats ORDER BY url;
SELECT problem ~ '\nEndpoints that are not called: 1\.' FROM webhooks.status();

SELECT FROM webhooks.remove_endpoint('two', 'https://example.com/two');
SELECT FROM webhooks.drop_webhook('one');
SELECT FROM webhooks.drop_event('a');
SELECT webhook, event, url, attempt FROM webhooks.attempt_log ORDER BY webhook, attempt;
SELECT webhook, event, url FROM webhooks.failed_delivery;
SELECT webhook, calls, delivered FROM webhooks.webhook_stats;
SELECT event, calls, delivered FROM webhooks.event_stats;
