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

-- The last one stays, or messages would vanish without a word.
SELECT * FROM pg_temp.complaint($$SELECT webhooks.remove_endpoint('shipping', 'https://example.org/c?key=1')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.remove_endpoint('shipping', 'https://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', 'https://example.org/c?key=1')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shiping', 'https://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', 'ftp://example.org/d')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_endpoint('shipping', NULL)$$) \gx
