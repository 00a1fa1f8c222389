-- TRUNCATE: one message that all rows are gone.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text);
CREATE TABLE public.lines (id int PRIMARY KEY, order_id int REFERENCES orders);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT FROM webhooks.create_event('orders:cleared', 'table.truncate', 'orders');
SELECT webhooks.add_event('shipping', 'table.truncate', 'lines');
SELECT webhooks.add_event('shipping', 'table.recordDelete', 'lines');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'webhooks_event_%' ORDER BY oid;

INSERT INTO orders VALUES (1), (2);
INSERT INTO lines VALUES (1, 1);
TRUNCATE lines;
TRUNCATE orders CASCADE;
TRUNCATE orders, lines RESTART IDENTITY;
BEGIN;
TRUNCATE lines;
ROLLBACK;
TRUNCATE ONLY lines;
SELECT * FROM pg_temp.log;

-- An empty table was truncated, too; deleting all rows is something else.
DELETE FROM webhooks.message;
INSERT INTO lines VALUES (2, NULL);
DELETE FROM lines;
SELECT * FROM pg_temp.log;

-- Of a partitioned table its own TRUNCATE counts, not that of a partition.
CREATE TABLE public.parts (k int) PARTITION BY LIST (k);
CREATE TABLE public.parts_1 PARTITION OF parts FOR VALUES IN (1);
SELECT FROM webhooks.create_event('parts:cleared', 'table.truncate', 'parts');
DELETE FROM webhooks.message;
TRUNCATE parts_1;
TRUNCATE parts;
SELECT * FROM pg_temp.log;

-- There is no row to look at.
SELECT state, message, hint FROM unnest(ARRAY[
    $$fields => '{status}'$$, $$condition => 'true'$$, $$data => '''{}''::json'$$, $$account => '1'$$, $$key => '1'$$]) AS arguments,
    pg_temp.complaint(format('SELECT webhooks.create_event(%L, %L, %L, %s)', 'x', 'table.truncate', 'orders', arguments));

DROP TABLE lines, orders, parts;
