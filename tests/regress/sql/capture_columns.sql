-- Columns that are more than a place for a value.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.wide (
    dropped_first int,
    id      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    price   numeric NOT NULL DEFAULT 1.5,
    dropped text DEFAULT 'gone',
    double  numeric GENERATED ALWAYS AS (price * 2) STORED,
    serial  serial,
    doc     text);
ALTER TABLE wide DROP dropped_first, DROP dropped;
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'wide');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'wide');
SELECT FROM webhooks.create_event('doc', 'table.recordUpdate', 'wide', '{doc}');
SELECT FROM webhooks.create_event('double', 'table.recordUpdate', 'wide', '{double}', 'NEW.double > 10');
SELECT FROM webhooks.create_event('deleted', 'table.recordDelete', 'wide');

-- Identity, default, generated and serial columns have their values; dropped ones are not there.
INSERT INTO wide DEFAULT VALUES;
INSERT INTO wide (price) OVERRIDING USER VALUE VALUES (2), (3);
UPDATE wide SET price = 4 WHERE id = 2;
UPDATE wide SET price = 10 WHERE id = 3;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- A column that comes later is in what comes later, also where the row is older than the column; a dropped one is not.
ALTER TABLE wide ADD late int DEFAULT 42;
UPDATE wide SET price = 5 WHERE id = 1;
ALTER TABLE wide DROP serial;
ALTER TABLE wide RENAME late TO "Late";
ALTER TABLE wide ALTER "Late" TYPE text;
UPDATE wide SET "Late" = NULL WHERE id = 1;
DELETE FROM wide WHERE id = 2;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- Values stored out of line: whole where the row is sent, not changed where they were not touched.
ALTER TABLE wide ALTER doc SET STORAGE EXTERNAL;
UPDATE wide SET doc = repeat('0123456789', 10000) WHERE id = 1;
SELECT event, changed, length(data->>'doc') AS doc, old FROM pg_temp.log;
DELETE FROM webhooks.message;

UPDATE wide SET price = 6 WHERE id = 1;
UPDATE wide SET doc = doc WHERE id = 1;
UPDATE wide SET doc = doc || '' WHERE id = 1;
SELECT event, changed, length(data->>'doc') AS doc, old FROM pg_temp.log;
DELETE FROM webhooks.message;

UPDATE wide SET doc = doc || '!' WHERE id = 1;
DELETE FROM wide WHERE id = 1;
SELECT event, changed, length(data->>'doc') AS doc, right(data->>'doc', 3) AS "end", length(old->>'doc') AS old_doc FROM pg_temp.log;
DELETE FROM webhooks.message;

-- Compressed ones too.
ALTER TABLE wide ALTER doc SET STORAGE EXTENDED;
INSERT INTO wide (doc) VALUES (repeat('x', 1000000));
UPDATE wide SET price = 7 WHERE id = 4;
SELECT event, changed, length(data->>'doc') AS doc, old FROM pg_temp.log;

-- A row of no columns, and one of many.
CREATE TABLE public.empty ();
SELECT FROM webhooks.create_event('nothing', 'table.recordInsert', 'empty');
INSERT INTO empty DEFAULT VALUES;
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE public.broad (%s)', string_agg('c' || n || ' int', ', '))
             FROM generate_series(1, 1600) AS n);
END $$;
SELECT FROM webhooks.create_event('broad', 'table.recordInsert', 'broad');
INSERT INTO broad (c1600) VALUES (1600);
SELECT event, record, data->>'c1600' AS c1600, (SELECT count(*) FROM json_object_keys(data)) AS columns FROM pg_temp.log WHERE event IN ('nothing', 'broad');

DROP TABLE wide, empty, broad;
