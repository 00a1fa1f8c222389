-- What an event computes for its messages: data in place of the row, account, key.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE VIEW pg_temp.computed AS
SELECT e.name AS event, m.operation AS op, m.record, m.account, m.data, m.old
FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id ORDER BY m.seq;
CREATE TABLE public.stages (id int PRIMARY KEY, name text);
CREATE TABLE public.leads (id int PRIMARY KEY, name text, stage_id int REFERENCES stages, customer_id int, "Pipe" text);
INSERT INTO stages VALUES (1, 'Offer'), (2, 'Won');

-- Related rows, as the statement leaves them; account and key as columns or expressions.
SELECT FROM webhooks.create_event('lead:created', 'table.recordInsert', 'leads',
    data => $$jsonb_build_object('lead', NEW.name, 'stage', (SELECT s.name FROM stages s WHERE s.id = NEW.stage_id))$$,
    account => 'customer_id', key => 'customer_id');
SELECT FROM webhooks.create_event('lead:moved', 'table.recordUpdate', 'leads', '{stage_id}', 'NEW.stage_id > 0',
    data => $$json_build_object('from', (SELECT name FROM stages WHERE id = OLD.stage_id),
                                'to', (SELECT name FROM stages WHERE id = NEW.stage_id)) -- (unfinished$$,
    account => $$'c' || NEW.customer_id$$, key => '"Pipe"');
SELECT FROM webhooks.create_event('lead:deleted', 'table.recordDelete', 'leads', account => 'customer_id');
INSERT INTO leads VALUES (1, 'Ann', 1, 7, 'a'), (2, 'Ben', NULL, NULL, NULL);
UPDATE leads SET stage_id = 2;
UPDATE leads SET name = name || '!';
DELETE FROM leads;
SELECT * FROM pg_temp.computed;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'webhooks_event_2';
SELECT name, data, account, key, created_by = current_user AS mine FROM webhooks.event ORDER BY id;
DELETE FROM webhooks.message;

-- A template's columns are those of data, where an event has it: any.
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/');
SELECT FROM webhooks.subscribe('one', '{lead:created}', '{"s": "[@field:stage]"}');
SELECT state, message FROM pg_temp.complaint($$SELECT webhooks.subscribe('one', '{lead:deleted}', '{"s": "[@field:stage]"}')$$);

-- The row that the statement itself changes elsewhere is seen.
WITH s AS (INSERT INTO stages VALUES (3, 'Lost') RETURNING id) INSERT INTO leads SELECT 3, 'Cy', id, 8, 'b' FROM s;
SELECT * FROM pg_temp.computed;

-- Names of today: columns and tables can be renamed, and used ones are not dropped unnoticed.
ALTER TABLE leads RENAME name TO title;
ALTER TABLE leads RENAME customer_id TO client_id;
ALTER TABLE stages RENAME name TO label;
ALTER TABLE stages RENAME TO steps;
ALTER TABLE leads RENAME TO deals;
DELETE FROM webhooks.message;
INSERT INTO deals VALUES (4, 'Dan', 1, 9, 'b');
UPDATE deals SET stage_id = 2 WHERE id = 4;
DELETE FROM deals WHERE id = 4;
SELECT * FROM pg_temp.computed;
\set VERBOSITY terse
ALTER TABLE deals DROP title;
ALTER TABLE deals ALTER title TYPE varchar(100);
DROP TABLE steps;
SET client_min_messages = warning;
ALTER TABLE deals DROP title CASCADE;
RESET client_min_messages;
\set VERBOSITY default
SELECT tgname FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND tgname LIKE 'webhooks%' ORDER BY 1;
INSERT INTO deals VALUES (5, 1, 9, 'b');
SELECT event, record FROM pg_temp.computed WHERE record = '5';
SELECT FROM webhooks.drop_event('lead:created');
SELECT FROM webhooks.drop_event('lead:moved');
SELECT proname FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';

-- A table that is dropped takes the functions along.
DROP TABLE deals;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';
DROP TABLE steps;

-- It does not depend on the session, nor does it change it.
CREATE TABLE public.t (id int PRIMARY KEY, at timestamptz, f float8, i interval);
SELECT FROM webhooks.create_event('t', 'table.recordInsert', 't', data => 'row_to_json(NEW)', key => 'NEW.at');
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET extra_float_digits = -10;
DELETE FROM webhooks.message;
INSERT INTO t VALUES (1, '2026-11-23 20:00:00+00', 0.1::float8 + 0.2::float8, '1 day 02:03:04');
SELECT * FROM pg_temp.computed;
SHOW TimeZone;
RESET TimeZone;
RESET DateStyle;
RESET extra_float_digits;

-- NULL data is no data, and needs no object; a NULL key no order.
SELECT FROM webhooks.create_event('n', 'table.recordInsert', 't', data => 'NULL::json', account => 'NULL', key => 'NULL::text');
SELECT FROM webhooks.create_event('b', 'table.recordInsert', 't', key => $$NEW.id::text || '-' || NEW.f$$);
DELETE FROM webhooks.message;
INSERT INTO t VALUES (2);
INSERT INTO t VALUES (3, NULL, 1.5);
SELECT * FROM pg_temp.computed WHERE event <> 't';

-- An error in it is one of the statement, as in any trigger, and what went before it can go on.
SELECT FROM webhooks.create_event('e', 'table.recordUpdate', 't', data => 'json_build_object($$n$$, 1 / NEW.f::int)');
DELETE FROM webhooks.message;
BEGIN;
UPDATE t SET f = 2 WHERE id = 2;
SAVEPOINT s;
\set VERBOSITY terse
UPDATE t SET f = 0 WHERE id = 2;
\set VERBOSITY default
ROLLBACK TO s;
UPDATE t SET f = 4 WHERE id = 2;
COMMIT;
SELECT * FROM pg_temp.computed;
SELECT FROM webhooks.drop_event('e');

-- A function that it calls may change rows that are watched, its own table's too.
CREATE FUNCTION public.chain(int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF $1 < 13 THEN
        INSERT INTO public.u VALUES ($1 + 1);
    END IF;
    RETURN jsonb_build_object('n', $1);
END $$;
CREATE TABLE public.u (id int PRIMARY KEY);
SELECT FROM webhooks.create_event('u', 'table.recordInsert', 'u', data => 'chain(NEW.id)');
DELETE FROM webhooks.message;
INSERT INTO u VALUES (10);
SELECT * FROM pg_temp.computed;

-- Definitions may change between two rows of a transaction.
DELETE FROM webhooks.message;
BEGIN;
INSERT INTO u VALUES (20);
CREATE OR REPLACE FUNCTION public.chain(int) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"now": "another"}'::jsonb $$;
ALTER TABLE u ADD more text;
INSERT INTO u VALUES (21);
COMMIT;
SELECT * FROM pg_temp.computed;
DROP TABLE u;
DROP FUNCTION chain;

-- A cast is a part of the expression, whatever the column is; a column that is cast to nothing but text is that column.
CREATE DOMAIN public.code AS varchar(9);
CREATE TABLE public.u (id int PRIMARY KEY, a text, b varchar(5), c code, d uuid, e int, f oid, g numeric(5,2));
CREATE FUNCTION pg_temp.event(name text, account text, key text) RETURNS void LANGUAGE sql AS $$
    SELECT webhooks.create_event(name, 'table.recordInsert', 'u', account => account, key => key) $$;
SELECT FROM pg_temp.event('bare', 'a', 'NEW.b');
SELECT FROM pg_temp.event('text', 'NEW.c::text', 'CAST(NEW.d AS text)');
SELECT FROM pg_temp.event('other', 'g', 'f');
SELECT FROM pg_temp.event('int', 'NEW.a::int', 'NEW.b::int');
SELECT FROM pg_temp.event('and back', '(NEW.c::int)::text', 'NEW.d::text::uuid');
SELECT FROM pg_temp.event('name', 'NEW.f::regclass', 'NEW.e::oid::regtype');
DELETE FROM webhooks.message;
INSERT INTO u VALUES (1, '007', '008', '009', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 23, 1259, 1.5);
SELECT event, account, record FROM pg_temp.computed;
\set VERBOSITY terse
INSERT INTO u VALUES (2, 'seven');
\set VERBOSITY default
DROP TABLE u;
DROP DOMAIN code;

-- Nothing is in the way of new columns, whatever they are filled with, nor of another type for one that no event uses.
CREATE TABLE public.u (id int PRIMARY KEY, a int, b int);
SELECT FROM webhooks.create_event('row', 'table.recordInsert', 'u', condition => 'NEW IS NOT NULL', key => 'NEW.a + 1',
    data => $$jsonb_build_object('row', NEW, 'text', NEW::text, 'larger', (SELECT count(*) FROM u x WHERE x.id > NEW.id AND x <> NEW))$$);
BEGIN;
DELETE FROM webhooks.message;
INSERT INTO u VALUES (1, 1, 1);
ALTER TABLE u ADD c int NOT NULL DEFAULT 2;
ALTER TABLE u ADD d serial, ADD e int GENERATED ALWAYS AS (a + 10) STORED, ADD f text DEFAULT left(current_user, 0);
ALTER TABLE u ALTER b TYPE text USING 'b';
INSERT INTO u VALUES (2, 2, 'two');
SELECT record, data FROM pg_temp.computed;
COMMIT;
\set VERBOSITY terse
ALTER TABLE u ALTER a TYPE bigint;
\set VERBOSITY default
-- A value of the row's type that is written down in an expression is: newer servers refuse it then, and alter_table gets around that.
SELECT FROM webhooks.create_event('written', 'table.recordInsert', 'u', data => $$to_jsonb(coalesce(NEW, NULL::u))$$);
SELECT e.name, count(d) > 0 AS held FROM webhooks.event e JOIN pg_proc p ON p.proname = 'event_' || e.id
LEFT JOIN pg_depend d ON d.objid = p.oid AND d.refobjid = (SELECT c.reltype FROM pg_class c WHERE c.oid = 'u'::regclass)
WHERE e.on_table = 'u'::regclass GROUP BY e.name ORDER BY e.name;
SELECT FROM webhooks.alter_table('u', 'ADD g int DEFAULT 1');
DROP TABLE u;

-- Partitions may have their columns in another order: the expressions see the row as the table has it.
CREATE TABLE public.parts (k int, id int, name text, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
CREATE TABLE public.parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE public.parts_2 (gone int, name text, id int NOT NULL, k int NOT NULL);
ALTER TABLE parts_2 DROP gone;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
SELECT FROM webhooks.create_event('p', 'table.recordInsert', 'parts', data => 'to_jsonb(NEW)', account => 'name', key => 'NEW.id + 1');
SELECT FROM webhooks.create_event('q', 'table.recordUpdate', 'parts', data => 'jsonb_build_array(OLD, NEW)');
DELETE FROM webhooks.message;
INSERT INTO parts VALUES (1, 1, 'one'), (2, 2, 'two'), (1, 3, 'three');
UPDATE parts SET name = upper(name);
SELECT * FROM pg_temp.computed;

-- A row that is older than a column has its default there, in partitions too.
INSERT INTO parts VALUES (2, 4, 'FOUR');
ALTER TABLE parts ADD added int DEFAULT 7;
SELECT FROM webhooks.create_event('r', 'table.recordDelete', 'parts', data => 'to_jsonb(OLD)', account => $$'of ' || OLD.added$$);
DELETE FROM webhooks.message;
UPDATE parts SET name = lower(name) WHERE id < 3;
DELETE FROM parts;
SELECT * FROM pg_temp.computed;
DROP TABLE parts, t;
