-- Changing an event in place.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric);
CREATE TABLE public.others (id int PRIMARY KEY, note text);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT FROM webhooks.create_event('order', 'table.recordUpdate', 'orders', '{status}', 'NEW.total > 1', description => 'some');
SELECT FROM webhooks.subscribe('shipping', '{order}');
CREATE VIEW pg_temp.event AS
SELECT name, type, on_table, object_name, fields, condition, data, account, key, description FROM webhooks.event WHERE dropped_at IS NULL ORDER BY id;
CREATE VIEW pg_temp.trigger AS
SELECT pg_get_triggerdef(t.oid) AS definition FROM pg_trigger t WHERE tgname LIKE 'webhooks_event_%' ORDER BY t.oid;
\x

-- Nothing given, nothing changed: the trigger is the one it was.
SELECT oid AS trigger FROM pg_trigger WHERE tgname = 'webhooks_event_1' \gset
SELECT FROM webhooks.alter_event('order');
SELECT FROM webhooks.alter_event('order', description => 'another', new_name => 'order:changed');
SELECT oid = :trigger AS same_trigger FROM pg_trigger WHERE tgname = 'webhooks_event_1';
SELECT * FROM pg_temp.event;

-- One thing after the other; subscriptions stay.
SELECT FROM webhooks.alter_event('order:changed', condition => 'NEW.total > 2');
SELECT * FROM pg_temp.trigger;
SELECT FROM webhooks.alter_event('order:changed', fields => '{}', condition => '', description => '');
SELECT * FROM pg_temp.trigger;
SELECT FROM webhooks.alter_event('order:changed', data => 'to_json(NEW.id)', account => 'total', key => 'status');
SELECT * FROM pg_temp.trigger;
SELECT * FROM pg_temp.event;
INSERT INTO orders VALUES (1, 'a', 5);
UPDATE orders SET status = 'b';
SELECT FROM webhooks.alter_event('order:changed', data => '', key => '');
UPDATE orders SET status = 'c';
SELECT FROM webhooks.alter_event('order:changed', account => '');
UPDATE orders SET status = 'd';
SELECT record, account, data FROM webhooks.message ORDER BY seq;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';
SELECT FROM webhooks.alter_event('order:changed', 'table.recordInsert', 'others', condition => $$NEW.note <> ''$$, key => 'note');
SELECT * FROM pg_temp.event;
SELECT * FROM pg_temp.trigger;
SELECT FROM webhooks.alter_event('order:changed', 'table.recordDelete', key => 'note', condition => '');
SELECT * FROM pg_temp.event;
SELECT * FROM pg_temp.trigger;
SELECT event_id FROM webhooks.subscription;

-- One that was only emitted can get a table.
SELECT FROM webhooks.create_event('report');
SELECT FROM webhooks.alter_event('report', new_name => 'report:ready');
SELECT name, type FROM webhooks.event WHERE name LIKE 'report%';
SELECT FROM webhooks.alter_event('report:ready', 'table.truncate', 'others');
TRUNCATE others;
SELECT name, type, on_table FROM webhooks.event WHERE name LIKE 'report%';

-- What is refused, and leaves all as it was
\x
\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') AS unnamed \gset
SELECT c.* FROM unnest(ARRAY[
    $$'nothing'$$, $$'order:changed', new_name => 'report:ready'$$, $$'order:changed', new_name => 'a*'$$,
    $$'order:changed', new_name => ''$$, format('%L', :'unnamed'), $$'order:changed', fields => '{note}'$$,
    $$'order:changed', condition => 'NEW.id > 1'$$, $$'order:changed', condition => 'OLD.nte > 1'$$, $$'order:changed', 'table.truncate'$$,
    $$'order:changed', data => 'OLD.note'$$, $$'order:changed', on_table => 'pg_class'$$, $$'order:changed', key => ' '$$]) AS arguments,
    pg_temp.complaint('SELECT webhooks.alter_event(' || arguments || ')') AS c;
SELECT FROM webhooks.create_event('emitted');
SELECT c.* FROM unnest(ARRAY[$$'emitted', condition => 'true'$$, $$'emitted', 'table.recordInsert'$$, $$'emitted', on_table => 'orders'$$]) AS arguments,
    pg_temp.complaint('SELECT webhooks.alter_event(' || arguments || ')') AS c;
SELECT * FROM pg_temp.trigger;

-- A payload that names columns must still fit.
SELECT FROM webhooks.create_event('templated', 'table.recordInsert', 'orders');
SELECT FROM webhooks.subscribe('shipping', '{templated}', '{"total": "[@field:total]"}');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('templated', on_table => 'others')$$);
SELECT FROM webhooks.alter_event('templated', on_table => 'others');
SELECT on_table FROM webhooks.event WHERE name = 'templated';

-- What is not said again stays, also where Postgres begins it on a line of its own.
SELECT FROM webhooks.create_event('cased', 'table.recordInsert', 'orders', data => $$CASE WHEN NEW.id > 0 THEN '{}'::json END$$);
SELECT FROM webhooks.alter_event('cased', account => 'NEW.id');
SELECT data FROM webhooks.event_definition WHERE event = 'cased';
SELECT pg_get_function_sqlbody(p.oid) LIKE '%CASE%' AS kept
FROM pg_proc p, webhooks.event e WHERE e.name = 'cased' AND p.proname = 'event_' || e.id;

DROP TABLE orders, others;
