-- Events raised by hand.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.create_event('party/created');

-- The message id is returned, and tells when the message was recorded and its number.
SELECT webhooks.emit('lead:won', '{"lead": 7,  "stage": "won"}', 'lead-7') AS id \gset
SELECT :'id' ~ '^msg_[0-9a-v]{26}$' AS well_formed;
SELECT m.at = webhooks.message_at_of(:'id') AS at, m.seq = webhooks.message_seq_of(:'id') AS seq,
       webhooks.message_id(m.at, m.seq) = :'id' AS id FROM webhooks.message m;

-- Everything but the name may be left out.
SELECT webhooks.emit('lead:won') <> :'id' AS another;
SELECT webhooks.emit(event => 'party/created', record => '', data => '[1, null]') IS NOT NULL AS emitted;
SELECT webhooks.emit('party/created', 'null', 'resume "1"') IS NOT NULL AS emitted;
SELECT webhooks.emit('party/created', '{"deep": {"a": [1.50, "x\u0041"]}}') IS NOT NULL AS emitted;
SELECT event, op, record, changed, data, data IS NULL AS no_data, old FROM pg_temp.log;

-- An empty account is none.
SELECT webhooks.emit('lead:won', account => '') AS nobodys, webhooks.emit('lead:won', account => 'acme') AS acmes \gset
SELECT m.account IS NULL AS nobodys, m.account
FROM webhooks.message m WHERE webhooks.message_id(m.at, m.seq) IN (:'nobodys', :'acmes') ORDER BY m.seq;

-- Ids sort as the messages do, and what is no id has neither time nor number.
SELECT bool_and(id > previous) AS rising
FROM (SELECT webhooks.message_id(at, seq) COLLATE "C" AS id,
             lag(webhooks.message_id(at, seq)) OVER (ORDER BY seq) COLLATE "C" AS previous FROM webhooks.message) AS ids;
SELECT webhooks.message_id('2026-11-23 20:00:00.123456+00', 1) AS id, webhooks.message_id('1970-01-01 00:00+00', 0) AS first;
SELECT given, webhooks.message_seq_of(given) AS seq, webhooks.message_at_of(given) AT TIME ZONE 'UTC' AS at
FROM unnest(ARRAY[webhooks.message_id('2026-11-23 20:00:00.123456+00', 9223372036854775807), '', 'msg_', 'msg_1',
                  'msg_0000000000000000000000000x', upper(webhooks.message_id('2026-11-23 20:00:00+00', 1))]) AS given;

-- It is of this transaction.
BEGIN;
SELECT webhooks.emit('lead:won') IS NOT NULL AS emitted;
ROLLBACK;
SELECT count(*) FROM webhooks.message;

-- Many at once, from a query
SELECT count(DISTINCT webhooks.emit('lead:won', jsonb_build_object('n', n))) FROM generate_series(1, 1000) AS n;

-- What is refused
CREATE TABLE public.orders (id int PRIMARY KEY);
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') AS unnamed \gset
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('lead:wno')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit(NULL)$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('lead:won', account => ' acme')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('lead:won', account => repeat('a', 201))$$) \gx
SELECT * FROM pg_temp.complaint(format('SELECT webhooks.emit(%L)', :'unnamed')) \gx
SELECT FROM webhooks.drop_event('lead:won');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('lead:won')$$) \gx

-- What a table raises nobody else does.
SELECT FROM webhooks.create_event('order:new', 'table.recordInsert', 'orders');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.emit('order:new', '{"id": 0}')$$) \gx
SELECT count(*) FROM pg_temp.log WHERE event = 'order:new';

DROP TABLE orders;
