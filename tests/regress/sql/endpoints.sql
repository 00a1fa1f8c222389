-- Multicast: several endpoints of one webhook.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/a');
SELECT FROM webhooks.add_endpoint('shipping', 'https://example.com/b');
SELECT FROM webhooks.add_endpoint(webhook => 'shipping', url => 'https://example.org/c?key=1');
SELECT w.name, e.url FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id ORDER BY e.id;

-- Another webhook may call the same URL.
SELECT id FROM webhooks.create_webhook('billing', 'https://example.com/a');

SELECT FROM webhooks.remove_endpoint('shipping', 'https://example.com/a');
SELECT w.name, e.url FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id ORDER BY e.id;

-- With an endpoint go its deliveries, and only those.
SELECT FROM webhooks.create_event('ping');
SELECT FROM webhooks.subscribe('shipping', '{ping}');
SELECT webhooks.emit('ping') IS NOT NULL AS emitted;
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, state)
SELECT e.id, m.seq, m.at, m.xid, m.event_id, 'waiting' FROM webhooks.endpoint e, webhooks.message m;
SELECT FROM webhooks.remove_endpoint('shipping', 'https://example.com/b');
SELECT e.url FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id ORDER BY e.id;

-- Another URL for the only one: it is the same endpoint, with what waits for it, whatever became of the former.
SELECT id AS kept FROM webhooks.endpoint WHERE url LIKE '%c?key=1' \gset
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'it did not work', state_since = '2026-01-01' WHERE id = :kept;
SELECT FROM webhooks.alter_webhook('shipping', 'https://example.org/moved', description => 'it has moved');
SELECT e.id = :kept AS kept, e.url, e.state, e.state_reason, e.state_since > '2026-01-01' AS enabled_now, e.since = e.created_at AS gets_all, w.description,
       (SELECT count(*) FROM webhooks.delivery d WHERE d.endpoint_id = e.id) AS deliveries
FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id WHERE w.name = 'shipping';
-- One that was gone kept nothing, and gets what happens from now on.
UPDATE webhooks.endpoint SET state = 'gone', state_reason = 'it answered 410', since = '2026-01-01' WHERE id = :kept;
SELECT FROM webhooks.alter_webhook('shipping', url => 'https://example.org/again');
SELECT state, since > '2026-01-01' AS since_now FROM webhooks.endpoint WHERE id = :kept;
-- The same URL changes nothing.
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'it did not work' WHERE id = :kept;
SELECT FROM webhooks.alter_webhook('shipping', url => 'https://example.org/again');
SELECT state FROM webhooks.endpoint WHERE id = :kept;
SELECT FROM webhooks.alter_webhook('shipping', url => 'https://example.org/c?key=1');
SELECT FROM webhooks.add_endpoint('shipping', 'https://example.org/second');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', url => 'https://example.org/d')$$) \gx
SELECT FROM webhooks.remove_endpoint('shipping', 'https://example.org/second');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', url => 'ftp://example.org/d')$$) \gx

-- The last one stays, or messages would vanish without a word.
SELECT * FROM pg_temp.complaint($$SELECT webhooks.remove_endpoint('shipping', 'https://example.org/c?key=1')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.remove_endpoint('shipping', 'https://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', 'https://example.org/c?key=1')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shiping', 'https://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', 'ftp://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', NULL)$$) \gx
