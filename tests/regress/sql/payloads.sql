-- Payloads: what is stored, what is refused and where, and what a receiver would get.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE orders (id bigint PRIMARY KEY, status text, total numeric, "PK ID" uuid);
SELECT id FROM webhooks.create_webhook('plain', 'https://example.com/plain');
SELECT id FROM webhooks.create_webhook('shaped', 'https://example.com/shaped', handshake_key => 'gfhkd1asfsa',
                                       payload => '"clinchpad"');
SELECT name, handshake_key, payload FROM webhooks.webhook ORDER BY id;

-- Changed, left alone, and taken away.
SELECT FROM webhooks.alter_webhook('shaped', payload => '{"id": "[@field:id]"}');
SELECT FROM webhooks.alter_webhook('shaped', description => 'other');
SELECT handshake_key, payload FROM webhooks.webhook WHERE name = 'shaped';
SELECT FROM webhooks.alter_webhook('shaped', handshake_key => '', payload => '"default"');
SELECT handshake_key, payload FROM webhooks.webhook WHERE name = 'shaped';

-- Each preset is one.
SELECT count(webhooks.alter_webhook('plain', payload => to_jsonb(preset)))
FROM unnest('{standard,cloudevents,capsule,clinchpad,hubspot,superoffice,default}'::text[]) AS preset;

-- Of a subscription: kept when it is subscribed again without, replaced with another.
SELECT webhooks.add_event('plain', 'table.recordInsert', 'orders', payload => '"hubspot"') AS event \gset
SELECT payload FROM webhooks.subscription;
SELECT FROM webhooks.subscribe('plain', ARRAY[:'event']);
SELECT payload FROM webhooks.subscription;
SELECT FROM webhooks.subscribe('plain', ARRAY[:'event'], payload => '["[@field:PK ID]"]');
SELECT payload FROM webhooks.subscription;
SELECT webhooks.add_event('plain', 'table.recordInsert', 'orders', payload => '"capsule"') = :'event' AS same;
SELECT payload FROM webhooks.subscription;

-- What is refused says where and what there is.
\set VERBOSITY sqlstate
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => '"superofice"');
SELECT webhooks.subscribe('plain', ARRAY[:'event'], payload => '"[@field:lost]"');
\set VERBOSITY default
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => NULL);
SELECT webhooks.create_webhook('none', 'https://example.com/', handshake_key => repeat('x', 1001));
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => '"superofice"');
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => '{"a": ["x", "größe [@out-hook:evntId]"]}');
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => '"[@field:]"');
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => '{"a/b": "[@field:id"}');
SELECT webhooks.create_webhook('none', 'https://example.com/', payload => to_jsonb(repeat('[@data]', 10000)));
SELECT webhooks.create_webhook('none', 'https://example.com/',
                               payload => (repeat('[', 66) || repeat(']', 66))::jsonb);
SELECT webhooks.subscribe('plain', ARRAY[:'event'], payload => '"[@nothing]"');

-- A column must be there: for a subscription with its own payload, for one with the webhook's, and for those there are.
SELECT webhooks.subscribe('plain', ARRAY[:'event'], payload => '{"a": "[@field:id] [@field:statuss]"}');
SELECT webhooks.add_event('plain', 'table.recordUpdate', 'orders', payload => '{"a": "[@old:Status]"}');
SELECT FROM webhooks.alter_webhook('shaped', payload => '{"a": "[@field:lost]"}');
SELECT FROM webhooks.subscribe('shaped', ARRAY[:'event']);
SELECT FROM webhooks.alter_webhook('shaped', payload => '{"a": "[@field:status]"}');
SELECT FROM webhooks.subscribe('shaped', ARRAY[:'event']);
SELECT FROM webhooks.alter_webhook('shaped', payload => '{"a": "[@field:lost]"}');
-- One with its own payload is no reason, nor is an event that is only emitted, nor a path.
SELECT FROM webhooks.alter_webhook('plain', payload => '{"a": "[@field:lost]"}');
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.subscribe('plain', '{lead:won}');
SELECT FROM webhooks.subscribe('plain', ARRAY[:'event'], payload => '"[@data:lost.0]"');
SELECT w.name, e.name, s.payload
FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id JOIN webhooks.event e ON e.id = s.event_id
ORDER BY w.id, e.id;

-- What would be sent.
SELECT FROM webhooks.preview('shaped', 'lead:won');
SELECT FROM webhooks.preview('shaped', 'lead:lost');
SELECT FROM webhooks.preview('shapes', 'lead:won');
INSERT INTO orders VALUES (1, 'new', 1.10), (2, 'größer "als"', 12345678901234567890.10);
SELECT FROM webhooks.alter_webhook('shaped', handshake_key => 'k', headers => '{"X-Team": "blue", "Authorization": "Bearer s3cr3t"}',
    payload => '{"id": "[@field:id]", "text": "<[@field:status]>", "total": "[@field:total]", "none": "[@field:PK ID]",
                 "key": "[@out-hook:handshakeKey]", "table": "[@out-hook:objectName]", "attempt": "[@out-hook:attempt]"}');
SELECT body FROM webhooks.preview('shaped', :'event');
SELECT key, CASE WHEN key IN ('authorization', 'content-type', 'webhook-attempt', 'x-team') THEN value END
FROM webhooks.preview('shaped', :'event'), jsonb_each_text(headers) ORDER BY key COLLATE "C";
SELECT FROM webhooks.alter_webhook('shaped', payload => '"cloudevents"', batch_size => 2);
SELECT headers->>'content-type' AS content_type,
       regexp_replace(regexp_replace(body, 'msg_\w+', 'msg_…'), '"time":"[^"]+"', '"time":"…"') AS body
FROM webhooks.preview('shaped', :'event');
-- The newest: of another event it is another message.
SELECT webhooks.emit('lead:won', '{"n": 1}') AS first, webhooks.emit('lead:won', '{"n": 2}') AS second \gset
SELECT headers->>'webhook-id' = :'second' AS newest, body::jsonb->0->'data' AS data FROM webhooks.preview('shaped', 'lead:won');
-- A payload written by hand that is none is no reason for the others.
UPDATE webhooks.webhook SET payload = '"nothing"' WHERE name = 'shaped';
SELECT FROM webhooks.preview('shaped', :'event');

DROP TABLE orders;
