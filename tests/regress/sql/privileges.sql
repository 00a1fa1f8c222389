-- PUBLIC gets nothing; an application needs nothing to be watched, and little to emit.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE ROLE regress_webhooks_app;
CREATE TABLE public.orders (id int PRIMARY KEY, status text);
GRANT ALL ON orders TO regress_webhooks_app;
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') \g /dev/null
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{status}', $$NEW.status = 'shipped'$$) \g /dev/null
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.subscribe('shipping', '{lead:won}');

-- What PUBLIC has, in the catalogs' own words
SELECT 'schema' AS kind, n.nspname::text AS name FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
WHERE n.nspname = 'webhooks' AND a.grantee = 0
UNION ALL
SELECT 'relation', c.relname FROM pg_class c,
       aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a
WHERE c.relnamespace = 'webhooks'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND a.grantee = 0
UNION ALL
SELECT 'function', p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE p.pronamespace = 'webhooks'::regnamespace AND a.grantee = 0;

-- The application's role: its rows are recorded, by a trigger that it may not call itself.
SET ROLE regress_webhooks_app;
INSERT INTO orders VALUES (1, 'new');
COPY orders FROM stdin;
2	new
\.
UPDATE orders SET status = 'shipped' WHERE id = 1;
SELECT * FROM webhooks.message;
SELECT * FROM webhooks.webhook;
SELECT webhooks.emit('lead:won');
SELECT webhooks.status();
SELECT webhooks.create_webhook('mine', 'https://example.com/');
SELECT webhooks.record_message(1, '{}', NULL, NULL);
RESET ROLE;
SELECT event, record FROM pg_temp.log;

-- Schema and function are enough to emit, whatever the search_path.
GRANT USAGE ON SCHEMA webhooks TO regress_webhooks_app;
GRANT EXECUTE ON FUNCTION webhooks.emit TO regress_webhooks_app;
CREATE SCHEMA AUTHORIZATION regress_webhooks_app;
SET ROLE regress_webhooks_app;
CREATE FUNCTION regress_webhooks_app.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''trapped''; END';
CREATE OPERATOR regress_webhooks_app.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_webhooks_app.trap);
SET search_path = regress_webhooks_app, pg_catalog;
SELECT webhooks.emit('lead:won', '{"by": "app"}') IS NOT NULL AS emitted;
RESET search_path;
SELECT * FROM webhooks.message;
SELECT webhooks.create_event('mine');
SELECT webhooks.record_message(1, '{}', NULL, NULL);
SELECT webhooks.make_partitions(1);

-- It cannot forge a message with a trigger of its own,
CREATE TABLE regress_webhooks_app.forged (id int);
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture('1');
RESET ROLE;

-- nor can a role that may make triggers, with the id of another table's event or none at all.
GRANT EXECUTE ON FUNCTION webhooks.capture TO regress_webhooks_app;
DELETE FROM webhooks.message;
SET ROLE regress_webhooks_app;
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture('1');
INSERT INTO regress_webhooks_app.forged VALUES (1);
DROP TRIGGER forge ON regress_webhooks_app.forged;
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture('3');
INSERT INTO regress_webhooks_app.forged VALUES (1);
DROP TRIGGER forge ON regress_webhooks_app.forged;
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture();
INSERT INTO regress_webhooks_app.forged VALUES (1);
DROP TRIGGER forge ON regress_webhooks_app.forged;
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture('x');
INSERT INTO regress_webhooks_app.forged VALUES (1);
DROP TRIGGER forge ON regress_webhooks_app.forged;
CREATE TRIGGER forge BEFORE INSERT ON regress_webhooks_app.forged FOR EACH ROW EXECUTE FUNCTION webhooks.capture('1');
INSERT INTO regress_webhooks_app.forged VALUES (1);
DROP TRIGGER forge ON regress_webhooks_app.forged;
CREATE TRIGGER forge AFTER INSERT ON regress_webhooks_app.forged FOR EACH STATEMENT EXECUTE FUNCTION webhooks.capture('1');
INSERT INTO regress_webhooks_app.forged VALUES (1);
RESET ROLE;
SELECT count(*) FROM webhooks.message;
SELECT webhooks.capture();

-- An event's maker needs SELECT and TRIGGER on the table.
CREATE ROLE regress_webhooks_maker;
SELECT FROM webhooks.grant_manage('regress_webhooks_maker');
GRANT SELECT ON orders TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT name FROM webhooks.create_webhook('mine', 'https://example.com/');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_event('mine', 'table.recordInsert', 'orders')$$) \gx
RESET ROLE;
REVOKE SELECT ON orders FROM regress_webhooks_maker;
GRANT TRIGGER ON orders TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.add_event('mine', 'table.recordDelete', 'orders')$$) \gx
RESET ROLE;
GRANT SELECT ON orders TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT webhooks.add_event('mine', 'table.recordDelete', 'orders');
SELECT webhooks.get_webhook('mine') ->> 'created_by' AS created_by;

-- What its expressions run when they are only parsed, they run with its privileges: this domain's check does.
RESET ROLE;
CREATE SCHEMA AUTHORIZATION regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
CREATE TABLE regress_webhooks_maker.seen (by name);
CREATE FUNCTION regress_webhooks_maker.spy(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_webhooks_maker.seen VALUES (current_user);
    RETURN true;
END $$;
CREATE DOMAIN regress_webhooks_maker.trap AS int CHECK (regress_webhooks_maker.spy(VALUE));
SELECT FROM webhooks.create_event('trap', 'table.recordInsert', 'orders', data => $$to_json('{1}'::regress_webhooks_maker.trap[])$$);
SELECT DISTINCT by FROM regress_webhooks_maker.seen;
RESET ROLE;
-- also where another than the maker has it made anew.
DELETE FROM regress_webhooks_maker.seen;
SELECT FROM webhooks.alter_table('orders', 'ALTER status TYPE varchar');
SELECT DISTINCT by FROM regress_webhooks_maker.seen;
SELECT p.proowner::regrole AS owner, p.pronamespace::regnamespace AS schema FROM pg_proc p WHERE p.proname ~ '^event_[0-9]+$';
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'webhooks\_%';

SET client_min_messages = warning;
DROP OWNED BY regress_webhooks_app, regress_webhooks_maker CASCADE;
DROP ROLE regress_webhooks_app, regress_webhooks_maker;
DROP TABLE orders;
