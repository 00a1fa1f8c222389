-- What CREATE EXTENSION makes, what a dump takes along, and what DROP EXTENSION leaves.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh


-- A dump holds the configuration: no message, no attempt, no position.
SELECT x.oid::regclass AS dumped, condition
FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x (oid, condition) WHERE e.extname = 'webhooks' ORDER BY x.oid::regclass::text;

-- All that is in the schema is the extension's, partitions too, so that nothing else of it is dumped.
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'webhooks'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'));
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'webhooks'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- It explains itself: everything has a comment, but for the partitions of a day.
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'webhooks'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND NOT EXISTS (SELECT FROM webhooks.log_partition l WHERE l.partition = c.oid) AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'webhooks'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT obj_description(oid, 'pg_extension') IS NOT NULL AS extension, obj_description('webhooks.created_webhook'::regtype, 'pg_type') IS NOT NULL AS type
FROM pg_extension WHERE extname = 'webhooks';

-- These functions run as somebody else: those, and, knowing who called, those of the language. Each has a search_path of its own.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'webhooks'::regnamespace AND p.prosecdef ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'webhooks'::regnamespace AND l.lanname IN ('sql', 'plpgsql')
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
ORDER BY p.oid::regprocedure::text;
SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'webhooks_plpgsql' ORDER BY p.proname;

-- The names and defaults of the parameters are a promise.
\pset format unaligned
\pset tuples_only on
SELECT p.proname || E'(\n    ' || replace(pg_get_function_arguments(p.oid), ', ', E',\n    ') || E'\n) → ' || pg_get_function_result(p.oid)
FROM pg_proc p
WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname IN (
    'create_webhook', 'alter_webhook', 'drop_webhook', 'add_endpoint', 'remove_endpoint', 'enable_endpoint', 'pause_webhook',
    'stop_webhook', 'start_webhook', 'add_event', 'create_event', 'alter_event', 'drop_event', 'subscribe', 'unsubscribe', 'emit', 'status',
    'start_worker', 'rotate_secret', 'reveal_secret', 'public_key', 'resend', 'resend_failed', 'replay', 'cancel',
    'explain_message', 'test_webhook', 'default_webhook', 'get_webhook', 'save_webhook', 'export_config', 'apply_config')
ORDER BY p.proname;
SELECT attrelid::regclass || E'\n    ' || string_agg(attname, E'\n    ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid IN ('webhooks.webhook_stats'::regclass, 'webhooks.event_stats'::regclass, 'webhooks.attempt_log'::regclass, 'webhooks.failed_delivery'::regclass,
    'webhooks.traffic'::regclass, 'webhooks.endpoint_stats'::regclass)
GROUP BY attrelid ORDER BY attrelid::regclass::text;
\pset tuples_only off
\pset format aligned

-- It lives in its own schema and nowhere else.
DROP VIEW pg_temp.log;
DROP EXTENSION webhooks;
SELECT to_regnamespace('webhooks') IS NULL AS gone;
\set VERBOSITY sqlstate
CREATE EXTENSION webhooks SCHEMA public;
\set VERBOSITY default
SET client_min_messages = warning;
CREATE EXTENSION webhooks;
RESET client_min_messages;

-- Where tables are watched, DROP EXTENSION needs CASCADE. It takes the triggers and nothing else of the user's.
CREATE TABLE public.orders (id int PRIMARY KEY);
CREATE TRIGGER mine BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
INSERT INTO orders VALUES (1);
DROP EXTENSION webhooks;
SET client_min_messages = warning;
DROP EXTENSION webhooks CASCADE;
RESET client_min_messages;
INSERT INTO orders VALUES (2);
\d orders
TABLE orders;

-- A drop that is rolled back has not happened.
SET client_min_messages = warning;
CREATE EXTENSION webhooks;
RESET client_min_messages;
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
BEGIN;
DROP EXTENSION webhooks CASCADE;
INSERT INTO orders VALUES (3);
ROLLBACK;
INSERT INTO orders VALUES (4);
SELECT record FROM webhooks.message;

-- Dropped and made again in one transaction, under a session that has captured before
BEGIN;
SET LOCAL client_min_messages = warning;
DROP EXTENSION webhooks CASCADE;
CREATE EXTENSION webhooks;
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
INSERT INTO orders VALUES (5);
COMMIT;
INSERT INTO orders VALUES (6);
SELECT record FROM webhooks.message ORDER BY seq;

DROP TABLE orders;
