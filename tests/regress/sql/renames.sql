-- Tables and columns that are renamed, retyped and dropped under events.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.stages (id int PRIMARY KEY, name text);
CREATE TABLE public.leads (id int PRIMARY KEY, gone int, stage int, name text, customer int, "Odd "", name" text);
ALTER TABLE leads DROP gone;
SELECT count(webhooks.create_webhook(name, 'https://example.com/')) FROM unnest('{one,two}'::text[]) AS name;
SELECT FROM webhooks.create_event('moved', 'table.recordUpdate', 'leads', '{stage,name}', $$NEW.stage > 0 AND (OLD.name = 'x' OR OLD.name LIKE 'n%')$$,
    data => $$jsonb_build_object('stage', (SELECT s.name FROM stages s WHERE s.id = NEW.stage), 'text', 'event_1.new AS data, (', 'lead', NEW)$$,
    account => 'customer', key => 'NEW."Odd "", name" || OLD.id');
SELECT FROM webhooks.create_event('plain', 'table.recordInsert', 'leads', condition => 'NEW.stage > 1 AND NEW.customer > 1');
SELECT FROM webhooks.create_event('keyed', 'table.recordDelete', 'leads', key => 'name');
SELECT FROM webhooks.create_event('any', 'table.recordUpdate', 'leads', condition => 'OLD IS DISTINCT FROM NEW');
SELECT webhooks.add_event('one', 'table.recordUpdate', 'leads', '{stage}') AS fields,
       webhooks.add_event('one', 'table.recordInsert', 'leads', condition => 'NEW.stage > 5') AS condition \gset
CREATE VIEW pg_temp.defined AS SELECT event, fields, condition, data, account, key FROM webhooks.event_definition WHERE named;
CREATE VIEW pg_temp.stored AS SELECT name, fields, condition, data, account, key FROM webhooks.event WHERE named AND dropped_at IS NULL ORDER BY id;
\x

-- Nothing renamed: as it was given.
SELECT count(*) AS same FROM pg_temp.defined d JOIN pg_temp.stored s ON d = s;

-- Under other names.
ALTER TABLE leads RENAME stage TO step;
ALTER TABLE leads RENAME customer TO client;
ALTER TABLE leads RENAME "Odd "", name" TO "old. 'name";
ALTER TABLE stages RENAME name TO label;
ALTER SCHEMA public RENAME TO shop;
SET search_path = shop;
ALTER TABLE leads RENAME TO deals;
SELECT * FROM pg_temp.defined;
SELECT count(*) AS same FROM webhooks.event_today((SELECT e FROM webhooks.event e WHERE name = 'keyed')) t JOIN webhooks.event e USING (id) WHERE t = e;

-- It goes on, and what is changed of it does not touch the rest.
INSERT INTO stages VALUES (1, 'Offer'), (2, 'Won');
INSERT INTO deals VALUES (1, 1, 'x', 7, 'k');
UPDATE deals SET step = 2;
SELECT FROM webhooks.alter_event('moved', condition => 'NEW.step > 0');
UPDATE deals SET step = 1;
SELECT FROM webhooks.alter_event('moved', data => $$json_build_object('stage', (SELECT s.label FROM stages s WHERE s.id = NEW.step))$$);
UPDATE deals SET step = 2;
SELECT FROM webhooks.alter_event('moved', data => '');
SELECT FROM webhooks.alter_event('moved', account => 'id');
SELECT FROM webhooks.alter_event('moved', fields => '{client}');
UPDATE deals SET client = 8;
SELECT record, account, changed, data FROM webhooks.message WHERE event_id = 1 ORDER BY seq;
SELECT * FROM pg_temp.defined WHERE event = 'moved';
SELECT FROM webhooks.alter_event('plain', description => 'only that');
SELECT * FROM pg_temp.stored WHERE name = 'plain';

-- The same wish is the same event, in today's words or in others that say the same, and a column that has an old name is another.
SELECT webhooks.add_event('two', 'table.recordUpdate', 'deals', '{step}') = :'fields' AS fields,
       webhooks.add_event('two', 'table.recordInsert', 'deals', condition => 'NEW.step > 5') = :'condition' AS condition,
       webhooks.add_event('two', 'table.recordInsert', 'deals', condition => '(new.step>(5))') = :'condition' AS in_other_words;
ALTER TABLE deals ADD stage int;
SELECT webhooks.add_event('two', 'table.recordUpdate', 'deals', '{stage}') = :'fields' AS fields,
       webhooks.add_event('two', 'table.recordInsert', 'deals', condition => 'NEW.stage > 5') = :'condition' AS condition;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND tgname LIKE 'webhooks%';
SELECT name, fields, condition FROM webhooks.event WHERE NOT named ORDER BY id;
-- Two columns that take each other's names
ALTER TABLE deals RENAME stage TO x;
ALTER TABLE deals RENAME step TO stage;
ALTER TABLE deals RENAME x TO step;
SELECT webhooks.add_event('two', 'table.recordUpdate', 'deals', '{stage}') = :'fields' AS fields;
SELECT FROM webhooks.refresh_events('deals');
SELECT event, fields, condition FROM webhooks.event_definition WHERE NOT named ORDER BY event COLLATE "C";

-- What add_event writes down before it makes one.
ALTER TABLE deals RENAME client TO payer;
SELECT FROM webhooks.refresh_events('deals');
SELECT * FROM pg_temp.stored;
SELECT count(*) AS same FROM pg_temp.defined d JOIN pg_temp.stored s ON d = s;
\x

-- The type of a column that a trigger uses, or of any where a function takes the row: events can make way for it.
\set VERBOSITY terse
ALTER TABLE deals ALTER payer TYPE bigint;
ALTER TABLE deals ALTER name TYPE varchar(99);
ALTER TABLE stages ALTER label TYPE varchar(99);
SET search_path = pg_catalog;
SELECT FROM webhooks.alter_event('moved', data => $$json_build_object('stage', (SELECT s.label FROM shop.stages s WHERE s.id = NEW.stage), 'payer', NEW.payer)$$);
SELECT FROM webhooks.alter_table('shop.deals', 'ALTER payer TYPE bigint, ALTER name TYPE varchar(99)');
SET search_path = shop;
SELECT FROM webhooks.alter_table('deals', ' rename payer TO client');
SELECT FROM webhooks.alter_table('deals', 'RENAME client TO payer');
SELECT event, problem FROM webhooks.event_stats WHERE problem IS NOT NULL;
\x
SELECT * FROM pg_temp.defined;
\x
DELETE FROM webhooks.message;
INSERT INTO deals (id, payer, stage) VALUES (2, 5000000000, 2);
UPDATE deals SET payer = payer + 1 WHERE id = 2;
SELECT event_id, record, data FROM webhooks.message ORDER BY seq;
\set VERBOSITY default
-- All or nothing
SELECT FROM webhooks.alter_table('deals', 'DROP payer');
SELECT FROM webhooks.alter_table('deals', 'ALTER payer TYPE text');
SELECT FROM webhooks.alter_table('deals', 'ALTER payre TYPE text');
SELECT FROM webhooks.alter_table('deals', ' ');
SELECT FROM webhooks.alter_table('deals', NULL);
CREATE VIEW payers AS SELECT payer FROM deals;
SELECT FROM webhooks.alter_table('deals', 'ALTER payer TYPE numeric');
DROP VIEW payers;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND tgname LIKE 'webhooks%';
-- Types change in partitions and children too, whose events make way as well.
CREATE TABLE parts (id int, n int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE parts_1_1 PARTITION OF parts_1 DEFAULT;
CREATE TABLE parent (id int PRIMARY KEY, n int);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT FROM webhooks.create_event('parts_1_1', 'table.recordInsert', 'parts_1_1', condition => 'NEW.n > 1');
SELECT FROM webhooks.create_event('parts_1', 'table.recordInsert', 'parts_1', key => 'NEW.n + 1');
SELECT FROM webhooks.create_event('parts', 'table.recordInsert', 'parts', account => 'n');
SELECT FROM webhooks.create_event('child', 'table.recordUpdate', 'child', '{n}', key => 'n');
DELETE FROM webhooks.message;
SELECT FROM webhooks.alter_table('parts', 'ALTER n TYPE bigint');
SELECT FROM webhooks.alter_table('parent', 'ALTER n TYPE bigint');
INSERT INTO parts VALUES (1, 5000000000);
INSERT INTO child VALUES (1, 1);
UPDATE parent SET n = 5000000000;
SELECT e.name, m.record, m.account FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id ORDER BY m.seq;
-- With whose privileges an event computes stays the same, and is no way for the owner of the table to get them.
CREATE ROLE regress_webhooks_maker;
CREATE ROLE regress_webhooks_owner;
SELECT FROM webhooks.grant_manage('regress_webhooks_maker');
GRANT SELECT, TRIGGER ON deals TO regress_webhooks_maker;
GRANT USAGE ON SCHEMA shop TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT FROM webhooks.create_event('makers', 'table.recordInsert', 'deals', key => 'NEW.payer + 1');
RESET ROLE;
SELECT FROM webhooks.alter_table('deals', 'ALTER payer TYPE numeric');
SELECT proname, proowner::regrole FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d' AND proowner <> current_user::regrole;
SET client_min_messages = warning;
SELECT FROM webhooks.grant_manage('regress_webhooks_owner');
GRANT ALL ON SCHEMA shop TO regress_webhooks_owner;
GRANT ALL ON stages TO regress_webhooks_owner;
ALTER TABLE deals OWNER TO regress_webhooks_owner;
SET ROLE regress_webhooks_owner;
SELECT FROM webhooks.alter_table('deals', 'ALTER payer TYPE bigint');
RESET ROLE;
ALTER TABLE deals OWNER TO CURRENT_USER;
SELECT FROM webhooks.drop_event('makers');
-- Nor is that table's parent.
SELECT FROM webhooks.drop_event('child');
GRANT SELECT, TRIGGER ON child TO regress_webhooks_maker;
SET ROLE regress_webhooks_maker;
SELECT FROM webhooks.create_event('makers', 'table.recordInsert', 'child', key => 'NEW.n + 1');
RESET ROLE;
ALTER TABLE parent OWNER TO regress_webhooks_owner;
SET ROLE regress_webhooks_owner;
SELECT FROM webhooks.alter_table('parent', 'ALTER n TYPE numeric');
RESET ROLE;
ALTER TABLE child OWNER TO regress_webhooks_owner;
SET ROLE regress_webhooks_owner;
SELECT FROM webhooks.alter_table('parent', 'ALTER n TYPE numeric');
RESET ROLE;
SELECT count(webhooks.drop_event(name)) FROM unnest('{makers,parts,parts_1,parts_1_1}'::text[]) AS name;
DROP TABLE parts, parent, child;
DROP OWNED BY regress_webhooks_maker, regress_webhooks_owner;
DROP ROLE regress_webhooks_maker, regress_webhooks_owner;
RESET client_min_messages;
-- A trigger that was dropped is made again for who asks.
DROP TRIGGER webhooks_event_2 ON deals;
SELECT event, problem FROM webhooks.event_stats WHERE problem IS NOT NULL;
SELECT FROM webhooks.alter_event('plain');
SELECT event, problem FROM webhooks.event_stats WHERE problem IS NOT NULL;
\set VERBOSITY terse

-- What is dropped with CASCADE takes the trigger along. That is shown, and the name is free at once.
SET client_min_messages = warning;
ALTER TABLE deals DROP stage;
ALTER TABLE deals DROP stage CASCADE;
ALTER TABLE deals DISABLE TRIGGER webhooks_event_3;
RESET client_min_messages;
\set VERBOSITY default
SELECT event, problem FROM webhooks.event_stats WHERE problem IS NOT NULL ORDER BY event COLLATE "C";
SELECT regexp_replace(problem, '.*\n', '') AS problem FROM webhooks.status();
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('plain')$$) \gx
SELECT FROM webhooks.create_event('plain', 'table.recordInsert', 'deals', condition => 'NEW.payer > 1');
SELECT webhooks.add_event('one', 'table.recordUpdate', 'deals', '{step}') IS NOT NULL AS added;
SELECT FROM webhooks.subscribe('one', '{plain}');
SELECT event, problem FROM webhooks.event_stats WHERE problem IS NOT NULL ORDER BY event COLLATE "C";

-- So does a table, without.
DROP TABLE deals;
SELECT event, problem FROM webhooks.event_stats ORDER BY event COLLATE "C";
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('moved')$$) \gx
SELECT FROM webhooks.alter_event('keyed', on_table => 'stages', key => 'label');
SELECT event, problem FROM webhooks.event_stats WHERE event = 'keyed';
SELECT FROM webhooks.drop_event('keyed');
SELECT FROM webhooks.drop_event('moved');
SELECT FROM webhooks.create_event('plain');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('plain')$$) \gx
SELECT FROM webhooks.retire_dead_events();
SELECT count(*) AS too_young FROM webhooks.event_stats WHERE problem IS NOT NULL;
UPDATE webhooks.event SET created_at = now() - interval '11 minutes';
BEGIN;
DELETE FROM webhooks.home;
SELECT FROM webhooks.retire_dead_events();
SELECT count(*) AS in_a_copy FROM webhooks.event_stats WHERE problem IS NOT NULL;
ROLLBACK;
SELECT FROM webhooks.retire_dead_events();
SELECT event, problem FROM webhooks.event_stats;
SELECT count(*) AS subscriptions FROM webhooks.subscription;
SELECT count(*) AS functions FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';

-- One that something else depends on stays, for itself alone.
SELECT FROM webhooks.create_event('used', 'table.recordInsert', 'stages', key => 'label');
SELECT FROM webhooks.create_event('unused', 'table.recordInsert', 'stages', key => 'label');
SELECT used.id AS used, unused.id AS unused FROM webhooks.event used, webhooks.event unused WHERE used.name = 'used' AND unused.name = 'unused' \gset
CREATE VIEW labels AS SELECT (webhooks.event_:used(s)).key FROM stages s;
SELECT FROM webhooks.drop_event('used');
DROP TRIGGER webhooks_event_:used ON stages;
DROP TRIGGER webhooks_event_:unused ON stages;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('used')$$) \gx
BEGIN;
UPDATE webhooks.event SET created_at = now() - interval '11 minutes';
SET LOCAL client_min_messages = log;
SELECT FROM webhooks.retire_dead_events();
SELECT event, problem FROM webhooks.event_stats;
DROP VIEW labels;
SELECT FROM webhooks.retire_dead_events();
SELECT event, problem FROM webhooks.event_stats;
COMMIT;

DROP TABLE stages;
ALTER SCHEMA shop RENAME TO public;
