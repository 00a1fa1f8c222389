-- What add_event and create_event refuse, and what they say: SQLSTATE, the argument, what to do.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
CREATE TABLE public.orders (id int PRIMARY KEY, status text, "Total ""net""" numeric);
ALTER TABLE orders ADD gone int;
ALTER TABLE orders DROP gone;
CREATE VIEW public.open_orders AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW public.old_orders AS SELECT * FROM orders;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE public.far_orders (id int) SERVER nowhere;
CREATE SEQUENCE public.order_numbers;
CREATE TEMP TABLE my_orders (id int);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT webhooks.create_event('lead:won');
CREATE FUNCTION pg_temp.refused(arguments text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE sql AS $$ SELECT * FROM pg_temp.complaint('SELECT webhooks.add_event(' || arguments || ')') $$;
CREATE FUNCTION pg_temp.not_created(arguments text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE sql AS $$ SELECT * FROM pg_temp.complaint('SELECT webhooks.create_event(' || arguments || ')') $$;

-- webhook, type
SELECT * FROM pg_temp.refused($$'shiping', 'table.recordInsert', 'orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordChange', 'orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'INSERT', 'orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', NULL, 'orders'$$);

-- on_table
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', NULL$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'order'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 4294967295::oid$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'open_orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'old_orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'far_orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'order_numbers'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'orders_pkey'$$);
SELECT regexp_replace(message, 'pg_temp_\d+', 'pg_temp') FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'my_orders'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'pg_class'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'information_schema.sql_features'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'webhooks.message'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'webhooks.webhook'$$);

-- fields
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordInsert', 'orders', '{status}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordDelete', 'orders', '{status}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{status,Status}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{gone}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{xmin}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{status,NULL}'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', '{{id},{status}}'$$);

-- payload
SELECT * FROM pg_temp.refused($$'shipping', 'table.recordUpdate', 'orders', payload => 'null'$$);

-- name
SELECT * FROM pg_temp.not_created($$NULL$$);
SELECT * FROM pg_temp.not_created($$''$$);
SELECT * FROM pg_temp.not_created($$repeat('e', 201)$$);
SELECT * FROM pg_temp.not_created($$'lead:*'$$);
SELECT * FROM pg_temp.not_created($$E'lead\twon'$$);
SELECT * FROM pg_temp.not_created($$'lead:won'$$);
SELECT * FROM pg_temp.not_created($$'table.recordInsert'$$);
SELECT * FROM pg_temp.not_created($$'webhook.started'$$);
SELECT * FROM pg_temp.not_created($$'webhook17.errors'$$);

-- type and table belong together, and the rest belongs to them
SELECT * FROM pg_temp.not_created($$'a', 'table.recordInsert'$$);
SELECT * FROM pg_temp.not_created($$'a', on_table => 'orders'$$);
SELECT * FROM pg_temp.not_created($$'a', 'a', 'orders'$$);
SELECT * FROM pg_temp.not_created($$'a', fields => '{status}'$$);
SELECT * FROM pg_temp.not_created($$'a', condition => 'true'$$);
SELECT * FROM pg_temp.not_created($$'a', 'table.recordInsert', 'orders', '{status}'$$);

-- unknown names
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_event('lead:wno')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_event(NULL)$$);
SELECT webhooks.drop_event('lead:won');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_event('lead:won')$$);

-- Nothing of all this has left anything behind.
SELECT name FROM webhooks.event WHERE dropped_at IS NULL;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass;

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
DROP TABLE orders CASCADE;
DROP SEQUENCE order_numbers;
