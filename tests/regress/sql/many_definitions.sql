-- What a call costs where there are many events and webhooks already, counted in what it calls: that does not depend on the
-- machine.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SET track_functions = 'all';
CREATE TABLE public.leads (id int PRIMARY KEY, a int, b int, c int, name varchar(50));
SELECT count(webhooks.create_webhook('w' || n, 'https://example.com/')) FROM generate_series(1, 20) AS n;
SELECT count(webhooks.add_event('w1', 'table.recordUpdate', 'leads', '{a}', 'NEW.b = ' || n)) FROM generate_series(1, 100) AS n;

-- How often a statement calls some functions, and the first value that it gives.
CREATE VIEW pg_temp.called AS
SELECT funcname, calls FROM pg_stat_xact_user_functions
WHERE schemaname = 'webhooks'
  AND funcname IN ('event_today', 'event_when', 'make_event', 'triggers_alike', 'refresh_events', 'config_document', 'put_webhook');
CREATE FUNCTION pg_temp.calls_of(statement text) RETURNS TABLE (function name, calls bigint, gave text) LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := (SELECT jsonb_object_agg(c.funcname, c.calls) FROM pg_temp.called c);
BEGIN
    EXECUTE statement INTO gave;
    RETURN QUERY SELECT c.funcname, c.calls - coalesce((before ->> c.funcname::text)::bigint, 0), gave
    FROM pg_temp.called c WHERE c.calls <> coalesce((before ->> c.funcname::text)::bigint, 0)
    ORDER BY c.funcname COLLATE "C";
END $$;

-- A new event, one that is there, and one that is there in other words
SELECT * FROM pg_temp.calls_of($$SELECT webhooks.add_event('w1', 'table.recordUpdate', 'leads', '{a}', 'NEW.b = 101')$$);
SELECT * FROM pg_temp.calls_of($$SELECT webhooks.add_event('w2', 'table.recordUpdate', 'leads', '{a}', 'NEW.b = 50')$$);
SELECT * FROM pg_temp.calls_of($$SELECT webhooks.add_event('w3', 'table.recordUpdate', 'leads', '{a}', '(new.b) = 50')$$);
-- A named one, and a subscription
SELECT * FROM pg_temp.calls_of($$SELECT webhooks.create_event('named', 'table.recordUpdate', 'leads', '{a}', 'NEW.b = 50')$$);
SELECT * FROM pg_temp.calls_of($$SELECT webhooks.subscribe('w3', '{named}')$$);

-- A document is compared with what there is, and of a webhook that it does not change nothing is asked.
SELECT webhooks.export_config(secrets => false) AS config \gset
SELECT * FROM pg_temp.calls_of(format('SELECT webhooks.apply_config(%L)', :'config')) WHERE function IN ('config_document', 'put_webhook');
SELECT * FROM pg_temp.calls_of(format($$SELECT webhooks.apply_config(jsonb_set(%L, '{webhooks,7,timeout}', '"3 seconds"'))$$, :'config'))
WHERE function IN ('config_document', 'put_webhook');

-- What is the same is so whatever the server makes of it when it reads it again, as after a dump, and whatever was renamed.
SELECT webhooks.add_event('w4', 'table.recordInsert', 'leads', condition => $$NEW.name = 'x' AND NEW.a IN (1, 2)$$) AS condition \gset
SELECT FROM webhooks.alter_table('leads', 'ALTER c TYPE bigint');
ALTER TABLE leads RENAME name TO title;
SELECT webhooks.add_event('w5', 'table.recordInsert', 'leads', condition => $$NEW.title = 'x' AND NEW.a IN (1, 2)$$) = :'condition' AS shared;

-- Columns whose names move on: each event goes on about its own, and an old name is that of another column.
SELECT webhooks.add_event('w6', 'table.recordUpdate', 'leads', '{a}') AS a, webhooks.add_event('w6', 'table.recordUpdate', 'leads', '{b}') AS b,
       webhooks.add_event('w6', 'table.recordUpdate', 'leads', '{c}') AS c \gset
ALTER TABLE leads RENAME c TO d;
ALTER TABLE leads RENAME b TO c;
ALTER TABLE leads RENAME a TO b;
ALTER TABLE leads ADD a int;
SELECT webhooks.add_event('w7', 'table.recordUpdate', 'leads', '{a}') IN (:'a', :'b', :'c') AS shared,
       webhooks.add_event('w7', 'table.recordUpdate', 'leads', '{b}') = :'a' AS b,
       webhooks.add_event('w7', 'table.recordUpdate', 'leads', '{c}') = :'b' AS c,
       webhooks.add_event('w7', 'table.recordUpdate', 'leads', '{d}') = :'c' AS d;
-- Two that change places, also when the triggers are made anew
ALTER TABLE leads RENAME c TO x;
ALTER TABLE leads RENAME b TO c;
ALTER TABLE leads RENAME x TO b;
SELECT FROM webhooks.alter_table('leads', 'ALTER c TYPE bigint');
SELECT webhooks.add_event('w8', 'table.recordUpdate', 'leads', '{b}') = :'b' AS b,
       webhooks.add_event('w8', 'table.recordUpdate', 'leads', '{c}') = :'a' AS c;
INSERT INTO leads (id, a, b, c, d) VALUES (1, 0, 0, 0, 0);
UPDATE leads SET c = 200;
SELECT e.name = :'a' AS a, m.changed FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE m.operation = 'u' ORDER BY m.seq;

DROP TABLE leads;
