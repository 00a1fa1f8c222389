-- What is wrong with a definition or a document, and where.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT id FROM webhooks.create_webhook('billing', 'https://example.com/hooks');
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');

SELECT c.* FROM unnest(ARRAY[
    NULL, '[]', '{}', '{"nam": "x"}', '{"name": "x"}', '{"name": "x", "endpoints": []}', '{"name": "shipping", "endpoints": []}',
    '{"name": "x", "url": "ftp://x/"}', '{"name": "x", "url": "https://example.com/", "endpoints": ["https://example.com/"]}',
    '{"name": "x", "endpoints": "https://example.com/"}', '{"name": "x", "endpoints": [7]}', '{"name": "x", "url": 7}', '{"name": "x", "endpoints": [{"ulr": "x"}]}',
    '{"name": "x", "endpoints": [{}]}', '{"name": ["x"], "url": "https://example.com/"}',
    '{"name": "shipping", "time_out": "1s"}', '{"name": "shipping", "timeout": "soon"}', '{"name": "shipping", "timeout": {"seconds": 1}}',
    '{"name": "shipping", "timeout": "2 hours"}', '{"name": "shipping", "max_in_flight": 1.5}', '{"name": "shipping", "batch_size": 99999999999}',
    '{"name": "shipping", "retry_schedule": "5s"}', '{"name": "shipping", "retry_schedule": ["5s", null]}', '{"name": "shipping", "retry_schedule": [["5s"]]}',
    '{"name": "shipping", "headers": {"Host": "x"}}', '{"name": "shipping", "secret": "short"}', '{"name": "shipping", "properties": []}',
    '{"name": "shipping", "state": "on"}', '{"name": "shipping", "verify": "yes"}', '{"id": "one", "name": "shipping"}',
    '{"id": 77, "name": "shipping"}', '{"id": 1, "name": "billing"}', '{"id": 1, "name": ""}', '{"name": "shipping", "payload": "nice"}',
    '{"name": "shipping", "events": "lead:won"}', '{"name": "shipping", "events": ["lead:own"]}', '{"name": "shipping", "events": [7]}',
    '{"name": "shipping", "events": [{"event": "lead:won"}]}', '{"name": "shipping", "events": [{"name": "lead:won", "type": "table.recordInsert"}]}',
    '{"name": "shipping", "events": [{"type": "table.recordInsert"}]}', '{"name": "shipping", "events": [{"type": "insert", "on_table": "orders"}]}',
    '{"name": "shipping", "events": [{"type": "table.recordInsert", "on_table": "no"}]}', '{"name": "shipping", "events": [{}]}',
    '{"name": "shipping", "events": [{"type": "table.recordUpdate", "on_table": "orders", "fields": "status"}]}',
    '{"name": "shipping", "events": [{"type": "table.recordInsert", "on_table": "orders", "condition": "NEW.no"}]}',
    '{"name": "shipping", "events": [{"name": "order:new", "payload": {"a": "[@field:no]"}}]}'
]) WITH ORDINALITY AS g (definition, n), pg_temp.complaint(format('SELECT webhooks.save_webhook(%L::jsonb)', g.definition)) c ORDER BY n \gx

SELECT c.* FROM unnest(ARRAY[
    NULL, '[]', '{"hooks": []}', '{"version": 2}', '{"version": "1"}', '{"webhooks": {}}', '{"events": "lead:won"}',
    '{"events": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}', '{"webhooks": [{"name": "a"}, {"name": "a"}]}', '{"webhooks": ["a"]}',
    '{"webhooks": [{"url": "https://example.com/"}]}', '{"webhooks": [{"name": "shipping", "verify": true}]}', '{"events": ["lead:won"]}', '{"events": [{"type": "table.recordInsert", "on_table": "orders"}]}',
    '{"events": [{"name": "webhook.mine"}]}', '{"events": [{"name": "order:new"}]}', '{"events": [{"name": "lead:won", "fields": ["a"]}]}',
    '{"events": [{"name": "lead:won"}, {"name": "order:new", "type": "table.recordInsert", "on_table": "orders", "data": "NEW.no"}]}',
    '{"webhooks": [{"name": "billing"}, {"name": "shipping", "timeout": "2 hours"}]}',
    '{"events": [{"name": "lead:new"}], "webhooks": [{"name": "billing"}, {"name": "shipping", "events": ["lead:new", "lead:won"]}]}',
    '{"events": [{"name": "lead:new"}], "webhooks": [{"name": "billing"}, {"name": "shipping", "events": [{"name": "lead:won", "payload": "capsule"}]}]}',
    '{"webhooks": [{"name": "shipping", "events": [{"name": "webhook.errors", "webhook": "billing"}]}]}',
    '{"webhooks": [{"name": "shipping", "events": [{"name": "webhook.errors", "webhook": "filling"}]}]}',
    '{"webhooks": [{"name": "shipping", "events": [{"name": "lead:won", "webhook": "billing"}]}]}'
]) WITH ORDINALITY AS g (config, n), pg_temp.complaint(format('SELECT webhooks.apply_config(%L::jsonb)', g.config)) c ORDER BY n \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.apply_config('{}', NULL)$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.export_config(NULL)$$) \gx

-- A dry run complains of the same, with the place.
SELECT webhooks.apply_config('{"events": [{"name": "new"}], "webhooks": [{"name": "billing"}, {"name": "shipping", "timeout": "2 hours"}]}');
SELECT webhooks.apply_config('{"events": [{"name": "new"}], "webhooks": [{"name": "billing"}, {"name": "shipping", "timeout": "2 hours"}]}', dry_run => true);
SELECT webhooks.apply_config('{"events": [{"name": "order:new", "type": "table.recordInsert", "on_table": "orders", "condition": "NEW.status = 7"}]}', dry_run => true);
SELECT webhooks.get_webhook('shiping');

-- None of it has changed anything.
SELECT jsonb_path_query_array(webhooks.export_config(), '$.webhooks[*].name') AS webhooks, webhooks.export_config() -> 'events' AS events;
SELECT name, changed_at = created_at AS untouched FROM webhooks.webhook ORDER BY name;
DROP TABLE orders;
