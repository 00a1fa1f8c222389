-- What a session says about its messages: metadata that goes along, silence, and how large they may be.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int, line int, note text, PRIMARY KEY (id, line));
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('order:changed', 'table.recordUpdate', 'orders');
SELECT FROM webhooks.create_event('report');
CREATE VIEW pg_temp.session AS
SELECT e.name AS event, m.record, m.account, m.data, m.old, m.metadata, m.omitted
FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id ORDER BY m.seq;

-- Metadata goes with each message of the transaction, as it was written.
BEGIN;
SET LOCAL webhooks.metadata = '{"user": {"name": "Ann",  "n": 1.50}}';
INSERT INTO orders VALUES (1, 1, 'a');
UPDATE orders SET note = 'b';
SELECT webhooks.emit('report', account => 'acme') IS NOT NULL AS emitted;
COMMIT;
INSERT INTO orders VALUES (1, 2, 'a');
SET webhooks.metadata = '7';
INSERT INTO orders VALUES (1, 3, 'a');
SET webhooks.metadata = '';
INSERT INTO orders VALUES (1, 4, 'a');
RESET webhooks.metadata;
INSERT INTO orders VALUES (1, 5, 'a');
SELECT event, record, account, metadata FROM pg_temp.session;

-- What is no JSON is refused when it is set.
SELECT state, message FROM pg_temp.complaint($$SET webhooks.metadata = '{"user": }'$$);
SELECT state, message FROM pg_temp.complaint($$SET webhooks.metadata = 'Ann'$$);
SELECT state FROM pg_temp.complaint(format('SET webhooks.metadata = %L', '"' || repeat('x', 8191) || '"'));

-- A silent session: what it does is told nobody, also later.
DELETE FROM webhooks.message;
SET webhooks.capture = off;
INSERT INTO orders VALUES (2, 1, 'a');
SELECT webhooks.emit('report') AS emitted;
SELECT state, message FROM pg_temp.complaint($$SELECT webhooks.emit('reprot')$$);
RESET webhooks.capture;
UPDATE orders SET note = 'c' WHERE id = 2;
SELECT event, data FROM pg_temp.session;

-- An application may be granted that; without, it may not, but may give metadata.
CREATE ROLE regress_webhooks_app;
GRANT ALL ON orders TO regress_webhooks_app;
DELETE FROM webhooks.message;
SET ROLE regress_webhooks_app;
SET webhooks.capture = off;
SET webhooks.max_message_bytes = '1GB';
SET webhooks.metadata = '{"app": true}';
INSERT INTO orders VALUES (3, 1, 'a');
RESET webhooks.metadata;
RESET ROLE;
GRANT SET ON PARAMETER webhooks.capture TO regress_webhooks_app;
SET ROLE regress_webhooks_app;
SET webhooks.capture = off;
INSERT INTO orders VALUES (3, 2, 'a');
RESET webhooks.capture;
RESET ROLE;
SELECT event, record, metadata FROM pg_temp.session;
REVOKE SET ON PARAMETER webhooks.capture FROM regress_webhooks_app;
DROP OWNED BY regress_webhooks_app;
DROP ROLE regress_webhooks_app;

-- What is too large keeps its key, and says how large it would have been.
DELETE FROM webhooks.message;
SET webhooks.max_message_bytes = '1kB';
INSERT INTO orders VALUES (4, 1, repeat('x', 997)), (4, 2, repeat('x', 998));
UPDATE orders SET note = 'short' WHERE id = 4;
CREATE TABLE public.keyless (note text);
SELECT FROM webhooks.create_event('keyless', 'table.recordInsert', 'keyless', account => $$'acme'$$);
INSERT INTO keyless VALUES (repeat('x', 2000));
SELECT FROM webhooks.create_event('computed', 'table.recordInsert', 'orders', data => 'to_json(NEW)');
INSERT INTO orders VALUES (5, 1, repeat('x', 2000));
SELECT webhooks.emit('report', jsonb_build_object('x', repeat('x', 2000)), 'r') IS NOT NULL AS emitted;
SELECT event, record, account, length(data::text) AS bytes, CASE WHEN length(data::text) < 1000 THEN data END AS data, length(old::text) AS old, omitted
FROM pg_temp.session;
RESET webhooks.max_message_bytes;
SHOW webhooks.max_message_bytes;

DROP TABLE orders, keyless;
