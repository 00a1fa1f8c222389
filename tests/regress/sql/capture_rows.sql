-- Inserts, updates and deletes: what is recorded, and what is not.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric, note json);
SELECT FROM webhooks.create_event('inserted', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('large', 'table.recordInsert', 'orders', condition => 'NEW.total >= 100');
SELECT FROM webhooks.create_event('updated', 'table.recordUpdate', 'orders');
SELECT FROM webhooks.create_event('status', 'table.recordUpdate', 'orders', '{status}');
SELECT FROM webhooks.create_event('shipped', 'table.recordUpdate', 'orders', '{status}', $$NEW.status = 'shipped'$$);
SELECT FROM webhooks.create_event('either', 'table.recordUpdate', 'orders', '{status,note}');
SELECT FROM webhooks.create_event('deleted', 'table.recordDelete', 'orders');
SELECT FROM webhooks.create_event('lost', 'table.recordDelete', 'orders', condition => $$OLD.status IS DISTINCT FROM 'shipped'$$);

-- An insert: the row. Several events can happen at once.
INSERT INTO orders VALUES (1, 'new', 99.90, '{"a": 1}'), (2, NULL, 100.00, NULL);
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- An update that changes nothing is none, be it of json or of NULL; nor one that only some other event watches.
UPDATE orders SET status = status, total = total, note = note;
UPDATE orders SET id = id;
UPDATE orders SET status = NULL WHERE id = 2;
SELECT * FROM pg_temp.log;

-- The new row whole, of the old one only what is different.
UPDATE orders SET total = 120 WHERE id = 1;
UPDATE orders SET status = 'paid', note = '{"b":2}' WHERE id = 2;
UPDATE orders SET status = 'shipped';
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- Equal is not the same: digits and spaces count, as they are what is sent.
UPDATE orders SET total = 120.0 WHERE id = 1;
UPDATE orders SET note = '{"b": 2}' WHERE id = 2;
-- A changed key: the record is the new one, old has the other.
UPDATE orders SET id = 3 WHERE id = 2;
-- To and from NULL, beside another NULL too.
UPDATE orders SET note = NULL WHERE id = 1;
UPDATE orders SET status = NULL WHERE id = 1;
UPDATE orders SET status = 'shipped' WHERE id = 1;
UPDATE orders SET total = NULL WHERE id = 1;
UPDATE orders SET total = 1 WHERE id = 1;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- A delete: the row that is gone.
UPDATE orders SET status = 'cancelled' WHERE id = 3;
DELETE FROM webhooks.message;
DELETE FROM orders;
SELECT * FROM pg_temp.log;
DELETE FROM webhooks.message;

-- The order of the log is the order of the changes, also within a statement and through other triggers.
CREATE FUNCTION public.follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orders SET status = 'followed' WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER zz_follow AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION public.follow();
INSERT INTO orders VALUES (4, 'new', 1, NULL), (5, 'new', 1, NULL);
SELECT event, record, data->>'status' AS status FROM pg_temp.log WHERE event IN ('inserted', 'status');
DELETE FROM webhooks.message;

-- A BEFORE trigger's changes are part of the row; the row that it suppresses is none.
CREATE FUNCTION public.tidy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'never' THEN RETURN NULL; END IF;
    NEW.status := upper(NEW.status);
    RETURN NEW;
END $$;
DROP TRIGGER zz_follow ON orders;
CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION public.tidy();
INSERT INTO orders VALUES (6, 'never', 1, NULL), (7, 'now', 1, NULL);
SELECT event, data FROM pg_temp.log;
DELETE FROM webhooks.message;

-- Silence: triggers that are disabled, and the session of a replica.
ALTER TABLE orders DISABLE TRIGGER USER;
INSERT INTO orders VALUES (8, 'now', 1, NULL);
ALTER TABLE orders ENABLE TRIGGER USER;
SET session_replication_role = replica;
INSERT INTO orders VALUES (9, 'now', 1, NULL);
RESET session_replication_role;
SELECT count(*) FROM webhooks.message;

-- TRUNCATE is no row's delete.
TRUNCATE orders;
SELECT count(*) FROM webhooks.message;

DROP TABLE orders;
DROP FUNCTION follow, tidy;
