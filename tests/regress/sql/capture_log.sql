-- What capture keeps about the log between rows: its partition, its indexes, and that they are locked.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, total int);
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'orders');

-- Locks of the log are those that a table has that is written to, once per transaction. What is undone to a savepoint
-- gives them back, and the next row takes them again.
CREATE VIEW pg_temp.locks AS
SELECT DISTINCT regexp_replace(c.relname, '\d{8}', 'DAY') AS relation, l.mode
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relname LIKE 'message%' AND l.granted;
BEGIN;
SAVEPOINT a;
INSERT INTO orders VALUES (1), (2);
SELECT * FROM pg_temp.locks ORDER BY relation;
ROLLBACK TO a;
SELECT * FROM pg_temp.locks ORDER BY relation;
INSERT INTO orders VALUES (3);
SAVEPOINT b;
INSERT INTO orders VALUES (4);
ROLLBACK TO b;
INSERT INTO orders VALUES (5);
SELECT * FROM pg_temp.locks ORDER BY relation;
COMMIT;
SELECT record FROM pg_temp.log;

-- An index of somebody's own, of whatever kind, is kept up.
CREATE INDEX by_total ON webhooks.message ((data ->> 'total'));
CREATE INDEX by_time ON webhooks.message USING brin (at);
CREATE INDEX inserts ON webhooks.message (event_id) WHERE operation = 'i';
INSERT INTO orders VALUES (6, 60), (7, 70);
SET enable_seqscan = off;
SELECT record FROM webhooks.message WHERE data ->> 'total' = '70';
DROP INDEX webhooks.by_total;
INSERT INTO orders VALUES (8, 80);
SELECT count(*) FROM webhooks.message WHERE operation = 'i' AND event_id > 0;
DROP INDEX webhooks.by_time, webhooks.inserts;
INSERT INTO orders VALUES (9, 90);
RESET enable_seqscan;

-- It may refuse a row, which fails the statement and nothing else.
CREATE FUNCTION public.refuse(json) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $1 ->> 'total' = '0' THEN RAISE EXCEPTION 'not zero'; END IF;
    RETURN 1;
END $$;
CREATE INDEX refusing ON webhooks.message (public.refuse(data));
\set VERBOSITY terse
BEGIN;
INSERT INTO orders VALUES (10, 10);
SAVEPOINT a;
INSERT INTO orders VALUES (11, 11), (12, 0);
ROLLBACK TO a;
INSERT INTO orders VALUES (13, 13);
COMMIT;
\set VERBOSITY default
DROP INDEX webhooks.refusing;
DROP FUNCTION public.refuse;
SELECT record FROM webhooks.message WHERE record::int >= 10 ORDER BY seq;

-- One that is made in the midst of a transaction, and one that goes.
BEGIN;
INSERT INTO orders VALUES (14, 14);
CREATE INDEX by_total ON webhooks.message ((data ->> 'total'));
INSERT INTO orders VALUES (15, 15);
SET LOCAL enable_seqscan = off;
SELECT record FROM webhooks.message WHERE data ->> 'total' = '15';
DROP INDEX webhooks.by_total;
INSERT INTO orders VALUES (16, 16);
COMMIT;
SELECT record FROM webhooks.message WHERE record::int >= 14 ORDER BY seq;

-- A loop of transactions in one statement: each takes the locks anew.
DO $$
BEGIN
    FOR i IN 100..102 LOOP
        INSERT INTO orders VALUES (i);
        COMMIT;
    END LOOP;
END $$;
SELECT count(*) FROM webhooks.message WHERE record::int >= 100;

-- The extension can be dropped, and made again, by the transaction that wrote to the log.
SET client_min_messages = warning;
BEGIN;
INSERT INTO orders VALUES (200);
DROP EXTENSION webhooks CASCADE;
INSERT INTO orders VALUES (201);
CREATE EXTENSION webhooks;
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'orders');
INSERT INTO orders VALUES (202);
SELECT record FROM webhooks.message;
ROLLBACK;
INSERT INTO orders VALUES (203);
SELECT record FROM webhooks.message WHERE record::int >= 200;

DROP TABLE orders;
