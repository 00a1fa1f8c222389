-- Partitioned tables: the event is the root's, whichever partition has the row.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.measures (id int, at date, value int, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE public.measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
-- A partition may have its columns in another order, and columns that are gone.
CREATE TABLE public.measures_2 (gone text, value int, at date NOT NULL, id int NOT NULL, PRIMARY KEY (at, id));
ALTER TABLE measures_2 DROP gone;
ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE public.measures_3 PARTITION OF measures FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY LIST (id);
CREATE TABLE public.measures_3_1 PARTITION OF measures_3 FOR VALUES IN (1);
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'measures');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'measures');
SELECT FROM webhooks.create_event('value', 'table.recordUpdate', 'measures', '{value}', 'NEW.value > 5');
SELECT FROM webhooks.create_event('deleted', 'table.recordDelete', 'measures');

INSERT INTO measures VALUES (1, '2026-01-02', 10), (1, '2026-02-02', 20), (1, '2026-03-02', 30);
INSERT INTO measures_2 (id, at, value) VALUES (2, '2026-02-02', 21);
UPDATE measures SET value = value + 1 WHERE id = 1;
UPDATE measures SET value = 0 WHERE id = 2;
DELETE FROM measures WHERE value = 0;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- A row that moves arrives as a delete and an insert.
UPDATE measures SET at = '2026-02-03' WHERE at = '2026-01-02';
SELECT * FROM pg_temp.log ORDER BY event;
DELETE FROM webhooks.message;

-- Partitions made later and attached are watched, detached ones no more.
CREATE TABLE public.measures_4 PARTITION OF measures FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
CREATE TABLE public.measures_5 (at date NOT NULL, id int NOT NULL, value int);
ALTER TABLE measures ATTACH PARTITION measures_5 DEFAULT;
INSERT INTO measures VALUES (4, '2026-04-02', 40), (5, '2026-05-02', 50);
ALTER TABLE measures DETACH PARTITION measures_2;
UPDATE measures_2 SET value = 99;
ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
UPDATE measures_2 SET value = 98 WHERE at = '2026-02-03';
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- An event of one partition is about that one.
SELECT FROM webhooks.create_event('only 1', 'table.recordInsert', 'measures_1');
INSERT INTO measures VALUES (6, '2026-01-06', 60), (7, '2026-02-07', 70);
SELECT event, record FROM pg_temp.log ORDER BY event, record;
DELETE FROM webhooks.message;

-- The payload's names are the root's.
SELECT name, object_schema, object_name FROM webhooks.event WHERE name = 'value';

-- Inheritance is not partitioning: a child's rows are the child's, as with any row trigger.
CREATE TABLE public.parents (id int PRIMARY KEY);
CREATE TABLE public.children (name text) INHERITS (parents);
SELECT FROM webhooks.create_event('parent', 'table.recordInsert', 'parents');
INSERT INTO parents VALUES (1);
INSERT INTO children VALUES (2, 'x');
SELECT event, record FROM pg_temp.log;

DROP TABLE measures, parents, children;
