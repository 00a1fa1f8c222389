-- An event on a table is a trigger there, for everyone to see.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT id FROM webhooks.create_webhook('billing', 'https://example.com/hooks');
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders', condition => 'NEW.total > 100 OR NEW.status IS NULL') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{status}') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{total,status}', 'NEW.total > 1 OR OLD.total > 1') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', condition => $$NEW.status = 'shipped' -- sent$$) \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders', condition => 'OLD.total > 0') \g /dev/null
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');

-- What exists already makes no second trigger.
SELECT webhooks.add_event('billing', 'table.recordInsert', 'orders') \g /dev/null
SELECT webhooks.add_event('billing', 'table.recordUpdate', 'orders', '{status,total}', 'NEW.total > 1 OR OLD.total > 1') \g /dev/null
SELECT FROM webhooks.subscribe('billing', '{order:new}');

\d orders

-- A dump has what \d shows, and it makes the same triggers.
DO $$
DECLARE
    dumped record;
BEGIN
    FOR dumped IN SELECT oid, tgname, pg_get_triggerdef(oid) AS def FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY tgname LOOP
        EXECUTE format('DROP TRIGGER %I ON orders', dumped.tgname);
        EXECUTE dumped.def;
        ASSERT dumped.def = (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = 'orders'::regclass AND t.tgname = dumped.tgname);
    END LOOP;
END $$;

-- Names that need quotes, and columns and schemas that look like something else.
CREATE SCHEMA "Odd 'schema'";
CREATE TABLE "Odd 'schema'"."select" ("a""b" int, "x') --" int, "new" int, "old" int);
SELECT webhooks.add_event('shipping', 'table.recordUpdate', '"Odd ''schema''"."select"',
    ARRAY['a"b', 'x'') --', 'new', 'old'], 'NEW."x'') --" > OLD."old"');
\d "Odd 'schema'"."select"
INSERT INTO "Odd 'schema'"."select" VALUES (1, 2, 3, 4);
UPDATE "Odd 'schema'"."select" SET "x') --" = 5;
SELECT changed, data, old FROM pg_temp.log;

-- The table's names may change: the trigger goes with it.
ALTER TABLE "Odd 'schema'"."select" RENAME TO plain;
ALTER SCHEMA "Odd 'schema'" RENAME TO plain;
SELECT FROM webhooks.drop_event('table.recordUpdate:Odd ''schema''.select:10');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'plain.plain'::regclass;

-- Columns that a condition or a field uses cannot be dropped by accident; others can.
ALTER TABLE orders DROP total;
ALTER TABLE orders ADD note text;
ALTER TABLE orders DROP note;

-- A trigger that somebody has dropped is made again for who asks for the event, for all its webhooks.
DROP TRIGGER webhooks_event_1 ON orders;
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname = 'webhooks_event_1';

-- On a partitioned table the root has it, and each partition, also a later one.
CREATE TABLE public.measures (at date NOT NULL, value int) PARTITION BY RANGE (at);
CREATE TABLE public.measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'measures', '{value}', 'NEW.value > 0') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'measures') \g /dev/null
CREATE TABLE public.measures_2 (value int, at date NOT NULL);
ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT tgrelid::regclass, tgname, tgparentid <> 0 AS has_parent FROM pg_trigger
WHERE tgname LIKE 'webhooks%' AND tgrelid::regclass::text LIKE 'measures%' ORDER BY tgrelid::regclass::text, tgname;
SELECT FROM webhooks.drop_webhook('shipping');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'webhooks%' AND tgrelid::regclass::text LIKE 'measures%';

-- A table can be dropped with all that is on it: nothing else breaks.
INSERT INTO orders VALUES (1, 'new', 5);
DROP TABLE orders;
SELECT webhook, pending FROM webhooks.webhook_stats;
SELECT event, pending FROM webhooks.event_stats ORDER BY event;
SELECT backlog FROM webhooks.status();
SELECT FROM webhooks.drop_event('table.recordInsert:public.orders:1');
SELECT FROM webhooks.drop_webhook('billing');
SELECT event FROM webhooks.event_stats;

DROP TABLE measures, plain.plain;
DROP SCHEMA plain;
