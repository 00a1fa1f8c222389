-- Conditions: what is taken, what is refused, and that nobody gets out of the WHEN clause.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TYPE public.mood AS ENUM ('sad', 'happy');
CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric, mood mood, "a ""b""" int);
CREATE FUNCTION public.is_vip(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 < 10';
CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''evil''; RETURN NULL; END';
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');

CREATE FUNCTION pg_temp.on_insert(condition text) RETURNS text LANGUAGE sql
AS $$ SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders', condition => condition) $$;
CREATE FUNCTION pg_temp.on_update(condition text) RETURNS text LANGUAGE sql
AS $$ SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', condition => condition) $$;
CREATE FUNCTION pg_temp.on_delete(condition text) RETURNS text LANGUAGE sql
AS $$ SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders', condition => condition) $$;

-- Any expression over the row is taken, names and types as the caller sees them.
SELECT pg_temp.on_insert('true');
SELECT pg_temp.on_insert('is_vip(NEW.id)');
SELECT pg_temp.on_insert($$NEW.mood = 'happy'::mood AND NEW."a ""b""" > 1$$);
SELECT pg_temp.on_insert('NEW.total > 1 -- a comment, unfinished (');
SELECT pg_temp.on_insert('/* a comment ) */ NEW.total > 2');
SELECT pg_temp.on_insert($$NEW.status IN ('a)', 'b;c', '--', '/*', $q$)$q$)$$);
SELECT pg_temp.on_insert(E'NEW.total > 3 OR\nNEW.total < -3');
SELECT pg_temp.on_update('OLD.total < NEW.total OR false');
SELECT pg_temp.on_update('OLD.* IS DISTINCT FROM NEW.* AND NEW IS NOT NULL');
SELECT pg_temp.on_delete('OLD.status IS NOT NULL');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;

-- With OR in a condition, an update that changes nothing is still none.
INSERT INTO orders (id, total) VALUES (1, 5);
SELECT count(*) AS before FROM webhooks.message \gset
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{total}', 'false OR true') \g /dev/null
UPDATE orders SET status = 'x';
SELECT count(*) - :before AS messages FROM webhooks.message;

\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
CREATE FUNCTION pg_temp.refused(condition text, type text = 'table.recordInsert')
RETURNS TABLE (state text, message text, hint text) LANGUAGE sql AS $$
    SELECT * FROM pg_temp.complaint(format(
        'SELECT webhooks.add_event(%L, %L, %L, condition => %L)', 'shipping', type, 'public.orders', condition)) $$;
DELETE FROM webhooks.message;

-- Not an expression, not a boolean, or about something that is not there.
SELECT * FROM pg_temp.refused('');
SELECT * FROM pg_temp.refused(E' \n\t ');
SELECT * FROM pg_temp.refused('-- nothing');
SELECT * FROM pg_temp.refused('/* unfinished');
SELECT * FROM pg_temp.refused('NEW.total >');
SELECT * FROM pg_temp.refused('NEW.total');
SELECT * FROM pg_temp.refused('NEW.totl > 1');
SELECT * FROM pg_temp.refused('total > 1');
SELECT * FROM pg_temp.refused('total > 1', 'table.recordUpdate');
SELECT * FROM pg_temp.refused('NEW.status = ''a');
SELECT * FROM pg_temp.refused('THEN.total > 1');
SELECT * FROM pg_temp.refused('NEW.status > 1');
SELECT * FROM pg_temp.refused('is_vip(NEW.status)');
SELECT * FROM pg_temp.refused('NEW.mood = ''angry''');
SELECT * FROM pg_temp.refused('NEW.total > $1');
SELECT * FROM pg_temp.refused('1 / 0 = 1');
SELECT * FROM pg_temp.refused('count(*) > 1');
SELECT * FROM pg_temp.refused('(SELECT true)');
SELECT * FROM pg_temp.refused('NEW.id IN (SELECT id FROM orders)');
SELECT * FROM pg_temp.refused('OLD.total > 1');
SELECT * FROM pg_temp.refused('NEW.total > 1', 'table.recordDelete');
SELECT * FROM pg_temp.refused(repeat('x', 10001));

-- Ways out of the parentheses.
SELECT state, message FROM pg_temp.refused('true) EXECUTE FUNCTION public.evil() --');
SELECT state, message FROM pg_temp.refused('true)) EXECUTE FUNCTION public.evil() --', 'table.recordUpdate');
SELECT state, message FROM pg_temp.refused('true) EXECUTE FUNCTION public.evil(); SELECT (1');
SELECT state, message FROM pg_temp.refused('true) EXECUTE FUNCTION public.evil() /*');
SELECT state, message FROM pg_temp.refused(
    'true) EXECUTE FUNCTION public.evil(); CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW WHEN (true');
SELECT state, message FROM pg_temp.refused('true); DROP TABLE orders; SELECT (true');
SELECT state, message FROM pg_temp.refused('true; DROP TABLE orders');
SELECT state, message FROM pg_temp.refused('true; SELECT true');
SELECT state, message FROM pg_temp.refused('true FROM orders; DROP TABLE orders; --');
SELECT state, message FROM pg_temp.refused('true) OR (true', 'table.recordUpdate');
SELECT state, message FROM pg_temp.refused(')(');
SELECT state, message FROM pg_temp.refused('true, true');
SELECT state, message FROM pg_temp.refused('true AS yes');
SELECT state, message FROM pg_temp.refused('true UNION SELECT true');
SELECT state, message FROM pg_temp.refused('true INTO public.loot');
SELECT state, message FROM pg_temp.refused('ALL true');
SELECT state, message FROM pg_temp.refused('*');
SELECT state, message FROM pg_temp.refused('true WHERE true');
SELECT state, message FROM pg_temp.refused('true ORDER BY 1 --');

-- None of them has made anything, and none has run anything.
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
SELECT count(*) FROM webhooks.event;
SELECT to_regclass('public.loot') IS NULL;

-- A privilege that is missing
CREATE ROLE regress_webhooks_maker;
SELECT FROM webhooks.grant_manage('regress_webhooks_maker');
GRANT SELECT, TRIGGER ON orders TO regress_webhooks_maker;
REVOKE EXECUTE ON FUNCTION is_vip FROM PUBLIC;
SELECT FROM webhooks.drop_webhook('shipping');
SET ROLE regress_webhooks_maker;
SELECT FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT * FROM pg_temp.refused('is_vip(NEW.id) AND true');
RESET ROLE;
DROP OWNED BY regress_webhooks_maker;
DROP ROLE regress_webhooks_maker;

SET client_min_messages = warning;
DROP TABLE orders;
DROP FUNCTION is_vip, evil;
DROP TYPE mood;
