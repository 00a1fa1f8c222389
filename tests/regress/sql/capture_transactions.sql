-- A message exists if and only if its transaction committed.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, total int);
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'orders');
SELECT FROM webhooks.create_event('note');

BEGIN;
INSERT INTO orders VALUES (1, 1);
ROLLBACK;
SELECT count(*) FROM webhooks.message;

-- Savepoints: only what was kept, all of it under the transaction's own id.
BEGIN;
INSERT INTO orders VALUES (2, 1);
SAVEPOINT a;
INSERT INTO orders VALUES (3, 1);
SELECT webhooks.emit('note', '3') IS NOT NULL AS emitted;
SAVEPOINT b;
UPDATE orders SET total = 2;
ROLLBACK TO b;
UPDATE orders SET total = 3 WHERE id = 2;
ROLLBACK TO a;
INSERT INTO orders VALUES (4, 1);
SAVEPOINT c;
INSERT INTO orders VALUES (5, 1);
RELEASE c;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT * FROM pg_temp.log;
SELECT count(*) AS messages, bool_and(xid = :'xid'::xid8) AS of_top_transaction FROM webhooks.message;
DELETE FROM webhooks.message;

-- An error that is caught, and one that is not.
DO $$
BEGIN
    INSERT INTO orders VALUES (6, 1);
    BEGIN
        INSERT INTO orders VALUES (7, 1), (6, 1);
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END $$;
INSERT INTO orders VALUES (8, 1), (6, 1);
SELECT record FROM pg_temp.log;
DELETE FROM webhooks.message;

-- Deferred constraints that fail at commit take the messages with them.
ALTER TABLE orders ADD CONSTRAINT positive_parent FOREIGN KEY (total) REFERENCES orders DEFERRABLE INITIALLY DEFERRED NOT VALID;
BEGIN;
INSERT INTO orders VALUES (9, 999);
COMMIT;
ALTER TABLE orders DROP CONSTRAINT positive_parent;
SELECT count(*) FROM webhooks.message;

-- Prepared transactions: rolled back, and committed by another session.
BEGIN;
INSERT INTO orders VALUES (10, 1);
SELECT webhooks.emit('note', '10') IS NOT NULL AS emitted;
PREPARE TRANSACTION 'regress_webhooks_a';
BEGIN;
INSERT INTO orders VALUES (11, 1);
SELECT pg_current_xact_id() AS xid \gset
PREPARE TRANSACTION 'regress_webhooks_b';
SELECT count(*) FROM webhooks.message;
\c -
ROLLBACK PREPARED 'regress_webhooks_a';
COMMIT PREPARED 'regress_webhooks_b';
SELECT m.record, m.xid = :'xid'::xid8 AS of_that_transaction FROM webhooks.message m;
DELETE FROM webhooks.message;

-- Numbers follow the order of the changes; what was rolled back leaves gaps and no more.
BEGIN;
INSERT INTO orders VALUES (12, 1);
SAVEPOINT a;
INSERT INTO orders VALUES (13, 1);
ROLLBACK TO a;
INSERT INTO orders VALUES (14, 1);
COMMIT;
SELECT record, seq - min(seq) OVER () AS number FROM webhooks.message ORDER BY seq;
DELETE FROM webhooks.message;

-- In a read-only transaction there is nothing to tell, and emit says so.
BEGIN READ ONLY;
\set VERBOSITY sqlstate
SELECT webhooks.emit('note');
\set VERBOSITY default
ROLLBACK;

-- Isolation levels make no difference.
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO orders VALUES (15, 1);
UPDATE orders SET total = 2 WHERE id = 15;
COMMIT;
SELECT record, operation, old FROM webhooks.message ORDER BY seq;

DROP TABLE orders;
