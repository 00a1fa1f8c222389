-- What payloads make of an event's own data, and what is checked of them.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.leads (id int PRIMARY KEY, stage text, shape json);
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/');
SELECT FROM webhooks.create_event('made', 'table.recordInsert', 'leads', data => $$json_build_object('label', NEW.stage)$$);
SELECT FROM webhooks.create_event('moved', 'table.recordUpdate', 'leads', data => $$json_build_object('label', NEW.stage)$$);
SELECT FROM webhooks.create_event('plain', 'table.recordUpdate', 'leads', account => 'id');
SELECT FROM webhooks.create_event('new', 'table.recordInsert', 'leads');
SELECT FROM webhooks.create_event('gone', 'table.truncate', 'leads');
SELECT FROM webhooks.create_event('said');

-- Keys of data may be any, columns before the update are the table's. Where nothing was before, the column must be there all
-- the same: a webhook has one payload for inserts and updates.
\pset format unaligned
\pset tuples_only on
SELECT event, payload, c.state, c.message
FROM unnest('{made,moved,plain,new,gone,said}'::text[]) WITH ORDINALITY AS e (event, n),
     unnest('{[@field:label],[@field:stage],[@old:stage],[@old:label],[@data:label.deep],[@metadata:label]}'::text[]) WITH ORDINALITY AS p (payload, m),
     pg_temp.complaint(format('SELECT webhooks.subscribe(%L, ARRAY[%L], to_jsonb(%L::text))', 'one', event, payload)) AS c
ORDER BY n, m;

-- With data taken away, its keys are none any more.
SELECT FROM webhooks.subscribe('one', '{moved}', '"[@field:label]"');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('moved', data => '')$$);
SELECT FROM webhooks.subscribe('one', '{plain}', '"[@field:stage]"');
SELECT FROM webhooks.alter_event('plain', data => 'NEW.shape');
SELECT FROM webhooks.subscribe('one', '{plain}', '"[@field:label]"');

-- Data that is no object after all fails nothing and is sent as it is, whatever the payload.
INSERT INTO leads VALUES (1, 'new');
SELECT FROM webhooks.subscribe('one', '{plain}', '["[@field:label]", "[@data]", "[@data:1]", "[@old:stage]"]');
CREATE FUNCTION pg_temp.bodies(shape json) RETURNS TABLE (payload text, body text) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leads SET stage = stage || '!', shape = bodies.shape;
    FOREACH payload IN ARRAY '{own,default,standard,cloudevents,capsule,clinchpad,hubspot,superoffice}'::text[] LOOP
        IF payload <> 'own' THEN
            PERFORM webhooks.subscribe('one', '{plain}', to_jsonb(payload));
        END IF;
        body := (SELECT regexp_replace(p.body, 'msg_\w+|2\d\d\d-\d\d-\d\dT[\d:.]+Z|1\d{12}', '0', 'g') FROM webhooks.preview('one', 'plain') p);
        ASSERT body::json IS NOT NULL;
        RETURN NEXT;
    END LOOP;
    PERFORM webhooks.subscribe('one', '{plain}', '["[@field:label]", "[@data]", "[@data:1]", "[@old:stage]"]');
END $$;
SELECT * FROM pg_temp.bodies('[1, {"label": 2}]');
SELECT * FROM pg_temp.bodies('"text"');
SELECT * FROM pg_temp.bodies('null');
SELECT * FROM pg_temp.bodies(NULL);

DROP TABLE leads;

-- What keeps messages in order does not say which record they are about.
CREATE TABLE public.deals (id int PRIMARY KEY, customer text);
SELECT FROM webhooks.create_event('deal', 'table.recordInsert', 'deals', key => 'customer');
SELECT FROM webhooks.create_event('deal:told', 'table.recordInsert', 'deals', key => 'upper(NEW.customer)', data => $$json_build_object('of', NEW.customer)$$);
SELECT FROM webhooks.subscribe('one', '{deal,deal:told}');
INSERT INTO deals VALUES (7, 'c-1'), (8, NULL);
SELECT e.name, m.record, m.primary_key FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE e.name ~ 'deal' ORDER BY m.seq;
CREATE FUNCTION pg_temp.told(event text, payload text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhooks.subscribe('one', ARRAY[event], to_jsonb(payload));
    RETURN substring(p.body FROM '"(?:subject|objectId|PrimaryKey)":[^,]*') FROM webhooks.preview('one', event) AS p;
END $$;
SELECT event, pg_temp.told(event, payload)
FROM unnest('{deal,deal:told}'::text[]) AS event, unnest('{cloudevents,hubspot,superoffice}'::text[]) AS payload;
