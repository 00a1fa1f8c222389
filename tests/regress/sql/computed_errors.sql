-- data, account and key: what is refused when an event is made, and whose privileges count.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric);
CREATE TABLE public.secrets (id int, secret text);
CREATE TABLE public.single (id int);
CREATE TABLE public.cased ("Id" int);
\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
CREATE FUNCTION pg_temp.refused(arguments text, type text = 'table.recordInsert', on_table text = 'public.orders')
RETURNS TABLE (state text, message text, hint text) LANGUAGE sql AS $$
    SELECT * FROM pg_temp.complaint(format('SELECT webhooks.create_event(%L, %L, %L, %s)', 'e', type, on_table, arguments)) $$;

SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('e', data => 'NEW.x')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('e', account => 'x')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('e', key => 'x')$$);
SELECT * FROM pg_temp.refused($$data => '  '$$);
SELECT * FROM pg_temp.refused($$data => 'NEW.status'$$);
SELECT * FROM pg_temp.refused($$data => 'id'$$);
SELECT * FROM pg_temp.refused($$data => 'json_build_object(''a'', NEW.totl)'$$);
SELECT * FROM pg_temp.refused($$data => 'json_build_object(''a'''$$);
SELECT * FROM pg_temp.refused($$data => 'to_json(NEW) || 1'$$);
SELECT * FROM pg_temp.refused($$data => 'to_json(OLD)'$$);
SELECT * FROM pg_temp.refused($$data => 'to_json(NEW)'$$, 'table.recordDelete');
SELECT * FROM pg_temp.refused($$data => '(SELECT to_json(x) FROM nowhere x)'$$);
SELECT * FROM pg_temp.refused($$data => 'json_agg(NEW)'$$);
SELECT * FROM pg_temp.refused($$data => 'json_array_elements(to_json(NEW))'$$);
SELECT * FROM pg_temp.refused($$data => 'to_json(1 / 0)'$$);
SELECT * FROM pg_temp.refused($$data => '$1'$$);
SELECT * FROM pg_temp.refused($$account => 'NEW.accont'$$);
SELECT * FROM pg_temp.refused($$account => 'accont'$$);
SELECT * FROM pg_temp.refused($$account => 'NEW.id, NEW.total'$$);
SELECT * FROM pg_temp.refused($$key => 'NEW.id +'$$);
SELECT * FROM pg_temp.refused($$account => 'id', key => 'NEW.ctid'$$);
SELECT * FROM pg_temp.refused($$key => 'lower(''a)'$$);

-- What is a column of the row, under another name than it has in an expression
SELECT * FROM pg_temp.refused($$account => 'total', data => 'json_build_object(''ä'', total)'$$);
SELECT * FROM pg_temp.refused($$account => 'total', key => '(id)'$$, 'table.recordDelete');
SELECT * FROM pg_temp.refused($$data => 'json_build_object(''a'', total)'$$, 'table.recordUpdate');
SELECT * FROM pg_temp.refused($$account => 'id'$$, on_table => 'cased');
SELECT * FROM pg_temp.refused($$account => '"Id" + 1'$$, on_table => 'cased');
SELECT * FROM pg_temp.refused($$account => 'OLD.id'$$, 'table.recordUpdate', 'cased');
SELECT * FROM pg_temp.refused($$account => 'orders.id'$$);

-- A place is one in the expression, not in a function that it calls.
SET check_function_bodies = off;
CREATE FUNCTION pg_temp.broken(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + nothing';
SELECT state, message FROM pg_temp.refused($$key => 'pg_temp.broken(NEW.id) + pg_temp.broken(NEW.id)'$$);
RESET check_function_bodies;

-- What would be an error for each row
SELECT * FROM pg_temp.refused($$data => 'json_build_object(''a'', NEW.id, ''b'')'$$);
SELECT * FROM pg_temp.refused($$key => '(SELECT max(jsonb_build_object(s.secret)::text) FROM secrets s)'$$);
SELECT FROM webhooks.create_event('variadic', 'table.recordInsert', 'orders', data => $$json_build_object(VARIADIC ARRAY['a', NEW.status])$$);
SELECT FROM webhooks.drop_event('variadic');

-- What is there for this session alone
CREATE TEMP TABLE passing (id int);
CREATE FUNCTION pg_temp.passes(int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT * FROM pg_temp.refused($$data => '(SELECT json_agg(p) FROM passing p)'$$);
SELECT * FROM pg_temp.refused($$account => 'id', key => 'NULL::passing'$$);
SELECT state, regexp_replace(message, 'pg_temp_\d+', 'pg_temp') FROM pg_temp.refused($$key => 'pg_temp.passes(NEW.id)'$$);
SELECT state, regexp_replace(message, 'pg_temp_\d+', 'pg_temp') FROM pg_temp.refused($$condition => 'pg_temp.passes(NEW.id)'$$);
SELECT FROM webhooks.create_event('alterable', 'table.recordInsert', 'orders', key => 'id');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('alterable', data => '(SELECT json_agg(p) FROM passing p)')$$);
SELECT FROM webhooks.drop_event('alterable');

-- Ways out of the parentheses
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id) AS pg_catalog.text); END; DROP TABLE orders; --'$$);
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id); DROP TABLE orders; SELECT (1'$$);
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id; DROP TABLE orders'$$);
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id AS x'$$);
SELECT state, message FROM pg_temp.refused($$key => '*'$$, on_table => 'single');
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id INTO loot'$$);
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id FROM orders NEW; SELECT 1'$$);
SELECT state, message FROM pg_temp.refused($$key => 'NEW.id /*'$$);

-- Nothing of all this has left anything behind.
SELECT count(*) FROM webhooks.event WHERE dropped_at IS NULL;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';
SELECT to_regclass('loot') IS NULL AND to_regclass('orders') IS NOT NULL;

-- The maker's privileges are asked for when the event is made, and count when it is raised.
CREATE ROLE regress_webhooks_maker;
CREATE ROLE regress_webhooks_app;
GRANT USAGE ON SCHEMA webhooks TO regress_webhooks_maker;
GRANT ALL ON ALL TABLES IN SCHEMA webhooks TO regress_webhooks_maker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA webhooks TO regress_webhooks_maker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA webhooks TO regress_webhooks_maker;
GRANT SELECT, TRIGGER ON orders TO regress_webhooks_maker;
GRANT ALL ON orders TO regress_webhooks_app;
INSERT INTO secrets VALUES (1, 'of the maker');
CREATE FUNCTION public.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION public.hidden() RETURNS text LANGUAGE sql AS 'SELECT ''x''';
REVOKE EXECUTE ON FUNCTION hidden() FROM PUBLIC;
CREATE SEQUENCE public.numbers;
SET ROLE regress_webhooks_maker;
SELECT * FROM pg_temp.refused($$data => '(SELECT to_json(s) FROM secrets s)'$$);
SELECT * FROM pg_temp.refused($$key => 'hidden()'$$);
SELECT * FROM pg_temp.refused($$key => 'nextval(''numbers'')'$$);
SELECT * FROM pg_temp.refused($$condition => 'nextval(''numbers'') > 0'$$);
RESET ROLE;
GRANT SELECT ON secrets TO regress_webhooks_maker;
GRANT USAGE ON SEQUENCE numbers TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT FROM webhooks.create_event('numbered', 'table.recordInsert', 'orders', condition => 'nextval(''numbers'') > 0', key => 'nextval(''numbers'')');
SELECT FROM webhooks.drop_event('numbered');
SELECT webhooks.create_event('o', 'table.recordInsert', 'orders', account => 'who()',
    data => 'json_build_object(''secret'', (SELECT secret FROM secrets WHERE id = NEW.id), ''session'', session_user <> current_user)');
RESET ROLE;
SELECT proname, proowner::regrole, prosecdef, proconfig, proacl::text FROM pg_proc
WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';
SET ROLE regress_webhooks_app;
INSERT INTO orders VALUES (1);
SELECT current_user;
RESET ROLE;
SELECT account, data FROM webhooks.message;

\set VERBOSITY terse
-- Who writes the row cannot get code of their own run by it, whatever the search_path or the temporary objects.
SELECT webhooks.drop_event('o');
CREATE FUNCTION public.late() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT string_agg(secret, '','') FROM secrets); END';
SET ROLE regress_webhooks_maker;
SELECT webhooks.create_event('o', 'table.recordInsert', 'orders', account => 'late()');
RESET ROLE;
SET ROLE regress_webhooks_app;
CREATE TEMP TABLE secrets (secret text);
INSERT INTO pg_temp.secrets VALUES ('of the application');
SET search_path = pg_temp, public;
INSERT INTO orders VALUES (2);
RESET search_path;
RESET ROLE;
SELECT account FROM webhooks.message WHERE record = '2';

-- Nor can the maker leave anything behind in the session that writes.
CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE trapped (); RETURN ''x''; END';
SELECT webhooks.drop_event('o');
SET ROLE regress_webhooks_maker;
SELECT webhooks.create_event('o', 'table.recordInsert', 'orders', account => 'trap()');
RESET ROLE;
INSERT INTO orders VALUES (3);
CREATE OR REPLACE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql AS 'BEGIN SET ROLE postgres; RETURN ''x''; END';
INSERT INTO orders VALUES (3);
SELECT current_user = session_user;

-- Nobody else may call the function, and whoever may make triggers cannot raise the event by something else.
SELECT id AS event FROM webhooks.event WHERE dropped_at IS NULL \gset
GRANT USAGE ON SCHEMA webhooks TO regress_webhooks_app;
SET ROLE regress_webhooks_app;
SELECT account FROM webhooks.event_:event(NULL);
RESET ROLE;
CREATE TRIGGER forged AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION webhooks.capture(:'event');
UPDATE orders SET status = 'forged';
DROP TRIGGER forged ON orders;
DROP TRIGGER webhooks_event_:event ON orders;
CREATE TRIGGER webhooks_event_:event AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION webhooks.capture(:'event');
UPDATE orders SET status = 'forged';
SELECT count(*) FROM webhooks.message WHERE operation = 'u';

-- A quote within a name is a part of it.
CREATE TABLE quoted (id int PRIMARY KEY, "q""q" int, qq int);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('quoted', 'table.recordUpdate', 'quoted', key => '"q""q" + 1')$$) \gx
DROP TABLE quoted;

SET client_min_messages = warning;
DROP OWNED BY regress_webhooks_maker, regress_webhooks_app CASCADE;
DROP ROLE regress_webhooks_maker, regress_webhooks_app;
DROP TABLE orders, public.secrets, single, cased CASCADE;
DROP SEQUENCE numbers;
DROP FUNCTION who, hidden, late, trap;
