-- The record that a message is about: the primary key as text.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TYPE public.pair AS (a int, b text);
CREATE TABLE public.none (a int, b int UNIQUE NOT NULL);
CREATE TABLE public.single (a text PRIMARY KEY);
CREATE TABLE public.number (a numeric PRIMARY KEY);
CREATE TABLE public.uid (x int, a uuid PRIMARY KEY);
CREATE TABLE public.bytes (a bytea PRIMARY KEY);
CREATE TABLE public.pairs (a pair PRIMARY KEY);
CREATE TABLE public.lists (a int[] PRIMARY KEY);
CREATE TABLE public.composite (z text, b int, a text, PRIMARY KEY (a, b));
CREATE TABLE public.three (a date, b boolean, c timestamptz, PRIMARY KEY (c, b, a));
CREATE TABLE public.included (a int, b int, PRIMARY KEY (a) INCLUDE (b));
CREATE TABLE public.deferred (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY '{none,single,number,uid,bytes,pairs,lists,composite,three,included,deferred}'::text[] LOOP
        PERFORM webhooks.create_event(name, 'table.recordInsert', name::regclass);
    END LOOP;
END $$;

INSERT INTO none VALUES (1, 2);
INSERT INTO single VALUES ('plain'), ('a "quoted" \ one'), (''), ('["a",1]');
INSERT INTO number VALUES (1.50);
INSERT INTO uid VALUES (1, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11');
INSERT INTO bytes VALUES ('\xdeadbeef');
INSERT INTO pairs VALUES ((1, 'b'));
INSERT INTO lists VALUES ('{1,2}');
INSERT INTO composite VALUES ('z', 1, 'a'), ('z', 2, 'quote " and \ slash');
INSERT INTO three VALUES ('2026-11-23', true, '2026-11-23 20:00+00');
INSERT INTO included VALUES (1, 2);
INSERT INTO deferred VALUES (1);
SELECT event, record FROM pg_temp.log;
DELETE FROM webhooks.message;

-- The key may come, change and go.
ALTER TABLE none ADD PRIMARY KEY (b);
INSERT INTO none VALUES (3, 4);
ALTER TABLE none DROP CONSTRAINT none_pkey, ADD PRIMARY KEY (b, a);
INSERT INTO none VALUES (5, 6);
ALTER TABLE none DROP CONSTRAINT none_pkey;
INSERT INTO none VALUES (7, 8);
ALTER TABLE single RENAME a TO b;
INSERT INTO single VALUES ('renamed');
SELECT event, record, data FROM pg_temp.log;

-- Without a key, changes are told all the same.
SELECT FROM webhooks.create_event('changed', 'table.recordUpdate', 'none');
SELECT FROM webhooks.create_event('gone', 'table.recordDelete', 'none');
DELETE FROM webhooks.message;
UPDATE none SET a = 0 WHERE b = 8;
DELETE FROM none WHERE b = 8;
SELECT * FROM pg_temp.log;

DROP TABLE none, single, number, uid, bytes, pairs, lists, composite, three, included, deferred;
DROP TYPE pair;
