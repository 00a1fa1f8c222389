-- Columns that are computed when they are read, which there are since Postgres 18.
SELECT current_setting('server_version_num')::int < 180000 AS unknown \gset
\if :unknown
\quit
\endif
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.wide (
    id int PRIMARY KEY, first text, price numeric, gone int,
    double  numeric GENERATED ALWAYS AS (price * 2),
    label   text GENERATED ALWAYS AS (first || ': ' || price),
    kind    text GENERATED ALWAYS AS ('constant'),
    parts   int[] GENERATED ALWAYS AS (array_append(ARRAY[id], 2))) PARTITION BY LIST (id);
ALTER TABLE wide DROP gone;
-- A partition has its columns in an order of its own, and may compute in its own way.
CREATE TABLE public.wide_rest (
    kind text GENERATED ALWAYS AS ('other'), label text GENERATED ALWAYS AS (first || ': ' || price), first text,
    parts int[] GENERATED ALWAYS AS (array_append(ARRAY[id], 2)), double numeric GENERATED ALWAYS AS (price * 2),
    price numeric, id int NOT NULL);
CREATE TABLE public.wide_one PARTITION OF wide FOR VALUES IN (1);
ALTER TABLE wide ATTACH PARTITION wide_rest DEFAULT;

SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'wide');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'wide');
SELECT FROM webhooks.create_event('double', 'table.recordUpdate', 'wide', '{double}', 'NEW.double > 10');
SELECT FROM webhooks.create_event('deleted', 'table.recordDelete', 'wide');
SELECT FROM webhooks.create_event('column', 'table.recordInsert', 'wide', account => 'label', key => 'kind');
SELECT FROM webhooks.create_event('computed', 'table.recordUpdate', 'wide',
    data => $$jsonb_build_object('label', NEW.label, 'old', OLD.label, 'row', NEW)$$,
    account => $$upper(NEW.label)$$, key => $$NEW.parts[2]::text$$);

-- They have the values that a query shows.
INSERT INTO wide VALUES (1, 'Ada', 2), (2, NULL, 3);
UPDATE wide SET first = 'Grace' WHERE id = 2;
UPDATE wide SET price = 10;
DELETE FROM wide;
SELECT * FROM pg_temp.log;
SELECT e.name, m.account, m.record FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE e.name IN ('column', 'computed') ORDER BY m.seq;

DROP TABLE wide;
