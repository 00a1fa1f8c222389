-- Every statement that changes rows is seen.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.customers (id int PRIMARY KEY, name text);
CREATE TABLE public.orders (
    id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, total numeric DEFAULT 0);
CREATE TABLE public.remarks (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers ON UPDATE CASCADE ON DELETE SET NULL);
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'orders');
SELECT FROM webhooks.create_event('deleted', 'table.recordDelete', 'orders');
SELECT FROM webhooks.create_event('remark', 'table.recordUpdate', 'remarks');
INSERT INTO customers SELECT n, 'c' || n FROM generate_series(1, 4) AS n;

-- COPY
COPY orders (id, customer) FROM stdin;
1	1
2	2
\.
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- INSERT … SELECT, also in WITH
INSERT INTO orders SELECT id + 2, customer, 5.50 FROM orders;
WITH inserted AS (INSERT INTO orders VALUES (5, 3, 1) RETURNING id)
INSERT INTO orders SELECT id + 1, 4, 2 FROM inserted;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- ON CONFLICT: an insert, an update, an update to the same, nothing
INSERT INTO orders VALUES (6, 4, 3), (7, 4, 3) ON CONFLICT (id) DO UPDATE SET total = EXCLUDED.total;
INSERT INTO orders VALUES (6, 4, 3), (7, 4, 4) ON CONFLICT (id) DO UPDATE SET total = EXCLUDED.total WHERE EXCLUDED.total = 3;
INSERT INTO orders VALUES (6, 4, 9) ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- MERGE: all that it can do
MERGE INTO orders o USING (VALUES (5, 50), (6, 0), (7, 3), (8, 80)) AS s (id, total) ON o.id = s.id
WHEN MATCHED AND s.total = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET total = s.total
WHEN NOT MATCHED THEN INSERT VALUES (s.id, 4, s.total);
SELECT * FROM pg_temp.log ORDER BY record;
DELETE FROM webhooks.message;

-- UPDATE … FROM and DELETE … USING
UPDATE orders o SET total = c.id * 10 FROM customers c WHERE c.id = o.customer AND o.id IN (5, 7);
DELETE FROM orders o USING customers c WHERE c.id = o.customer AND o.id = 8;
SELECT * FROM pg_temp.log ORDER BY record;
DELETE FROM webhooks.message;

-- What foreign keys do: cascades of updates and deletes, and SET NULL
INSERT INTO remarks (customer) VALUES (1), (2);
UPDATE customers SET id = 20 WHERE id = 2;
DELETE FROM customers WHERE id IN (1, 20);
SELECT * FROM pg_temp.log ORDER BY event, record, op, old::text;
DELETE FROM webhooks.message;

-- Through an updatable view, and from PL/pgSQL
CREATE VIEW public.small_orders AS SELECT id, total FROM orders WHERE total < 10;
INSERT INTO small_orders VALUES (9, 1);
UPDATE small_orders SET total = 2 WHERE id = 9;
DELETE FROM small_orders WHERE id = 9;
DO $$ BEGIN INSERT INTO orders VALUES (10, 3, 1); END $$;
SELECT * FROM pg_temp.log;

SET client_min_messages = warning;
DROP TABLE customers, orders, remarks CASCADE;
