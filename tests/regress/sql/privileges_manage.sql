-- Managers: what each does with their own, and what nobody does with another's.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE ROLE regress_webhooks_ann;
CREATE ROLE regress_webhooks_bob;
CREATE ROLE regress_webhooks_team;
CREATE TABLE public.orders (id int PRIMARY KEY, status text);
CREATE TABLE public.salaries (id int PRIMARY KEY, amount int);
CREATE TABLE public.cases (id int PRIMARY KEY, owner name);
ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
GRANT SELECT, TRIGGER ON orders TO regress_webhooks_ann, regress_webhooks_bob;
GRANT SELECT, TRIGGER ON cases TO regress_webhooks_bob;
GRANT SELECT, TRIGGER ON salaries TO regress_webhooks_ann;
GRANT TRIGGER ON salaries TO regress_webhooks_bob;

SELECT * FROM pg_temp.complaint($$SELECT webhooks.grant_manage('nobody_of_that_name')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.grant_manage(NULL)$$) \gx
SELECT FROM webhooks.grant_manage('regress_webhooks_ann');
SELECT FROM webhooks.grant_manage('regress_webhooks_bob');
SELECT FROM webhooks.create_webhook('admin', 'https://example.com/admin');
SELECT FROM webhooks.create_event('admin:said');
SELECT FROM webhooks.create_event('salary:read', 'table.recordInsert', 'salaries');
SELECT FROM webhooks.subscribe('admin', '{admin:said,salary:read}');

-- What a manager does, from the first webhook on
SET ROLE regress_webhooks_ann;
SELECT name, secret LIKE 'whsec\_%' AS secret FROM webhooks.create_webhook('anns', 'https://example.com/ann',
    headers => '{"authorization": "Bearer hidden"}', handshake_key => 'hidden');
SELECT webhooks.add_event('anns', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('order:paid', 'table.recordUpdate', 'orders', '{status}', $$NEW.status = 'paid'$$,
    data => $$jsonb_build_object('status', NEW.status, 'salaries', (SELECT sum(amount) FROM public.salaries))$$);
SELECT FROM webhooks.create_event('ann:said');
SELECT FROM webhooks.subscribe('anns', '{order:paid,ann:said,salary:read}');
SELECT FROM webhooks.alter_webhook('anns', description => 'of orders', max_in_flight => 2);
SELECT FROM webhooks.add_endpoint('anns', 'https://example.com/ann2');
SELECT FROM webhooks.remove_endpoint('anns', 'https://example.com/ann2');
SELECT webhooks.rotate_secret('anns') AS secret \gset
SELECT webhooks.reveal_secret('anns') = :'secret' AS rotated;
SELECT FROM webhooks.pause_webhook('anns');
SELECT FROM webhooks.start_webhook('anns');
RESET ROLE;
INSERT INTO salaries VALUES (1, 100);
INSERT INTO orders VALUES (1, 'new');
UPDATE orders SET status = 'paid';
SELECT webhooks.emit('ann:said', '{"a": "hidden"}', 'hidden') AS said \gset
SELECT id AS ann_id FROM webhooks.webhook WHERE name = 'anns' \gset
INSERT INTO webhooks.attempt
SELECT now(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, 500, 1000, 'status', 'hidden', false
FROM webhooks.message m, webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id WHERE w.name = 'anns';
SET ROLE regress_webhooks_ann;
SELECT webhook, state, pending FROM webhooks.webhook_stats;
SELECT webhook, url, pending FROM webhooks.endpoint_stats;
SELECT event, pending FROM webhooks.event_stats ORDER BY event;
SELECT event, type, on_table, condition, created_by FROM webhooks.event_definition ORDER BY event;
SELECT event, webhook, response FROM webhooks.attempt_log ORDER BY event;
SELECT count(*) FROM webhooks.failed_delivery;
SELECT count(*) FROM webhooks.traffic;
SELECT backlog FROM webhooks.status();
SELECT body::json -> 'data' AS data FROM webhooks.preview('anns', 'order:paid');
SELECT count(*) > 1 AS told FROM webhooks.explain_message(:'said');
SELECT webhooks.cancel('anns', :'said') AS cancelled, webhooks.resend(:'said') AS resent;
SELECT webhooks.replay('anns', now() - interval '1 hour', dry_run => true) AS replayable;
SELECT webhooks.get_webhook('anns') ->> 'created_by' AS created_by, webhooks.get_webhook('anns') ->> 'handshake_key' AS handshake_key;
SELECT w ->> 'name' AS webhook FROM jsonb_array_elements(webhooks.export_config() -> 'webhooks') AS w;
SELECT e ->> 'name' AS event FROM jsonb_array_elements(webhooks.export_config() -> 'events') AS e;
SELECT webhooks.save_webhook('{"name": "anns", "timeout": "3 seconds"}') ->> 'timeout' AS timeout;
SELECT count(*) FROM webhooks.apply_config(webhooks.export_config());
-- but no table.
SELECT DISTINCT state FROM pg_class c, pg_temp.complaint(format('SELECT FROM %s', c.oid::regclass)) AS c2
WHERE c.relnamespace = 'webhooks'::regnamespace AND c.relkind IN ('r', 'p', 'S');
RESET ROLE;

-- All that can be tried on another's. The message is what is refused; 'none' is not.
CREATE TABLE pg_temp.tried (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO pg_temp.tried (statement) VALUES
    ($$SELECT webhooks.reveal_secret('anns')$$), ($$SELECT webhooks.rotate_secret('anns')$$), ($$SELECT webhooks.public_key('anns')$$),
    ($$SELECT webhooks.get_webhook('anns')$$), ($$SELECT webhooks.alter_webhook('anns', description => 'mine')$$),
    ($$SELECT webhooks.alter_webhook('anns', new_name => 'mine')$$), ($$SELECT webhooks.drop_webhook('anns')$$),
    ($$SELECT webhooks.add_endpoint('anns', 'https://example.com/bob')$$),
    ($$SELECT webhooks.remove_endpoint('anns', 'https://example.com/ann')$$),
    ($$SELECT webhooks.enable_endpoint('anns', 'https://example.com/ann')$$),
    ($$SELECT webhooks.pause_webhook('anns')$$), ($$SELECT webhooks.stop_webhook('anns')$$), ($$SELECT webhooks.start_webhook('anns')$$),
    ($$SELECT webhooks.test_webhook('anns')$$), ($$SELECT webhooks.add_event('anns', 'table.recordInsert', 'orders')$$),
    ($$SELECT webhooks.subscribe('anns', '{ann:said}')$$), ($$SELECT webhooks.unsubscribe('anns', '{ann:said}')$$),
    ($$SELECT webhooks.preview('anns', 'ann:said')$$), ($$SELECT webhooks.preview('bobs', 'ann:said')$$),
    ($$SELECT webhooks.cancel('anns')$$), ($$SELECT webhooks.resend_failed('anns')$$),
    ($$SELECT webhooks.replay('anns', '-infinity')$$), (format($$SELECT webhooks.resend(%L, 'anns')$$, :'said')),
    (format($$SELECT webhooks.explain_message(%L)$$, :'said')), (format($$SELECT webhooks.cancel('anns', %L)$$, :'said')),
    ($$SELECT webhooks.save_webhook('{"name": "anns", "url": "https://example.com/bob"}')$$),
    (format($$SELECT webhooks.save_webhook('{"id": %s, "name": "mine"}')$$, :ann_id)),
    ($$SELECT webhooks.apply_config('{"webhooks": [{"name": "anns", "description": "mine"}]}')$$),
    ($$SELECT webhooks.apply_config('{"events": [{"name": "ann:said", "description": "mine"}]}')$$),
    ($$SELECT webhooks.alter_event('ann:said', description => 'mine')$$), ($$SELECT webhooks.alter_event('order:paid', condition => 'true')$$),
    ($$SELECT webhooks.drop_event('order:paid')$$), ($$SELECT webhooks.create_event('ann:said')$$),
    ($$SELECT webhooks.drop_event('table.recordInsert:public.orders:3')$$),
    ($$SELECT webhooks.subscribe('bobs', '{ann:said}')$$), ($$SELECT webhooks.subscribe('bobs', '{order:paid}')$$),
    ($$SELECT webhooks.subscribe('bobs', '{salary:read}')$$), ($$SELECT webhooks.subscribe('bobs', '{admin:said}')$$),
    ($$SELECT webhooks.subscribe('bobs', '{webhook.errors}')$$), (format($$SELECT webhooks.subscribe('bobs', '{webhook%s.errors}')$$, :ann_id)),
    ($$SELECT webhooks.save_webhook('{"name": "bobs", "events": ["ann:said"]}')$$),
    ($$SELECT webhooks.add_event('bobs', 'table.recordInsert', 'salaries')$$), ($$SELECT webhooks.add_event('bobs', 'table.recordInsert', 'cases')$$),
    ($$SELECT webhooks.create_event('mine', 'table.recordInsert', 'salaries')$$),
    ($$SELECT webhooks.create_event('mine', 'table.recordInsert', 'orders', data => '(SELECT to_json(amount) FROM public.salaries)')$$),
    ($$SELECT webhooks.alter_table('orders', 'ALTER status TYPE varchar')$$),
    ($$SELECT webhooks.emit('ann:said')$$), ($$SELECT webhooks.record_message(1, '{}', NULL, NULL)$$),
    ($$CREATE TRIGGER forge AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION webhooks.capture('1')$$),
    ($$SELECT webhooks.grant_manage('regress_webhooks_bob')$$), ($$SELECT webhooks.revoke_manage('regress_webhooks_ann')$$),
    ($$SELECT webhooks.grant_view('regress_webhooks_bob')$$), ($$SELECT webhooks.adopt()$$), ($$SELECT webhooks.start_worker()$$),
    ($$SELECT set_config('webhooks.served', '10 10', false)$$), ($$SET webhooks.served = '10 10'$$),
    ($$DO LANGUAGE webhooks_plpgsql 'BEGIN END'$$),
    ($$CREATE FUNCTION pg_temp.own() RETURNS text LANGUAGE webhooks_plpgsql AS 'BEGIN RETURN current_user; END'$$);
GRANT SELECT ON pg_temp.tried TO PUBLIC;
SET ROLE regress_webhooks_bob;
SELECT name FROM webhooks.create_webhook('bobs', 'https://example.com/bob');
SELECT c.state, replace(t.statement, :'said', 'msg') AS statement, replace(c.message, :'said', 'msg') AS message
FROM pg_temp.tried t, pg_temp.complaint(t.statement) AS c ORDER BY t.n;
-- A trigger of one's own raises nothing of another's.
INSERT INTO orders VALUES (2, 'forged');
RESET ROLE;
INSERT INTO orders VALUES (2, 'forged');
DROP TRIGGER IF EXISTS forge ON orders;
SELECT webhooks.get_webhook('anns') ->> 'changed_by' AS changed_by;
SET ROLE regress_webhooks_bob;
SELECT webhook FROM webhooks.webhook_stats;
SELECT webhook, url FROM webhooks.endpoint_stats;
SELECT event FROM webhooks.event_stats;
SELECT event FROM webhooks.event_definition;
SELECT count(*) FROM webhooks.attempt_log;
SELECT backlog FROM webhooks.status();
SELECT count(*) FROM webhooks.unread_messages();
SELECT webhooks.export_config() -> 'webhooks' -> 0 ->> 'name' AS webhook, webhooks.export_config() -> 'events' AS events;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('bobs', '{salary:read}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('bobs', '{order:paid}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('bobs', '{webhook.errors}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.pause_webhook('anns')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.pause_webhook('ann')$$) \gx
-- No condition of a query is evaluated for rows that are not shown.
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
SELECT count(*) FROM webhooks.webhook_stats WHERE pg_temp.leak(webhook);
SELECT count(*) FROM webhooks.attempt_log WHERE pg_temp.leak(error);
SELECT count(*) FROM webhooks.event_definition WHERE pg_temp.leak(data);

-- An event on rows that both may read is shared: one trigger, and neither ends it for the other.
SELECT webhooks.add_event('bobs', 'table.recordInsert', 'orders');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_event('table.recordInsert:public.orders:3')$$) \gx
SELECT FROM webhooks.unsubscribe('bobs', '{table.recordInsert:public.orders:3}');
SELECT event FROM webhooks.event_stats;
RESET ROLE;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY tgname;

-- A pattern catches what its webhook's maker may be told of their own and a superuser's events, later too; one that a superuser
-- subscribes to catches all. No other manager is heard by giving an event a name.
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.create_event('bob:said');
SELECT FROM webhooks.subscribe('bobs', '{*}');
SELECT FROM webhooks.subscribe('bobs', '{webhook*}');
SET ROLE regress_webhooks_ann;
SELECT FROM webhooks.create_event('order:gone', 'table.recordDelete', 'orders');
SELECT FROM webhooks.create_event('order:paid2', 'table.recordDelete', 'orders', data => $$jsonb_build_object('id', OLD.id)$$);
RESET ROLE;
SELECT FROM webhooks.create_event('order:deleted', 'table.recordDelete', 'orders');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id JOIN webhooks.webhook w ON w.id = s.webhook_id
WHERE w.name = 'bobs' ORDER BY e.name;
-- Where that role is gone, as in a copy of the database, it keeps what it has and gets nothing new.
BEGIN;
UPDATE webhooks.webhook SET created_by = 'regress_webhooks_gone' WHERE name = 'bobs';
SELECT FROM webhooks.alter_event('bob:said', description => 'changed');
SELECT FROM webhooks.create_event('bob:late');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id JOIN webhooks.webhook w ON w.id = s.webhook_id
WHERE w.name = 'bobs' ORDER BY e.name;
ROLLBACK;
SELECT FROM webhooks.alter_event('order:deleted', key => 'OLD.id');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id JOIN webhooks.webhook w ON w.id = s.webhook_id
WHERE w.name = 'bobs' ORDER BY e.name;
SELECT FROM webhooks.subscribe('bobs', '{order:*}');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id JOIN webhooks.webhook w ON w.id = s.webhook_id
WHERE w.name = 'bobs' ORDER BY e.name;
SELECT FROM webhooks.unsubscribe('bobs', '{*,webhook*,order:*}');
SELECT FROM webhooks.drop_event('order:deleted');
-- Who goes on to be told what they could not subscribe to is named.
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.subscribe('bobs', '{order:gone}');
SET ROLE regress_webhooks_ann;
SELECT FROM webhooks.alter_event('order:gone', data => $$jsonb_build_object('id', OLD.id)$$);
SELECT FROM webhooks.drop_event('order:gone');

-- Members of the role that made it manage it, and one who acts for that role makes what is all the members'.
RESET ROLE;
GRANT regress_webhooks_team TO regress_webhooks_ann, regress_webhooks_bob;
SELECT FROM webhooks.grant_manage('regress_webhooks_team');
SET ROLE regress_webhooks_team;
SELECT FROM webhooks.create_webhook('teams', 'https://example.com/team');
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.alter_webhook('teams', description => 'by bob');
SELECT webhooks.get_webhook('teams') ->> 'created_by' AS created_by, webhooks.get_webhook('teams') ->> 'changed_by' AS changed_by;
SELECT webhook FROM webhooks.webhook_stats ORDER BY webhook;
RESET ROLE;
REVOKE regress_webhooks_team FROM regress_webhooks_ann, regress_webhooks_bob;

-- What a document does not list is dropped where it is the caller's own.
SET ROLE regress_webhooks_bob;
SELECT webhooks.apply_config('{"events": [], "webhooks": [{"name": "bobs2", "endpoints": ["https://example.com/bob2"]}]}');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"events": [{}]}')$$) \gx
RESET ROLE;
SELECT name, created_by FROM webhooks.webhook ORDER BY name;
SELECT name FROM webhooks.event WHERE dropped_at IS NULL AND named ORDER BY name;

-- An event is judged and computed for its maker, whoever changes it: no text of a manager's runs as a superuser.
CREATE SCHEMA AUTHORIZATION regress_webhooks_bob;
SET ROLE regress_webhooks_bob;
CREATE TABLE regress_webhooks_bob.seen (what text, by name);
GRANT INSERT ON regress_webhooks_bob.seen TO PUBLIC;
CREATE FUNCTION regress_webhooks_bob.spy(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_webhooks_bob.seen VALUES (what, current_user);
    RETURN true;
END $$;
CREATE FUNCTION regress_webhooks_bob.planned() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    -- What it sets, and whom it asks for, while it is only planned.
    PERFORM set_config('search_path', 'regress_webhooks_bob', false), set_config('standard_conforming_strings', 'off', false);
    PERFORM regress_webhooks_bob.spy('caller ' || webhooks.caller()::regrole), regress_webhooks_bob.spy('planned');
    IF webhooks.caller() = 'regress_webhooks_bob'::regrole THEN
        PERFORM regress_webhooks_bob.spy('statement ' || coalesce(nullif(strpos(current_query(), 'apply_config'), 0)::text, 'hidden'));
    END IF;
    RETURN 1;
END $$;
-- In the way of the functions of this extension, where it finds them
CREATE FUNCTION regress_webhooks_bob.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT regress_webhooks_bob.spy('format')::text $$;
CREATE FUNCTION regress_webhooks_bob.trap(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT regress_webhooks_bob.spy('=') $$;
CREATE OPERATOR regress_webhooks_bob.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_webhooks_bob.trap);
SET search_path = regress_webhooks_bob, pg_catalog, public;
SET standard_conforming_strings = off;
SELECT FROM webhooks.create_event('bob:trap', 'table.recordInsert', 'orders', condition => 'NEW.id + planned() > 0',
    data => 'jsonb_build_object($$n$$, planned())');
SELECT FROM webhooks.alter_event('bob:trap', condition => 'NEW.id + planned() > 1');
SHOW search_path;
SHOW standard_conforming_strings;
RESET standard_conforming_strings;
RESET search_path;
RESET ROLE;
SELECT FROM webhooks.alter_event('bob:trap', key => 'NEW.status', condition => 'NEW.id + regress_webhooks_bob.planned() > 2');
SELECT FROM webhooks.alter_table('orders', 'ALTER status TYPE varchar');
SELECT DISTINCT what, by FROM regress_webhooks_bob.seen ORDER BY what, by;
SELECT p.proname, p.proowner::regrole FROM pg_proc p WHERE p.proname ~ '^event_[0-9]+$' ORDER BY p.proname;
-- Nor when a superuser applies the document that has it: what is made anew is whose it was.
BEGIN;
SELECT webhooks.add_event('bobs2', 'table.recordDelete', 'orders', condition => 'OLD.id > 7') IS NOT NULL AS added;
SET LOCAL ROLE regress_webhooks_bob;
SELECT FROM webhooks.subscribe('bobs2', '{bob:*}');
SELECT webhooks.add_event('bobs2', 'table.recordInsert', 'orders', condition => 'NEW.id + regress_webhooks_bob.planned() > 3') IS NOT NULL AS added;
SELECT webhooks.save_webhook(webhooks.get_webhook('bobs2')) -> 'events' AS events;
RESET ROLE;
SELECT FROM webhooks.subscribe('anns', '{salary:*}');
-- Whoever gives a pattern another payload, it stays whose it was.
SELECT webhooks.save_webhook(jsonb_set(webhooks.get_webhook('bobs2'), '{events,0}', '{"name": "bob:*", "payload": "standard"}')) -> 'events' -> 0 AS event;
SELECT p.pattern, p.payload, p.any_event FROM webhooks.subscription_pattern p ORDER BY p.pattern;
SELECT webhooks.export_config() AS config \gset
SELECT kind, listed ->> 'name' AS name, listed ->> 'owner' AS owner, listed -> 'events' AS events
FROM (VALUES ('events'), ('webhooks')) AS k (kind), jsonb_array_elements(:'config'::jsonb -> kind) AS listed;
CREATE TEMPORARY VIEW owners AS
    SELECT name, created_by FROM webhooks.event WHERE dropped_at IS NULL AND named AND name !~ '^webhook\d+'
    UNION ALL SELECT name, created_by FROM webhooks.webhook
    UNION ALL SELECT DISTINCT e.condition, e.created_by FROM webhooks.event e WHERE NOT e.named AND e.condition IS NOT NULL AND e.dropped_at IS NULL
    UNION ALL SELECT w.name || ' ' || p.pattern, p.any_event::text::name
              FROM webhooks.subscription_pattern p JOIN webhooks.webhook w ON w.id = p.webhook_id;
CREATE TEMPORARY TABLE owners_before AS SELECT * FROM owners;
SELECT count(*) > 0 AS dropped FROM webhooks.apply_config('{"events": [], "webhooks": []}');
TRUNCATE regress_webhooks_bob.seen;
SET LOCAL search_path = public, regress_webhooks_bob;
SELECT line FROM webhooks.apply_config(:'config') AS line WHERE line ~ 'owner';
SELECT webhooks.export_config() = :'config' AS same;
SELECT * FROM webhooks.apply_config(:'config');
SELECT DISTINCT what, by FROM regress_webhooks_bob.seen ORDER BY what, by;
SELECT count(*) > 0 AS there FROM owners;
(TABLE owners EXCEPT TABLE owners_before) UNION ALL (TABLE owners_before EXCEPT TABLE owners);
ROLLBACK;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"webhooks": [{"name": "new", "url": "https://example.com", "owner": "nobody"}]}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"events": [{"name": "ann:said", "owner": "regress_webhooks_bob"}]}')$$) \gx
-- What somebody has made under a name of the document's, maybe while it is applied, does not get what is meant for another.
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"events": [{"name": "ann:said", "description": "not ann''s"}]}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"webhooks": [{"name": "anns", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}]}')$$) \gx
SELECT * FROM webhooks.apply_config('{"webhooks": [{"name": "anns", "owner": "regress_webhooks_ann", "description": "ann''s"}]}', dry_run => true) AS line WHERE line ~ '^~';
SET ROLE regress_webhooks_bob;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{"events": [{"name": "new:event", "owner": "regress_webhooks_ann"}]}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.save_webhook('{"name": "bobs2", "events": [{"type": "table.recordInsert", "on_table": "orders", "owner": "regress_webhooks_ann"}]}')$$) \gx
RESET ROLE;
-- Nor does it get out of the statement that it is put into.
SET ROLE regress_webhooks_bob;
CREATE FUNCTION regress_webhooks_bob.switch() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM set_config('standard_conforming_strings', 'off', false);
    RETURN 1;
END $$;
SELECT * FROM pg_temp.complaint($test$
    SELECT webhooks.create_event('bob:out', 'table.recordInsert', 'orders', data => $$jsonb_build_object('n', regress_webhooks_bob.switch(),
        's', '\' || ') AS pg_catalog.json), 1, 2; END; CREATE TABLE regress_webhooks_bob.loot (); SELECT (('' || '')$$)$test$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_table('regress_webhooks_bob.seen', 'ADD x int; CREATE TABLE regress_webhooks_bob.loot ()')$$) \gx
SELECT to_regclass('regress_webhooks_bob.loot');
DROP FUNCTION regress_webhooks_bob.switch;
SELECT FROM webhooks.drop_event('bob:trap');
RESET ROLE;

-- Code of the maker's that runs while an expression is read puts a function of its own in the place of the event's. What that
-- gives is another thing, and is not told.
SELECT format('GRANT CREATE ON DATABASE %I TO regress_webhooks_bob', current_database()) \gexec
SET ROLE regress_webhooks_bob;
CREATE TABLE regress_webhooks_bob.own (id int PRIMARY KEY, n int);
CREATE FUNCTION regress_webhooks_bob.swap() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made_in name := (SELECT n.nspname FROM pg_namespace n WHERE n.nspname ~ '^webhooks_event_[0-9]+_');
BEGIN
    IF made_in IS NOT NULL THEN
        EXECUTE pg_catalog.format('ALTER SCHEMA %I RENAME TO regress_webhooks_away', made_in);
        EXECUTE pg_catalog.format('CREATE SCHEMA %I', made_in);
        EXECUTE pg_catalog.format('CREATE FUNCTION %I.%s(new regress_webhooks_bob.own) RETURNS int8 LANGUAGE sql
                        BEGIN ATOMIC SELECT NULL::json, NULL::text, NULL::text; SELECT 3735928559; END',
                       made_in, substring(made_in FROM 'event_[0-9]+'));
    END IF;
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.swapped AS int CHECK (regress_webhooks_bob.swap() = value);
SELECT FROM webhooks.create_event('bob:swapped', 'table.recordInsert', 'regress_webhooks_bob.own',
    data => $$jsonb_build_object('n', '{1}'::regress_webhooks_bob.swapped[])$$);
INSERT INTO regress_webhooks_bob.own VALUES (1);
SELECT FROM webhooks.drop_event('bob:swapped');
-- An aggregate in its place goes with the event.
CREATE FUNCTION regress_webhooks_bob.counted(int, regress_webhooks_bob.own) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_webhooks_bob.aggregated() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made_in name := (SELECT n.nspname FROM pg_namespace n WHERE n.nspname ~ '^webhooks_event_[0-9]+_');
BEGIN
    IF made_in IS NOT NULL THEN
        EXECUTE pg_catalog.format('ALTER SCHEMA %I RENAME TO regress_webhooks_far', made_in);
        EXECUTE pg_catalog.format('CREATE SCHEMA %I', made_in);
        EXECUTE pg_catalog.format('CREATE AGGREGATE %I.%s(new regress_webhooks_bob.own) (SFUNC = regress_webhooks_bob.counted, STYPE = int)',
                       made_in, substring(made_in FROM 'event_[0-9]+'));
    END IF;
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.aggregate AS int CHECK (regress_webhooks_bob.aggregated() = value);
SELECT FROM webhooks.create_event('bob:aggregated', 'table.recordInsert', 'regress_webhooks_bob.own',
    data => $$jsonb_build_object('n', '{1}'::regress_webhooks_bob.aggregate[])$$);
SELECT FROM webhooks.drop_event('bob:aggregated');
RESET ROLE;
-- Nor are the names known under which functions are made, which somebody could take beforehand.
SET ROLE regress_webhooks_bob;
DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE pg_catalog.format('CREATE SCHEMA webhooks_event_%s', n); END LOOP; END $$;
SET ROLE regress_webhooks_ann;
SELECT FROM webhooks.create_event('ann:computed', 'table.recordInsert', 'orders', key => 'NEW.id + 1');
SELECT FROM webhooks.drop_event('ann:computed');
SET ROLE regress_webhooks_bob;
DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE pg_catalog.format('DROP SCHEMA webhooks_event_%s', n); END LOOP; END $$;
RESET ROLE;
SELECT format('REVOKE CREATE ON DATABASE %I FROM regress_webhooks_bob', current_database()) \gexec
SELECT count(*) FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE e.name = 'bob:swapped';

-- What runs as the schema's owner meanwhile, here for an event trigger, finds nothing in the maker's schemas.
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tg_tag = 'SELECT'; END $$;
CREATE EVENT TRIGGER regress_webhooks_on_ddl ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
SET ROLE regress_webhooks_bob;
TRUNCATE regress_webhooks_bob.seen;
SET search_path = regress_webhooks_bob, pg_catalog, public;
SELECT FROM webhooks.create_event('bob:ddl', 'table.recordInsert', 'own', data => 'jsonb_build_object($$n$$, NEW.n)');
SELECT FROM webhooks.drop_event('bob:ddl');
RESET search_path;
RESET ROLE;
DROP EVENT TRIGGER regress_webhooks_on_ddl;
DROP FUNCTION public.on_ddl();
SELECT DISTINCT what, by FROM regress_webhooks_bob.seen;

-- Nor does such code read on, or skip, what a superuser applies.
SET ROLE regress_webhooks_bob;
CREATE FUNCTION regress_webhooks_bob.eat() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    portal refcursor;
    eaten  record;
BEGIN
    FOR portal IN SELECT name FROM pg_cursors LOOP
        BEGIN
            LOOP
                FETCH portal INTO eaten;
                EXIT WHEN NOT FOUND;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.eaten AS int CHECK (regress_webhooks_bob.eat() = value);
SELECT FROM webhooks.create_event('bob:eats', 'table.recordInsert', 'regress_webhooks_bob.own');
RESET ROLE;
BEGIN;
SELECT count(*) AS applied FROM webhooks.apply_config((
    SELECT jsonb_set(c, '{events}', $$[{"name": "bob:eats", "type": "table.recordInsert", "on_table": "regress_webhooks_bob.own",
                                        "condition": "'{1}'::regress_webhooks_bob.eaten[] IS NOT NULL", "owner": "regress_webhooks_bob"}]$$ || (c -> 'events')
                       || (SELECT jsonb_agg(jsonb_build_object('name', 'new:' || n)) FROM generate_series(1, 20) AS n))
    FROM (SELECT jsonb_set(c, '{events}', (SELECT jsonb_agg(e) FROM jsonb_array_elements(c -> 'events') AS e
                                           WHERE e ->> 'name' <> 'bob:eats')) AS c FROM webhooks.export_config() AS c) AS x));
SELECT jsonb_array_length(d -> 'events') AS events FROM webhooks.save_webhook(jsonb_build_object(
    'name', 'eaten', 'url', 'https://example.com/eaten', 'events', (
        SELECT $$[{"type": "table.recordInsert", "on_table": "regress_webhooks_bob.own", "owner": "regress_webhooks_bob",
                   "condition": "'{1}'::regress_webhooks_bob.eaten[] IS NOT NULL AND NEW.n > 1"}]$$ || jsonb_agg('new:' || n)
        FROM generate_series(1, 20) AS n))) AS d;
ROLLBACK;

-- Nor does it hear what else is done with the documents, or makes something under their names meanwhile.
SET ROLE regress_webhooks_bob;
CREATE TABLE regress_webhooks_bob.heard (what text);
CREATE FUNCTION regress_webhooks_bob.listen() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    context text;
    portal  refcursor;
    row     record;
BEGIN
    GET DIAGNOSTICS context = PG_CONTEXT;
    INSERT INTO regress_webhooks_bob.heard VALUES ('nothing');
    INSERT INTO regress_webhooks_bob.heard SELECT 'context: ' || context WHERE context ~ 'kept';
    INSERT INTO regress_webhooks_bob.heard SELECT 'statement: ' || c.statement FROM pg_cursors c;
    INSERT INTO regress_webhooks_bob.heard SELECT 'statement: ' || current_query() WHERE current_query() IS NOT NULL;
    FOR n IN 1..30 LOOP
        BEGIN
            portal := pg_catalog.format('<unnamed portal %s>', n);
            FETCH portal INTO row;
            INSERT INTO regress_webhooks_bob.heard VALUES ('row: ' || row::text);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.heard_of AS int CHECK (regress_webhooks_bob.listen() = value);
CREATE FUNCTION regress_webhooks_bob.squat() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhooks.create_webhook('kept', 'https://example.com/bob');
    RETURN 1;
EXCEPTION WHEN duplicate_object THEN
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.squatted AS int CHECK (regress_webhooks_bob.squat() = value);
RESET ROLE;
BEGIN;
DO $$
DECLARE
    document jsonb;
BEGIN
    FOR document IN SELECT d FROM (VALUES
        (1, $j${"events": [{"name": "bob:hears", "type": "table.recordInsert", "on_table": "regress_webhooks_bob.own",
                            "condition": "'{1}'::regress_webhooks_bob.heard_of[] IS NOT NULL", "owner": "regress_webhooks_bob"}]}$j$::jsonb),
        (2, '{"webhooks": [{"name": "kept", "url": "https://example.com/kept"}]}')) AS documents (n, d) ORDER BY n
    LOOP
        PERFORM webhooks.apply_config(document);
    END LOOP;
END $$;
SELECT DISTINCT what FROM regress_webhooks_bob.heard;
SELECT name, created_by = current_user AS mine FROM webhooks.webhook;
SELECT current_query() ~ 'current_query' AS told_again;
ROLLBACK;
SELECT * FROM pg_temp.complaint($c$SELECT webhooks.apply_config($${"events": [{"name": "bob:squats", "type": "table.recordInsert",
    "on_table": "regress_webhooks_bob.own", "condition": "'{1}'::regress_webhooks_bob.squatted[] IS NOT NULL", "owner": "regress_webhooks_bob"}],
    "webhooks": [{"name": "kept", "url": "https://example.com/kept"}]}$$)$c$) \gx
-- An event that drops itself while it is changed is not changed, nor left behind.
SET ROLE regress_webhooks_bob;
CREATE FUNCTION regress_webhooks_bob.leave() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhooks.drop_event('bob:leaves');
    RETURN 1;
EXCEPTION WHEN undefined_object THEN
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.gone AS int CHECK (regress_webhooks_bob.leave() = value);
SELECT FROM webhooks.create_event('bob:leaves', 'table.recordInsert', 'regress_webhooks_bob.own');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('bob:leaves', condition => '''{1}''::regress_webhooks_bob.gone[] IS NOT NULL')$$) \gx
SELECT FROM webhooks.drop_event('bob:leaves');
RESET ROLE;

-- Nor does a webhook's event make a definition one for another webhook.
SET ROLE regress_webhooks_bob;
SELECT name FROM webhooks.create_webhook('first', 'https://example.com/1');
SELECT name FROM webhooks.create_webhook('second', 'https://example.com/2');
CREATE FUNCTION regress_webhooks_bob.trade() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhooks.alter_webhook('first', new_name => 'third');
    PERFORM webhooks.alter_webhook('second', new_name => 'first');
    RETURN 1;
EXCEPTION WHEN duplicate_object THEN
    RETURN 1;
END $$;
CREATE DOMAIN regress_webhooks_bob.traded AS int CHECK (regress_webhooks_bob.trade() = value);
RESET ROLE;
SELECT * FROM pg_temp.complaint($c$SELECT webhooks.save_webhook($${"name": "first", "events": [{"type": "table.recordInsert",
    "on_table": "regress_webhooks_bob.own", "condition": "'{1}'::regress_webhooks_bob.traded[] IS NOT NULL", "owner": "regress_webhooks_bob"}]}$$)$c$) \gx
SELECT FROM webhooks.drop_webhook('first');
SELECT FROM webhooks.drop_webhook('second');

-- A role that is renamed: nobody knows whose text it is, and nobody reads it as a superuser.
SET ROLE regress_webhooks_bob;
TRUNCATE regress_webhooks_bob.seen;
CREATE DOMAIN regress_webhooks_bob.spied AS int CHECK (regress_webhooks_bob.spy('read'));
SELECT FROM webhooks.create_event('bob:judged', 'table.recordInsert', 'regress_webhooks_bob.own',
    condition => $$'{1}'::regress_webhooks_bob.spied[] IS NOT NULL$$);
RESET ROLE;
ALTER ROLE regress_webhooks_bob RENAME TO regress_webhooks_rob;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('bob:judged', condition => 'true')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_table('regress_webhooks_bob.own', 'ALTER n TYPE bigint')$$) \gx
SELECT FROM webhooks.drop_event('bob:judged');
ALTER ROLE regress_webhooks_rob RENAME TO regress_webhooks_bob;
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.create_event('bob:told', 'table.recordInsert', 'regress_webhooks_bob.own',
    data => $$jsonb_build_object('spied', '{1}'::regress_webhooks_bob.spied[])$$);
RESET ROLE;
ALTER ROLE regress_webhooks_bob RENAME TO regress_webhooks_rob;
SELECT FROM webhooks.alter_event('bob:told', key => 'NEW.n');
SELECT FROM webhooks.alter_table('regress_webhooks_bob.own', 'ALTER n TYPE bigint');
ALTER ROLE regress_webhooks_rob RENAME TO regress_webhooks_bob;
SELECT DISTINCT by FROM regress_webhooks_bob.seen;
SELECT FROM webhooks.drop_event('bob:told');

-- The same words of another role may mean something else: they do not judge for each other.
SET ROLE regress_webhooks_bob;
CREATE FUNCTION regress_webhooks_bob.never(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR regress_webhooks_bob.> (LEFTARG = int, RIGHTARG = int, FUNCTION = regress_webhooks_bob.never);
SET search_path = regress_webhooks_bob, pg_catalog, public;
SELECT webhooks.add_event('bobs2', 'table.recordInsert', 'orders', condition => 'NEW.id > 100') AS by_bob \gset
RESET search_path;
SET ROLE regress_webhooks_ann;
SELECT webhooks.add_event('anns', 'table.recordInsert', 'orders', condition => 'NEW.id > 100') AS by_ann \gset
SELECT :'by_ann' <> :'by_bob' AS another, webhooks.add_event('anns', 'table.recordInsert', 'orders', condition => 'NEW.id > 100') = :'by_ann' AS kept;
-- Where they mean the same, the event is shared.
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.unsubscribe('bobs2', ARRAY[:'by_bob']);
SELECT webhooks.add_event('bobs2', 'table.recordInsert', 'orders', condition => 'NEW.id > 100') = :'by_ann' AS shared;
SELECT FROM webhooks.unsubscribe('bobs2', ARRAY[:'by_ann']);
SET ROLE regress_webhooks_ann;
SELECT FROM webhooks.unsubscribe('anns', ARRAY[:'by_ann']);

-- What an event told before its maker altered it is not for who may have it only now.
SELECT FROM webhooks.create_event('ann:moved', 'table.recordInsert', 'salaries');
SELECT FROM webhooks.subscribe('anns', '{ann:moved}');
RESET ROLE;
INSERT INTO salaries VALUES (2, 4711);
SELECT webhooks.message_id(m.at, m.seq) AS salary FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE e.name = 'ann:moved' \gset
SET ROLE regress_webhooks_ann;
SELECT FROM webhooks.alter_event('ann:moved', on_table => 'orders');
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.subscribe('bobs2', '{ann:moved}');
SELECT state FROM pg_temp.complaint($$SELECT webhooks.preview('bobs2', 'ann:moved')$$);
SELECT state FROM pg_temp.complaint(pg_catalog.format($$SELECT webhooks.resend(%L, 'bobs2')$$, :'salary'));
SELECT state FROM pg_temp.complaint(pg_catalog.format($$SELECT webhooks.explain_message(%L)$$, :'salary'));
SELECT webhooks.replay('bobs2', '-infinity', dry_run => true);
RESET ROLE;
INSERT INTO orders VALUES (3, 'open');
SET ROLE regress_webhooks_bob;
SELECT body::json -> 'data' AS data FROM webhooks.preview('bobs2', 'ann:moved');
SET ROLE regress_webhooks_ann;
SELECT count(*) > 0 AS told FROM webhooks.explain_message(:'salary');
SELECT FROM webhooks.drop_event('ann:moved');
RESET ROLE;

-- What came of a message at an endpoint that was dropped is for whose webhook it is, and where that is gone for who manages all.
SELECT webhooks.emit('ann:said') AS kept \gset
INSERT INTO webhooks.attempt
SELECT now(), m.at, m.seq, m.event_id, -w.id, w.id, 1, 200, 1000, NULL, NULL, true
FROM webhooks.message m, (SELECT id FROM webhooks.webhook WHERE name = 'anns' UNION ALL SELECT 0) AS w
WHERE webhooks.message_id(m.at, m.seq) = :'kept';
CREATE FUNCTION pg_temp.story(id text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(line, ' at .* took', ' took') FROM webhooks.explain_message(id) AS line WHERE line ~ 'dropped|other account' $$;
SELECT * FROM pg_temp.story(:'kept');
SET ROLE regress_webhooks_ann;
SELECT * FROM pg_temp.story(:'kept');
SET ROLE regress_webhooks_bob;
SELECT state FROM pg_temp.complaint(pg_catalog.format($$SELECT webhooks.explain_message(%L)$$, :'kept'));
RESET ROLE;
DELETE FROM webhooks.attempt WHERE endpoint_id <= 0;

-- That a webhook is for another account is told who may have it told of the event.
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.create_webhook('bobs3', 'https://example.com/bob3', account => 'bob');
RESET ROLE;
SELECT FROM webhooks.subscribe('bobs3', '{ann:said}');
SET ROLE regress_webhooks_bob;
SELECT state FROM pg_temp.complaint(pg_catalog.format($$SELECT webhooks.explain_message(%L)$$, :'kept'));
SELECT FROM webhooks.create_event('bob:said');
SELECT FROM webhooks.subscribe('bobs3', '{bob:said}');
RESET ROLE;
SELECT webhooks.emit('bob:said') AS kept \gset
SET ROLE regress_webhooks_bob;
SELECT * FROM pg_temp.story(:'kept');
SELECT FROM webhooks.drop_webhook('bobs3');
SELECT FROM webhooks.drop_event('bob:said');
RESET ROLE;

-- A trigger of that name on a partition does not say that the whole table was emptied.
CREATE TABLE parted (id int, part int) PARTITION BY LIST (part);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
GRANT TRIGGER, TRUNCATE ON parted_1 TO regress_webhooks_bob;
SELECT FROM webhooks.create_event('parted:empty', 'table.truncate', 'parted');
SELECT id AS emptied FROM webhooks.event WHERE name = 'parted:empty' \gset
SET ROLE regress_webhooks_bob;
CREATE TRIGGER webhooks_event_:emptied AFTER TRUNCATE ON parted_1 EXECUTE FUNCTION webhooks.capture(:emptied);
SELECT state, regexp_replace(message, '\d+', 'n') AS message FROM pg_temp.complaint('TRUNCATE parted_1');
RESET ROLE;
SELECT FROM webhooks.drop_event('parted:empty');
DROP TABLE parted;

-- A trigger of that name on one's own table does not take the view of all events from the others.
SET ROLE regress_webhooks_bob;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('bob:system', 'table.recordInsert', 'regress_webhooks_bob.own',
    condition => 'NEW.tableoid > 0')$$) \gx
SELECT FROM webhooks.create_event('bob:odd', 'table.recordInsert', 'regress_webhooks_bob.own', condition => 'NEW.n > 0');
RESET ROLE;
SELECT id AS odd FROM webhooks.event WHERE name = 'bob:odd' \gset
SET ROLE regress_webhooks_bob;
DROP TRIGGER webhooks_event_:odd ON regress_webhooks_bob.own;
CREATE TRIGGER webhooks_event_:odd AFTER INSERT ON regress_webhooks_bob.own FOR EACH ROW WHEN (NEW.tableoid > 0)
    EXECUTE FUNCTION webhooks.capture(:odd);
RESET ROLE;
SELECT condition FROM webhooks.event_definition WHERE event = 'bob:odd';
SELECT FROM webhooks.drop_event('bob:odd');

-- Who moves the function of an event of theirs is told what becomes of it, and makes it anew.
SET ROLE regress_webhooks_bob;
SELECT FROM webhooks.create_event('bob:moved', 'table.recordDelete', 'orders', key => 'OLD.id + 1');
SELECT p.oid::regprocedure AS function FROM pg_proc p WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proowner = current_user::regrole \gset
ALTER FUNCTION :function SET SCHEMA regress_webhooks_bob;
SELECT regexp_replace(problem, '\d+', 'n') AS problem FROM webhooks.event_definition WHERE event = 'bob:moved';
SELECT FROM webhooks.alter_event('bob:moved');
SELECT problem FROM webhooks.event_definition WHERE event = 'bob:moved';
SELECT FROM webhooks.drop_event('bob:moved');
RESET ROLE;
-- Who has TRIGGER can put another trigger in an event's place. What that says is not read for the event's maker.
SELECT FROM webhooks.create_event('admin:kept', 'table.recordInsert', 'orders', condition => 'NEW.id > 0');
SELECT pg_catalog.format($$CREATE OR REPLACE TRIGGER webhooks_event_%1$s AFTER INSERT ON orders FOR EACH ROW
    WHEN ('{1}'::regress_webhooks_bob.spied[] IS NOT NULL) EXECUTE FUNCTION webhooks.capture(%1$s)$$, id) AS replace
FROM webhooks.event WHERE name = 'admin:kept' \gset
SET ROLE regress_webhooks_bob;
:replace;
TRUNCATE regress_webhooks_bob.seen;
RESET ROLE;
SELECT condition FROM webhooks.event_definition WHERE event = 'admin:kept';
SELECT FROM webhooks.alter_event('admin:kept', key => 'NEW.status');
SELECT DISTINCT by FROM regress_webhooks_bob.seen;
SET ROLE regress_webhooks_bob;
:replace;
TRUNCATE regress_webhooks_bob.seen;
RESET ROLE;
SELECT FROM webhooks.alter_table('orders', 'ADD extra int');
SELECT DISTINCT by FROM regress_webhooks_bob.seen;
SELECT condition FROM webhooks.event WHERE name = 'admin:kept';
SELECT FROM webhooks.drop_event('admin:kept');

-- A viewer who manages, too, sees all as a viewer and their own as a manager.
SELECT FROM webhooks.grant_view('regress_webhooks_bob');
INSERT INTO webhooks.attempt
SELECT now(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, 500, 1000, 'status', 'bobs', false
FROM webhooks.message m, webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id WHERE w.name = 'bobs2' LIMIT 1;
SET ROLE regress_webhooks_bob;
SELECT webhook, response, count(*) FROM webhooks.attempt_log GROUP BY webhook, response ORDER BY webhook;
SELECT w ->> 'name' AS webhook, w ? 'secret' AS secret, w ? 'handshake_key' AS handshake_key
FROM jsonb_array_elements(webhooks.export_config() -> 'webhooks') AS w;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_webhook('anns')$$) \gx
SELECT DISTINCT record FROM webhooks.unread_messages();
-- What a manager shows in a view is what the reader may see.
CREATE VIEW regress_webhooks_bob.shown AS SELECT webhook, response FROM webhooks.attempt_log;
GRANT USAGE ON SCHEMA regress_webhooks_bob TO regress_webhooks_ann;
GRANT SELECT ON regress_webhooks_bob.shown TO regress_webhooks_ann;
SET ROLE regress_webhooks_ann;
SELECT webhook, count(*) FROM regress_webhooks_bob.shown GROUP BY webhook;
RESET ROLE;

-- What decides who sees which call of the log is no list of all webhooks: who sees all has none, and counting reads none.
SELECT count(*) FROM webhooks.own_webhooks();
SET ROLE regress_webhooks_ann;
SELECT count(*) FROM webhooks.own_webhooks();
RESET ROLE;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) AS scans_of_webhooks FROM pg_temp.plan('SELECT count(*) FROM webhooks.attempt_log') AS line WHERE line ~ 'Scan .*on webhook\M';

-- What a role has made is known by its name; another one gets it when a superuser says so.
ALTER ROLE regress_webhooks_ann RENAME TO regress_webhooks_anna;
SET ROLE regress_webhooks_anna;
SELECT count(*) FROM webhooks.webhook_stats;
RESET ROLE;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.reassign_owned('regress_webhooks_ann', 'regress_webhooks_ann')$$) \gx
SELECT webhooks.reassign_owned('regress_webhooks_ann', 'regress_webhooks_anna');
SET ROLE regress_webhooks_anna;
SELECT webhook FROM webhooks.webhook_stats;
SELECT FROM webhooks.alter_event('order:paid', description => 'by anna');
RESET ROLE;
SELECT webhooks.reassign_owned('regress_webhooks_anna', 'regress_webhooks_team');
SELECT DISTINCT e.created_by, p.proowner::regrole FROM webhooks.event e JOIN pg_proc p ON p.proname = 'event_' || e.id WHERE e.dropped_at IS NULL;
SELECT webhooks.reassign_owned('regress_webhooks_team', 'regress_webhooks_anna');
ALTER ROLE regress_webhooks_anna RENAME TO regress_webhooks_ann;
SELECT webhooks.reassign_owned('regress_webhooks_anna', 'regress_webhooks_ann');

-- It ends. What was made goes on, and what was granted for another end stays.
SELECT FROM webhooks.revoke_manage('regress_webhooks_bob');
SET ROLE regress_webhooks_bob;
SELECT count(*) > 1 AS sees FROM webhooks.webhook_stats;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.pause_webhook('bobs2')$$) \gx
RESET ROLE;
SELECT FROM webhooks.grant_manage('regress_webhooks_bob');
SELECT FROM webhooks.revoke_view('regress_webhooks_bob');
SET ROLE regress_webhooks_bob;
SELECT webhook FROM webhooks.webhook_stats;
SELECT FROM webhooks.pause_webhook('bobs2');
RESET ROLE;
SELECT FROM webhooks.revoke_manage('regress_webhooks_bob');
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) AS a WHERE a.grantee = 'regress_webhooks_bob'::regrole AND c.relnamespace = 'webhooks'::regnamespace;
SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) AS a WHERE a.grantee = 'regress_webhooks_bob'::regrole AND p.pronamespace = 'webhooks'::regnamespace;
SELECT has_schema_privilege('regress_webhooks_bob', 'webhooks', 'USAGE') AS schema;
SELECT name, state FROM webhooks.webhook ORDER BY name;

SET client_min_messages = warning;
DROP OWNED BY regress_webhooks_ann, regress_webhooks_bob, regress_webhooks_team CASCADE;
DROP TABLE orders, salaries, cases;
DROP ROLE regress_webhooks_ann, regress_webhooks_bob, regress_webhooks_team;
