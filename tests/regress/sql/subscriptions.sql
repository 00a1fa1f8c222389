-- Who gets what, and from when on.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT id FROM webhooks.create_webhook('billing', 'https://example.com/hooks');
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.create_event('lead:lost');

SELECT FROM webhooks.subscribe('shipping', '{lead:won,lead:lost,lead:won}');
SELECT FROM webhooks.subscribe(webhook => 'billing', events => '{lead:won}');
CREATE VIEW pg_temp.subscriptions AS
SELECT w.name AS webhook, e.name AS event FROM webhooks.subscription s
JOIN webhooks.webhook w ON w.id = s.webhook_id JOIN webhooks.event e ON e.id = s.event_id ORDER BY s.webhook_id, e.id;
TABLE pg_temp.subscriptions;

-- To subscribe again does not start anew.
CREATE TABLE pg_temp.earlier AS SELECT * FROM webhooks.subscription;
SELECT FROM webhooks.subscribe('shipping', '{lead:won}');
SELECT count(*) AS changed FROM (TABLE webhooks.subscription EXCEPT TABLE pg_temp.earlier) AS s;

-- What happened before does not count, what happens from now on does.
SELECT FROM webhooks.create_event('lead:new');
SELECT webhooks.emit('lead:new', '{"n": 1}') IS NOT NULL AS emitted;
SELECT FROM webhooks.subscribe('billing', '{lead:new}');
SELECT webhooks.emit('lead:new', '{"n": 2}') IS NOT NULL AS emitted;
SELECT m.data FROM webhooks.pending_delivery p JOIN webhooks.message m ON m.seq = p.message_seq;

-- One list is one change: all or nothing.
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('billing', '{lead:lost,lead:none}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('billing', '{}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('billing', '{lead:lost,NULL}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('billing', '{{lead:lost},{lead:won}}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('billing', '{lead:lost}', 'null')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('biling', '{lead:lost}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('billing', '{lead:lost}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('billing', NULL)$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('biling', '{lead:lost}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('billing', '{lead:none}')$$) \gx
TABLE pg_temp.subscriptions;

-- What is pending for a subscription ends with it, and nothing else.
SELECT FROM webhooks.unsubscribe('billing', '{lead:new,lead:won}');
TABLE pg_temp.subscriptions;
SELECT count(*) FROM webhooks.pending_delivery;
SELECT webhooks.emit('lead:won') IS NOT NULL AS emitted;
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, state, attempts, due_at, failed_at)
SELECT 1, m.seq + n, m.at, m.xid, m.event_id, (ARRAY['waiting', 'retrying', 'failed'])[n], 1,
       CASE n WHEN 2 THEN now() END, CASE n WHEN 3 THEN now() END
FROM webhooks.message m, generate_series(1, 3) AS n WHERE m.seq = 3;
SELECT FROM webhooks.unsubscribe('shipping', '{lead:won}');
SELECT state FROM webhooks.delivery;

-- An unnamed event goes with its last subscription; a named one stays.
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') AS unnamed \gset
SELECT webhooks.add_event('billing', 'table.recordInsert', 'orders') = :'unnamed' AS shared;
SELECT FROM webhooks.unsubscribe('shipping', ARRAY[:'unnamed']);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
SELECT FROM webhooks.unsubscribe('billing', ARRAY[:'unnamed']);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders');
SELECT FROM webhooks.drop_webhook('shipping');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
SELECT name, named FROM webhooks.event WHERE dropped_at IS NULL ORDER BY id;

DROP TABLE orders;
