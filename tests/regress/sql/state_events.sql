-- Events about webhooks: webhook.started, webhook.stopped, webhook.errors, and webhook<id>.… for one of them.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/shipping');
SELECT id FROM webhooks.create_webhook('watch', 'https://example.com/watch');
SELECT id FROM webhooks.create_webhook('watch one', 'https://example.com/one');
CREATE VIEW pg_temp.told AS
SELECT w.name AS webhook, e.type, e.name AS event, p.record
FROM webhooks.pending_delivery p JOIN webhooks.webhook w ON w.id = p.webhook_id JOIN webhooks.event e ON e.id = p.event_id
ORDER BY p.message_seq, w.id;

-- Nothing is made, and nothing raised, before somebody subscribes.
SELECT webhooks.stop_webhook('shipping'), webhooks.start_webhook('shipping');
SELECT count(*) FROM webhooks.event;
SELECT count(*) FROM webhooks.message;

SELECT webhooks.subscribe('watch', '{webhook.started,webhook.stopped}');
SELECT webhooks.subscribe('watch one', '{webhook1.*}');
SELECT id, name, named, type FROM webhooks.event ORDER BY id;

-- Changes only: a pause passes, the start that ends it is told; who makes one, pauses twice or drops one changes none.
SELECT id FROM webhooks.create_webhook('new', 'https://example.com/new');
SELECT webhooks.pause_webhook('shipping'), webhooks.pause_webhook('shipping');
SELECT * FROM pg_temp.told;
SELECT webhooks.start_webhook('shipping'), webhooks.start_webhook('shipping');
SELECT webhooks.stop_webhook('shipping'), webhooks.stop_webhook('shipping');
SELECT webhooks.pause_webhook('shipping');
SELECT webhooks.start_webhook('shipping');
SELECT webhooks.stop_webhook('new');
SELECT webhooks.drop_webhook('new');
SELECT * FROM pg_temp.told;
SELECT data FROM pg_temp.log WHERE event = 'webhook1.started' LIMIT 1;

-- Only what is committed has happened.
BEGIN;
SELECT webhooks.stop_webhook('shipping');
SELECT count(*) FROM pg_temp.told;
ROLLBACK;
SELECT count(*) FROM pg_temp.told;

-- A hand that changes the table is told of as well, with what the session says about itself.
BEGIN;
SET LOCAL webhooks.metadata = '{"user": {"id": 5}}';
UPDATE webhooks.webhook SET state = 'stopped' WHERE name = 'shipping';
COMMIT;
SELECT e.name, m.record, m.metadata FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE m.metadata IS NOT NULL ORDER BY m.seq;
SELECT webhooks.start_webhook('shipping');

-- A webhook is never told about itself: not as news, not again, and where nobody else would be told, nothing is raised.
SELECT count(*) AS before FROM webhooks.message \gset
SELECT webhooks.stop_webhook('watch');
SELECT webhooks.start_webhook('watch');
SELECT count(*) - :before AS raised FROM webhooks.message;
SELECT webhooks.subscribe('watch one', '{webhook.started}');
SELECT webhooks.stop_webhook('watch one'), webhooks.start_webhook('watch one');
SELECT webhooks.pause_webhook('watch'), webhooks.start_webhook('watch');
SELECT webhook, event, record FROM pg_temp.told WHERE record IN ('2', '3');
SELECT w.name, p.body::jsonb #>> '{data,0,webhook}' AS about
FROM webhooks.webhook w, webhooks.preview(w.name, 'webhook.started') AS p WHERE w.name LIKE 'watch%' ORDER BY w.id;
SELECT webhooks.message_id(m.at, m.seq) AS id FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE m.record = '2' AND e.name = 'webhook.started' ORDER BY seq DESC LIMIT 1 \gset
SELECT regexp_replace(line, ' since .*| waits.*', '') AS line FROM webhooks.explain_message(:'id') WITH ORDINALITY AS l (line, n) WHERE n > 1 AND line LIKE 'watch, %';
\x
SELECT state, replace(message, :'id', 'msg_…') AS message, hint FROM pg_temp.complaint(format('SELECT webhooks.resend(%L, %L)', :'id', 'watch'));
SELECT webhooks.subscribe('watch', '{webhook2.errors}');
\x
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT w.name AS webhook, e.name AS event, m.record, count(*) FROM webhooks.webhook w, webhooks.replayed(w.id, '-infinity', 'infinity') r JOIN webhooks.message m ON m.seq = r.seq JOIN webhooks.event e ON e.id = m.event_id WHERE m.record IN ('2', '3') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT webhooks.resend(:'id');
SELECT w.name FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id JOIN webhooks.webhook w ON w.id = e.webhook_id;
DELETE FROM webhooks.delivery;

-- Accounts: what is told of a webhook is its account's.
SELECT id FROM webhooks.create_webhook('acme', 'https://example.com/acme', account => 'acme');
SELECT id FROM webhooks.create_webhook('acme watch', 'https://example.com/acme', account => 'acme');
SELECT webhooks.subscribe('acme watch', '{webhook.stopped}');
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT webhooks.stop_webhook('acme'), webhooks.stop_webhook('shipping');
SELECT webhook, event, record FROM pg_temp.told;
SELECT webhooks.start_webhook('shipping');

-- Errors, as the worker tells them: once for a webhook, whatever has happened.
SELECT webhooks.subscribe('watch', '{webhook.e*}');
SELECT webhooks.add_endpoint('shipping', 'https://example.com/second');
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT webhooks.tell_errors(ARRAY[ROW(1, 2, 0, 0, false, 500, 'status: 500', '{msg_a,msg_b}'),
                                  ROW(7, 1, 0, 3, false, NULL, 'timeout: no answer', '{msg_b}'),
                                  ROW(2, 1, 0, 0, false, 404, 'status: 404', '{msg_c}')]::webhooks.trouble[]);
SELECT webhook, event, record FROM pg_temp.told;
\x
SELECT jsonb_pretty(data::jsonb) AS data FROM pg_temp.log WHERE event = 'webhook.errors';
\x
-- Those of its own messages that fail are told to nobody, or two that watch each other would never end.
SELECT count(*) AS before FROM webhooks.message \gset
SELECT webhooks.tell_errors(ARRAY[ROW(1, 2, 2, 0, false, 500, 'status: 500', '{msg_a,msg_b}')]::webhooks.trouble[]);
SELECT webhooks.tell_errors('{}');
SELECT count(*) - :before AS raised FROM webhooks.message;

-- An endpoint that is gone, and the last one, which stops its webhook
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT webhooks.tell_errors(ARRAY(SELECT t FROM webhooks.retire_endpoints(ARRAY[1, 7]) t));
SELECT webhook, event, record FROM pg_temp.told;
SELECT data->>'state' AS state, data->'failed' AS failed, data->'endpoints' AS endpoints FROM (SELECT data::jsonb FROM pg_temp.log WHERE event = 'webhook.errors' ORDER BY (data->>'failed')::int LIMIT 1) AS l;

-- One that is disabled
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT webhooks.tell_errors(ARRAY(SELECT t FROM webhooks.disable_endpoints(ARRAY[3], '{}') t));
SELECT webhook, event, record FROM pg_temp.told;
-- It is disabled already.
SELECT webhooks.tell_errors(ARRAY(SELECT t FROM webhooks.disable_endpoints(ARRAY[3], '{}') t));
SELECT count(*) FROM pg_temp.told;

-- What has expired
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state)
SELECT 3, g, '2000-01-01', '1', 1, 'r', 'waiting' FROM generate_series(2, 100, 2) g;
INSERT INTO webhooks.event (id, name, named, type) OVERRIDING SYSTEM VALUE VALUES (1000, 'order', true, 'order');
UPDATE webhooks.delivery SET event_id = 1000 WHERE message_seq > 20;
SELECT webhooks.fail_expired_deliveries('2000-01-01', '2000-01-02');
SELECT webhook, event, record FROM pg_temp.told;
SELECT data->>'webhook' AS webhook, data->'failed' AS failed, data->>'lastError' AS error, json_array_length(data->'messageIds') AS ids
FROM pg_temp.log WHERE data->>'lastError' = 'expired';

-- What a receiver gets
SELECT regexp_replace(body, 'msg_[0-9a-z]{26}|\d{4}-\d\d-\d\dT[0-9:.]+Z', '…', 'g') AS body FROM webhooks.preview('watch', 'webhook.errors');
SELECT webhooks.subscribe('watch one', '{webhook1.errors}', '"superoffice"');
SELECT regexp_replace(body, 'msg_[0-9a-z]{26}|\d{4}-\d\d-\d\dT[0-9:.]+Z', '…', 'g') AS body FROM webhooks.preview('watch one', 'webhook1.errors');
SELECT regexp_replace(body, 'msg_[0-9a-z]{26}|\d{4}-\d\d-\d\dT[0-9:.]+Z', '…', 'g') AS body FROM webhooks.preview('watch one', 'webhook1.stopped');

-- Patterns: those of one webhook only by who names it, so that nothing is told twice.
SELECT webhooks.subscribe('acme', '{webhook*}');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id WHERE s.webhook_id = webhooks.webhook_id('acme') ORDER BY 1;
SELECT webhooks.subscribe('acme watch', '{*}');
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id WHERE s.webhook_id = webhooks.webhook_id('acme watch') ORDER BY 1;

-- Who drops a webhook drops the events that are about it.
SELECT webhooks.drop_webhook('shipping');
SELECT name, dropped_at IS NOT NULL AS dropped FROM webhooks.event ORDER BY id;
SELECT e.name FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id WHERE s.webhook_id = webhooks.webhook_id('watch one') ORDER BY 1;

-- The names are the product's.
\x
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('watch', '{webhook1.started}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('watch', '{webhook99.*}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('watch', '{webhook.paused}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('watch', '{webhook02.started}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.subscribe('watch', '{webhook99999999999999999999.started}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.unsubscribe('watch', '{webhook3.started}')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.preview('watch', 'webhook3.started')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_event('webhook.paused')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('webhook.errors')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_event('webhook.errors', new_name => 'mine')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_event('webhook.errors')$$);
\x
SELECT webhooks.subscribe('watch', '{webhook3.started}');
\x
SELECT * FROM pg_temp.complaint($$SELECT webhooks.preview('watch', 'webhook3.started')$$);
\x
