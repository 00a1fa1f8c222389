-- Patterns: subscriptions that follow the names of events.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, status text);
CREATE TABLE public.others (id int PRIMARY KEY, note text);
CREATE VIEW pg_temp.subscriptions AS
SELECT w.name AS webhook, e.name AS event, s.by_name, s.payload FROM webhooks.subscription s
JOIN webhooks.webhook w ON w.id = s.webhook_id JOIN webhooks.event e ON e.id = s.event_id ORDER BY w.name, e.name COLLATE "C";
SELECT count(webhooks.create_webhook(name, 'https://example.com/hooks')) FROM unnest('{one,two}'::text[]) AS name;

-- What a pattern matches.
SELECT pattern, array_agg(name ORDER BY name COLLATE "C") FILTER (WHERE webhooks.is_caught(name, pattern)) AS caught
FROM unnest(ARRAY['*', 'lead:*', '*:created', 'l*d:*e*', '**', 'webhook*', 'webhook.*', 'webhook17.*', 'webhooks*', 'a_*', 'a%*', 'a\*', 'a.*', 'Lead*']) WITH ORDINALITY AS p (pattern, n),
     unnest(ARRAY['lead:won', 'lead:created', 'party:created', 'lead', 'webhook.started', 'webhook17.errors', 'webhooks.are', 'webhook:won', 'a_b', 'axb', 'a%b', 'a\b', 'a.b']) AS name
GROUP BY pattern, n ORDER BY n;

-- What there is, and what comes later; unnamed events never.
SELECT FROM webhooks.create_event('lead:won');
SELECT webhooks.add_event('two', 'table.recordInsert', 'orders') AS unnamed \gset
SELECT FROM webhooks.subscribe('one', '{lead:*,table.*,nothing*}');
SELECT FROM webhooks.create_event('lead:lost', 'table.recordDelete', 'orders');
SELECT FROM webhooks.create_event('party:won');
TABLE pg_temp.subscriptions;
SELECT pattern, payload FROM webhooks.subscription_pattern ORDER BY pattern COLLATE "C";

-- The messages that it brings, from the start.
BEGIN;
SELECT FROM webhooks.create_event('lead:new');
SELECT webhooks.emit('lead:new', '{"n": 1}') IS NOT NULL AS emitted;
COMMIT;
SELECT webhook, event FROM webhooks.pending_delivery p JOIN webhooks.webhook w ON w.id = p.webhook_id JOIN webhooks.event e ON e.id = p.event_id,
    LATERAL (SELECT w.name AS webhook, e.name AS event) AS n;

-- A name that a pattern catches can be asked for too, and stays when the pattern goes.
SELECT FROM webhooks.subscribe('one', '{lead:won}');
SELECT FROM webhooks.unsubscribe('one', '{lead:*}');
TABLE pg_temp.subscriptions;
SELECT count(*) AS pending FROM webhooks.pending_delivery;
SELECT FROM webhooks.create_event('lead:late');
SELECT event FROM pg_temp.subscriptions WHERE webhook = 'one';

-- One that two patterns catch stays until both are gone; what is pending stays as long.
SELECT FROM webhooks.subscribe('one', '{lead:*,*:new}');
SELECT webhooks.emit('lead:new', '{"n": 2}') IS NOT NULL AS emitted;
SELECT FROM webhooks.unsubscribe('one', '{lead:*}');
SELECT event, by_name FROM pg_temp.subscriptions WHERE webhook = 'one';
SELECT count(*) AS pending FROM webhooks.pending_delivery;
SELECT FROM webhooks.unsubscribe('one', '{*:new}');
SELECT event, by_name FROM pg_temp.subscriptions WHERE webhook = 'one';
SELECT count(*) AS pending FROM webhooks.pending_delivery;

-- A single name that is caught cannot be left out; one that was asked for becomes the pattern's.
SELECT FROM webhooks.subscribe('one', '{lead:*}');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('one', '{lead:lost}')$$) \gx
SELECT FROM webhooks.unsubscribe('one', '{lead:won}');
SELECT event, by_name FROM pg_temp.subscriptions WHERE webhook = 'one' AND event = 'lead:won';
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('one', '{party:won}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('one', '{party:*}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('two', '{party:*}')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('two', ARRAY[E'lead:*\t'])$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('two', '{lead:*,lead:none}')$$) \gx
SELECT count(*) FROM webhooks.subscription_pattern p JOIN webhooks.webhook w ON w.id = p.webhook_id WHERE w.name = 'two';

-- Names that change.
SELECT FROM webhooks.alter_event('lead:late', new_name => 'deal:late');
SELECT FROM webhooks.alter_event('party:won', new_name => 'lead:party');
SELECT FROM webhooks.alter_event('lead:won', new_name => 'lead:won!');
SELECT FROM webhooks.drop_event('lead:new');
SELECT event, by_name FROM pg_temp.subscriptions WHERE webhook = 'one';
SELECT FROM webhooks.create_event('lead:new');
SELECT event FROM pg_temp.subscriptions WHERE webhook = 'one';

-- Payloads: of several patterns the longest counts; one that was given with a name stays.
SELECT FROM webhooks.subscribe('two', '{*}');
SELECT FROM webhooks.subscribe('two', '{lead:*}', '"capsule"');
SELECT FROM webhooks.subscribe('two', '{lead:new}', '"hubspot"');
SELECT FROM webhooks.subscribe('two', '{lead:w*}', '"standard"');
SELECT event, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two';
SELECT FROM webhooks.subscribe('two', '{lead:*}', '"superoffice"');
SELECT FROM webhooks.subscribe('two', '{lead:*}');
SELECT FROM webhooks.unsubscribe('two', '{lead:w*}');
SELECT event, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two';
SELECT FROM webhooks.unsubscribe('two', '{lead:new,*,lead:*}');
SELECT event = :'unnamed' AS unnamed, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two';

-- A template that an event has no columns for is an error for who asks for it, and not for who makes the event.
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
SELECT FROM webhooks.create_event('other:new', 'table.recordInsert', 'others');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('two', '{*:new}', '{"s": "[@field:status]"}')$$) \gx
SELECT FROM webhooks.subscribe('two', '{order:*,oth*}', '{"s": "[@data]"}');
SELECT FROM webhooks.subscribe('two', '{order:*}', '{"s": "[@field:status]"}');
SELECT FROM webhooks.create_event('order:other', 'table.recordUpdate', 'others');
SELECT FROM webhooks.create_event('order:emitted');
SELECT event, payload FROM pg_temp.subscriptions WHERE webhook = 'two' AND by_name = false;
SELECT FROM webhooks.subscribe('two', '{order:other}', '{"s": "[@field:note]"}');
SELECT FROM webhooks.alter_event('order:other', on_table => 'orders', type => 'table.recordDelete');
SELECT FROM webhooks.subscribe('two', '{order:other}', '{"s": "[@field:id]"}');
SELECT FROM webhooks.alter_event('order:other', on_table => 'orders', type => 'table.recordDelete');
-- It is caught as soon as it has them, and left alone when the pattern that remains does not fit.
SELECT FROM webhooks.create_event('order:later', 'table.recordUpdate', 'others');
SELECT FROM webhooks.alter_event('order:later', on_table => 'orders');
SELECT event, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two' AND event = 'order:later';
SELECT FROM webhooks.create_event('order:last', 'table.recordUpdate', 'others');
SELECT FROM webhooks.subscribe('two', '{order:last}', '"default"');
SELECT FROM webhooks.unsubscribe('two', '{order:last}');
SELECT event, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two' AND event = 'order:last';

-- The webhook's own payload, where the pattern has none.
SELECT FROM webhooks.unsubscribe('two', '{order:*}');
SELECT FROM webhooks.alter_webhook('two', payload => '{"s": "[@field:status]"}');
SELECT FROM webhooks.subscribe('two', '{order:n*}');
SELECT FROM webhooks.create_event('order:none', 'table.recordDelete', 'others');
SELECT FROM webhooks.alter_webhook('two', payload => '"default"');
SELECT event, by_name, payload FROM pg_temp.subscriptions WHERE webhook = 'two' AND event LIKE 'order:n%';
SELECT FROM webhooks.alter_webhook('two', payload => '{"s": "[@field:status]"}');

-- Patterns go with their webhook.
SELECT FROM webhooks.drop_webhook('two');
SELECT w.name, p.pattern FROM webhooks.subscription_pattern p JOIN webhooks.webhook w ON w.id = p.webhook_id ORDER BY p.pattern COLLATE "C";
SELECT FROM webhooks.create_event('order:orphan');
DROP TABLE orders, others;
