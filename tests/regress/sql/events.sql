-- Events: named ones, generated ones, and what makes two of them the same.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text, total numeric);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT id FROM webhooks.create_webhook('billing', 'https://example.com/hooks');

-- The same wish is the same event, in whatever order its fields come, and for every webhook.
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders');
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders');
SELECT webhooks.add_event('billing', 'table.recordInsert', 'orders');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{total,status}');
SELECT webhooks.add_event('billing', 'table.recordUpdate', 'orders', '{status,total,status}');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', condition => $$NEW.status = 'shipped'$$);
SELECT webhooks.add_event('billing', 'table.recordUpdate', 'orders', condition => $$  NEW.status = 'shipped'
$$);

-- Anything else is another.
SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{status}');
SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', '{status}', $$NEW.status = 'shipped'$$);
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders', condition => $$NEW.status = 'shipped'$$);

-- Named ones, with and without a table.
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders', description => 'somebody ordered');
SELECT FROM webhooks.create_event(
    name => 'order:shipped', type => 'table.recordUpdate', on_table => 'orders', fields => '{status}',
    condition => $$NEW.status = 'shipped'$$, description => NULL);
SELECT FROM webhooks.create_event('party/created');

SELECT id, name, named, type, on_table, object_schema, object_name, fields, condition, description
FROM webhooks.event ORDER BY id;
SELECT w.name AS webhook, array_agg(s.event_id ORDER BY s.event_id) AS events
FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id GROUP BY w.name ORDER BY w.name;

-- A dropped one keeps its row for the messages that refer to it; nothing else is left.
SELECT FROM webhooks.subscribe('billing', '{order:new}');
SELECT FROM webhooks.drop_event('order:new');
SELECT name, dropped_at IS NOT NULL AS dropped FROM webhooks.event WHERE name = 'order:new';
SELECT FROM webhooks.drop_event('table.recordInsert:public.orders:1');
SELECT w.name AS webhook, array_agg(s.event_id ORDER BY s.event_id) AS events
FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id GROUP BY w.name ORDER BY w.name;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgtype & 4 > 0;

-- Its name, or what it was about, is free again.
SELECT FROM webhooks.create_event('order:new');
SELECT webhooks.add_event('billing', 'table.recordInsert', 'orders');

DROP TABLE orders;
