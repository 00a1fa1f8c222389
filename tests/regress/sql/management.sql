-- Webhooks as JSON: to fill in, read and save one, and all of the configuration as one document.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric);
-- What does not depend on when and as whom the test runs.
CREATE FUNCTION pg_temp.stable(webhook jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_pretty(jsonb_set(webhook - '{created_at,created_by,changed_at,changed_by,secret}'::text[], '{endpoints}',
        (SELECT jsonb_agg(e - '{created_at,state_since}'::text[]) FROM jsonb_array_elements(webhook -> 'endpoints') AS e)))
$$;

SELECT jsonb_pretty(webhooks.default_webhook());

-- The least there is to say, and all of it.
SELECT pg_temp.stable(webhooks.save_webhook('{"name": "least", "url": "https://example.com/least"}'));
SELECT webhooks.save_webhook(webhooks.default_webhook() || '{"name": "filled", "url": "https://example.com/filled"}') ->> 'id' AS id;
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.create_event('order:paid', 'table.recordUpdate', 'orders', '{total,status}', $$NEW.status = 'paid'$$,
    data => $$json_build_object('id', NEW.id)$$, account => 'id', key => 'id', description => 'money');
SELECT pg_temp.stable(webhooks.save_webhook($${
    "id": 0, "name": "shipping", "description": "parcels", "account": "7", "signature": "github", "secret": "a long enough secret",
    "endpoints": ["https://example.com/b", {"url": "https://example.com/a"}],
    "events": ["lead:won", {"name": "order:paid", "payload": {"total": null, "id": "[@data:id]"}}, "lead:*", {"name": "party:*", "payload": "capsule"},
               {"type": "table.recordUpdate", "on_table": "orders", "fields": ["total", "status"], "condition": "NEW.total > 0", "payload": "hubspot"},
               {"type": "table.recordInsert", "on_table": "public.orders"}],
    "state": "paused", "headers": {"X-Team": "blue"}, "handshake_key": "hello", "throttle_calls": 10, "throttle_per": "60s",
    "batch_size": 5, "max_in_flight": 2, "ordering": "strict", "timeout": 1.5, "retry_schedule": ["90m", "1 day"],
    "when_exhausted": "keep", "properties": {"a": [1, null]}, "errors_email": "ops@example.com", "payload": {"x": null}}$$));
SELECT FROM webhooks.start_webhook('shipping');
SELECT webhooks.emit('lead:won', '{}', account => '7') IS NOT NULL AS emitted;

-- What was read can be saved, whatever the session's settings, and changes nothing: not a row is written.
CREATE TABLE pg_temp.before AS
SELECT (SELECT jsonb_agg(to_jsonb(w) || jsonb_build_object('x', w.xmin::text) ORDER BY id) FROM webhooks.webhook w) AS webhooks,
       (SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('x', e.xmin::text) ORDER BY id) FROM webhooks.event e) AS events,
       (SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('x', e.xmin::text) ORDER BY id) FROM webhooks.endpoint e) AS endpoints,
       (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('x', s.xmin::text) ORDER BY webhook_id, event_id) FROM webhooks.subscription s) AS subscriptions,
       (SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('x', p.xmin::text) ORDER BY webhook_id, pattern) FROM webhooks.subscription_pattern p) AS patterns,
       (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('x', s.xmin::text) ORDER BY id) FROM webhooks.secret s) AS secrets,
       (SELECT jsonb_agg(to_jsonb(h) || jsonb_build_object('x', h.xmin::text) ORDER BY id) FROM webhooks.header h) AS headers;
CREATE VIEW pg_temp.is_untouched AS
SELECT b.webhooks = (SELECT jsonb_agg(to_jsonb(w) || jsonb_build_object('x', w.xmin::text) ORDER BY id) FROM webhooks.webhook w) AS webhooks,
       b.events = (SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('x', e.xmin::text) ORDER BY id) FROM webhooks.event e) AS events,
       b.endpoints = (SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('x', e.xmin::text) ORDER BY id) FROM webhooks.endpoint e) AS endpoints,
       b.subscriptions = (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('x', s.xmin::text) ORDER BY webhook_id, event_id) FROM webhooks.subscription s) AS subscriptions,
       b.patterns = (SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('x', p.xmin::text) ORDER BY webhook_id, pattern) FROM webhooks.subscription_pattern p) AS patterns,
       b.secrets = (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('x', s.xmin::text) ORDER BY id) FROM webhooks.secret s) AS secrets,
       b.headers = (SELECT jsonb_agg(to_jsonb(h) || jsonb_build_object('x', h.xmin::text) ORDER BY id) FROM webhooks.header h) AS headers
FROM pg_temp.before b;
SELECT webhooks.get_webhook('shipping') AS definition, webhooks.export_config() AS config \gset
SET intervalstyle = 'sql_standard';
SET search_path = '';
SET datestyle = 'German';
SELECT webhooks.get_webhook('shipping') = :'definition'::jsonb AS same_definition, webhooks.export_config() = :'config'::jsonb AS same_config;
SELECT webhooks.save_webhook(webhooks.get_webhook('shipping')) = webhooks.get_webhook('shipping') AS same;
SELECT * FROM webhooks.apply_config(webhooks.export_config());
SELECT * FROM webhooks.apply_config(webhooks.export_config(secrets => false), dry_run => true);
SELECT * FROM webhooks.apply_config('{}');
RESET search_path;
RESET datestyle;
RESET intervalstyle;
SELECT * FROM pg_temp.is_untouched;

-- Changing: what is left out stays; a null is none where there can be none; the rest goes on.
SELECT pg_temp.stable(webhooks.save_webhook('{"name": "shipping", "account": null, "throttle_calls": 0, "timeout": null, "headers": null,
    "endpoints": ["https://example.com/a", "https://example.com/c"], "events": ["lead:won", "order:paid", "party:*",
    {"type": "table.recordUpdate", "on_table": "orders", "fields": ["status", "total"], "condition": " NEW.total > 0"}]}'));
SELECT * FROM pg_temp.is_untouched;
SELECT event, url, count(*) FROM webhooks.pending_delivery p JOIN webhooks.endpoint e ON e.id = p.endpoint_id,
    LATERAL (SELECT v.name AS event FROM webhooks.event v WHERE v.id = p.event_id) AS n GROUP BY 1, 2 ORDER BY 1, 2;
SELECT webhooks.reveal_secret('shipping');
-- Another URL in place of the only one gets what waits for that.
SELECT FROM webhooks.save_webhook('{"name": "single", "url": "https://example.com/old", "events": ["lead:won"]}');
SELECT FROM webhooks.emit('lead:won');
SELECT d -> 'endpoints' -> 0 ->> 'url' AS url FROM webhooks.save_webhook('{"name": "single", "url": "https://example.com/new"}') AS d;
SELECT webhook, url, pending FROM webhooks.endpoint_stats WHERE webhook = 'single';
SELECT FROM webhooks.drop_webhook('single');
-- By its id it gets another name.
SELECT id FROM webhooks.webhook WHERE name = 'shipping' \gset
SELECT d ->> 'name' AS name, d ->> 'id' = :'id' AS same FROM webhooks.save_webhook(jsonb_build_object('id', :'id'::bigint, 'name', 'parcels')) AS d;
-- A secret that is said again stays with another signature; one that is not is made.
SELECT d ->> 'secret' AS secret FROM webhooks.save_webhook(webhooks.get_webhook('parcels') || '{"signature": "shopify"}') AS d;
SELECT d ->> 'secret' <> 'a long enough secret' AS made FROM webhooks.save_webhook('{"name": "parcels", "signature": "standard"}') AS d;
SELECT webhooks.get_webhook('parcels') -> 'secret' IS NOT NULL AS shown, webhooks.save_webhook('{"name": "parcels", "signature": "none"}') -> 'secret' AS secret;
SELECT webhooks.save_webhook(webhooks.get_webhook('parcels')) -> 'signature' AS signature;

-- What one asked for by name takes the webhook's payload, though a pattern that catches it has one.
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "least", "events": [{"name": "lead:*", "payload": "capsule"}]}') AS d;
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "least", "events": [{"name": "lead:*", "payload": "capsule"}, "lead:won"]}') AS d;
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "least", "events": ["lead:*", {"name": "lead:won", "payload": "hubspot"}]}') AS d;
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "least", "events": []}') AS d;

-- Who changed it, and when: whatever belongs to it.
CREATE FUNCTION pg_temp.notes(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    noted boolean;
BEGIN
    UPDATE webhooks.webhook SET changed_at = '2020-01-01', changed_by = 'nobody' WHERE name = 'least';
    EXECUTE statement;
    SELECT changed_at = now() AND changed_by = current_user INTO noted FROM webhooks.webhook WHERE name = 'least';
    RETURN noted;
END $$;
UPDATE webhooks.endpoint SET state = 'disabled', state_reason = 'test' WHERE url = 'https://example.com/least';
SELECT pg_temp.notes(statement), statement FROM unnest(ARRAY[
    $$SELECT webhooks.add_endpoint('least', 'https://example.com/more')$$,
    $$SELECT webhooks.remove_endpoint('least', 'https://example.com/more')$$,
    $$SELECT webhooks.enable_endpoint('least', 'https://example.com/least')$$,
    $$SELECT webhooks.enable_endpoint('least', 'https://example.com/least')$$,
    $$SELECT webhooks.subscribe('least', '{lead:won}')$$,
    $$SELECT webhooks.subscribe('least', '{lead:won}')$$,
    $$SELECT webhooks.subscribe('least', '{lead:won}', '"capsule"')$$,
    $$SELECT webhooks.subscribe('least', '{lead:*}')$$,
    $$SELECT webhooks.subscribe('least', '{lead:*}')$$,
    $$SELECT webhooks.unsubscribe('least', '{lead:*}')$$,
    $$SELECT webhooks.unsubscribe('least', '{lead:won}')$$,
    $$SELECT webhooks.add_event('least', 'table.recordDelete', 'orders')$$,
    $$SELECT webhooks.add_event('least', 'table.recordDelete', 'orders')$$,
    $$SELECT webhooks.rotate_secret('least')$$,
    $$SELECT webhooks.alter_webhook('least', headers => '{"X-A": "b"}')$$,
    $$SELECT webhooks.pause_webhook('least')$$,
    $$SELECT webhooks.pause_webhook('least')$$,
    $$SELECT webhooks.start_webhook('least')$$,
    $$SELECT webhooks.save_webhook(webhooks.get_webhook('least'))$$]) AS statement;

-- The whole configuration. Ids and times are not in it, and order is by name.
SELECT jsonb_pretty(webhooks.export_config(secrets => false));
SELECT jsonb_path_query_array(webhooks.export_config(), '$.webhooks[*].keyvalue() ? (@.key == "headers" || @.key == "handshake_key").value') AS shown;

-- Applied as a difference: the same lines for a dry run, which leaves nothing behind.
CREATE TABLE pg_temp.config AS SELECT webhooks.export_config() AS config;
SELECT $${"version": 1,
    "events": [{"name": "lead:lost"}, {"name": "lead:won", "description": "at last"},
               {"name": "order:paid", "type": "table.recordUpdate", "on_table": "public.orders", "fields": ["status"],
                "condition": "NEW.status =\n    'paid'", "account": "NEW.id", "key": "NEW.id"}],
    "webhooks": [{"name": "filled", "timeout": "30 seconds", "state": "paused", "headers": {"Authorization": "Bearer not shown"},
                  "handshake_key": "not shown", "retry_schedule": [], "endpoints": ["https://example.com/other"],
                  "events": ["lead:won", {"type": "table.recordInsert", "on_table": "orders", "condition": "NEW.total > 1"}]},
                 {"name": "new", "url": "https://example.com/new", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "batch_size": 7,
                  "headers": {"X-Team": "not shown"}, "events": [{"name": "lead:*", "payload": "capsule"}]},
                 {"name": "parcels", "events": ["lead:won", {"name": "order:paid", "payload": "hubspot"}]}]}$$ AS wanted \gset
CREATE TABLE pg_temp.lines AS SELECT line FROM webhooks.apply_config(:'wanted', dry_run => true) AS line;
TABLE pg_temp.lines;
SELECT webhooks.export_config() = config AS same FROM pg_temp.config;
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT array_agg(line) = (SELECT array_agg(line) FROM pg_temp.lines) AS same FROM webhooks.apply_config(:'wanted') AS line;
SELECT * FROM webhooks.apply_config(:'wanted');
SELECT FROM webhooks.apply_config(webhooks.export_config());
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY oid;
SELECT webhooks.reveal_secret('new'), webhooks.get_webhook('new') ->> 'timeout' AS timeout;

-- A dry run tells nothing but the difference.
SELECT * FROM webhooks.apply_config('{"webhooks": [{"name": "new", "signature": "github"}, {"name": "filled"}, {"name": "parcels"}]}', dry_run => true);

-- Back again, where what was dropped is made anew.
SELECT * FROM webhooks.apply_config((SELECT config FROM pg_temp.config));
SELECT webhooks.export_config() = config AS same FROM pg_temp.config;

-- Sections that are left out are left alone; empty ones leave nothing.
SELECT * FROM webhooks.apply_config('{"events": null}');
SELECT * FROM webhooks.apply_config('{"webhooks": []}');
SELECT * FROM webhooks.apply_config('{"events": []}');
SELECT webhooks.export_config();

-- Applied to nothing it gives the same, secrets too; without secrets, those are made.
SELECT count(*) > 0 AS changed FROM webhooks.apply_config((SELECT config FROM pg_temp.config));
SELECT webhooks.export_config() = config AS same FROM pg_temp.config;
SELECT webhooks.export_config(secrets => false) AS config \gset
SELECT FROM webhooks.apply_config('{"webhooks": [], "events": []}');
SELECT count(*) > 0 AS changed FROM webhooks.apply_config(:'config');
SELECT webhooks.export_config(secrets => false) = :'config'::jsonb AS same;
SELECT name, secret IS NOT NULL AS has_secret FROM webhooks.webhook w LEFT JOIN webhooks.secret s ON s.webhook_id = w.id ORDER BY name;

-- What is renamed has its name of today; the product's own events are not among the events.
ALTER TABLE orders RENAME total TO sum;
SELECT FROM webhooks.subscribe('least', '{webhook.errors}');
SELECT jsonb_path_query_array(webhooks.export_config(), '$.webhooks[*].events[*] ? (@.condition != null)') AS events,
       jsonb_path_query_array(webhooks.export_config(), '$.events[*].name') AS names, jsonb_path_query_array(webhooks.export_config(), '$.events[*].fields[*]') AS fields;
SELECT * FROM webhooks.apply_config(webhooks.export_config());
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "parcels", "events": [{"type": "table.recordUpdate", "on_table": "orders", "fields": ["sum", "status"], "condition": "NEW.sum > 0"}]}') AS d;
SELECT * FROM webhooks.apply_config(webhooks.export_config(secrets => false) - 'events');

-- What becomes of one webhook stands under that one's name: its number is another's elsewhere.
CREATE FUNCTION pg_temp.of_filled(event text) RETURNS text LANGUAGE sql AS $$ SELECT format('webhook%s.%s', id, event) FROM webhooks.webhook WHERE name = 'filled' $$;
SELECT FROM webhooks.subscribe('least', ARRAY[pg_temp.of_filled('errors'), pg_temp.of_filled('st*')]);
SELECT webhooks.get_webhook('least') -> 'events' ?& ARRAY[pg_temp.of_filled('errors'), pg_temp.of_filled('st*')] AS by_number;
SELECT webhooks.export_config() AS config \gset
SELECT jsonb_path_query(:'config', '$.webhooks[*] ? (@.name == "least").events') AS by_name;
BEGIN;
SELECT FROM webhooks.apply_config('{"webhooks": [], "events": []}');
SELECT line FROM webhooks.apply_config(:'config') AS line WHERE line ~ 'of webhook';
SELECT webhooks.export_config() = :'config' AS same, webhooks.get_webhook('least') -> 'events' ?& ARRAY[pg_temp.of_filled('errors'), pg_temp.of_filled('st*')] AS by_number;
SELECT * FROM webhooks.apply_config(:'config');
-- With its number, too, where that is known.
SELECT * FROM webhooks.apply_config(jsonb_build_object('webhooks', jsonb_path_query_array(:'config', '$.webhooks[*] ? (@.name != "least")')
    || jsonb_build_object('name', 'least', 'events', ARRAY['webhook.errors', pg_temp.of_filled('errors'), pg_temp.of_filled('st*')])));
ROLLBACK;

-- A pattern that is left of a webhook that is no more is nobody's elsewhere.
BEGIN;
SELECT id AS passing_id FROM webhooks.create_webhook('passing', 'https://example.com/') \gset
SELECT FROM webhooks.subscribe('least', ARRAY['webhook' || :passing_id || '.*']);
SELECT FROM webhooks.drop_webhook('passing');
SELECT webhooks.export_config() = :'config' AS same;
SELECT * FROM webhooks.apply_config(webhooks.export_config());
ROLLBACK;

-- Events on a table that is gone are in the document too, and applying it leaves them alone.
DROP TABLE orders;
SELECT * FROM webhooks.apply_config(webhooks.export_config());

-- Conditions are read with the caller's search_path.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.leads (id int PRIMARY KEY, stage text);
CREATE FUNCTION elsewhere.is_won(stage text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT stage = 'won' $$;
SET search_path = elsewhere;
SELECT d -> 'events' AS events FROM webhooks.save_webhook('{"name": "elsewhere", "url": "https://example.com/e",
    "events": [{"type": "table.recordInsert", "on_table": "leads", "condition": "is_won(NEW.stage)"}]}') AS d;
RESET search_path;
SELECT * FROM webhooks.apply_config(webhooks.export_config());

-- Without secrets for who may not read them.
CREATE ROLE regress_webhooks_viewer;
GRANT USAGE ON SCHEMA webhooks TO regress_webhooks_viewer;
GRANT SELECT ON webhooks.webhook, webhooks.endpoint, webhooks.event, webhooks.subscription, webhooks.subscription_pattern TO regress_webhooks_viewer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA webhooks TO regress_webhooks_viewer;
SET ROLE regress_webhooks_viewer;
SELECT webhooks.get_webhook('elsewhere') ?| '{secret,headers,handshake_key}' AS shown, webhooks.get_webhook('elsewhere') ->> 'name' AS name;
SELECT webhooks.export_config() = webhooks.export_config(secrets => false) AS without;
RESET ROLE;
DROP OWNED BY regress_webhooks_viewer;
DROP ROLE regress_webhooks_viewer;
DROP SCHEMA elsewhere CASCADE;
