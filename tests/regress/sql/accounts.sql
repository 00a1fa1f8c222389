-- Accounts: messages reach their own account's webhooks, and those that name none.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.orders (id int PRIMARY KEY, account text);
SELECT FROM webhooks.create_event('order', 'table.recordInsert', 'orders', account => 'account');
SELECT id FROM webhooks.create_webhook('all', 'https://example.com/all');
SELECT id FROM webhooks.create_webhook('acme', 'https://example.com/acme', account => 'acme');
SELECT id FROM webhooks.create_webhook('zeta', 'https://example.com/zeta', 'of zeta', 'zeta');
SELECT name, account FROM webhooks.webhook ORDER BY id;
SELECT webhooks.subscribe(name, '{order}') FROM webhooks.webhook \g /dev/null
CREATE VIEW pg_temp.pending AS
SELECT w.name AS webhook, array_agg(p.record ORDER BY p.message_seq) AS records
FROM webhooks.pending_delivery p JOIN webhooks.webhook w ON w.id = p.webhook_id GROUP BY w.name ORDER BY w.name;

INSERT INTO orders VALUES (1, 'acme'), (2, 'zeta'), (3, NULL), (4, 'Acme'), (5, 'acme');
SELECT * FROM pg_temp.pending;
SELECT webhook, pending FROM webhooks.webhook_stats ORDER BY webhook;
SELECT backlog FROM webhooks.status();

-- Whom a message is for
SELECT webhooks.message_id(at, seq) AS id FROM webhooks.message WHERE record = '1' \gset
SELECT line FROM webhooks.explain_message(:'id') WITH ORDINALITY AS l (line, n) WHERE n > 1;
SELECT webhooks.message_id(at, seq) AS id FROM webhooks.message WHERE record = '4' \gset
SELECT line FROM webhooks.explain_message(:'id') WITH ORDINALITY AS l (line, n) WHERE n > 1;
SELECT state, replace(message, :'id', 'msg_…') AS message, hint FROM pg_temp.complaint(format('SELECT webhooks.resend(%L, %L)', :'id', 'acme'));

-- Many of other accounts are told in one line.
SELECT webhooks.create_webhook('other ' || n, 'https://example.com/other', account => 'other ' || n) FROM generate_series(1, 9) AS n \g /dev/null
SELECT webhooks.subscribe('other ' || n, '{order}') FROM generate_series(1, 9) AS n \g /dev/null
SELECT line FROM webhooks.explain_message(:'id') WITH ORDINALITY AS l (line, n) WHERE n > 1;
SELECT webhooks.drop_webhook('other ' || n) FROM generate_series(1, 9) AS n \g /dev/null

-- A preview shows the newest message that the webhook gets.
SELECT w.name, p.body::json ->> 'accountId' AS account, p.body::json #> '{data,0,id}' AS id
FROM webhooks.webhook w, webhooks.preview(w.name, 'order') AS p ORDER BY w.id;
SELECT FROM webhooks.alter_webhook('zeta', account => 'eta');
SELECT FROM webhooks.preview('zeta', 'order');
SELECT FROM webhooks.alter_webhook('zeta', account => 'zeta');

-- emit says whose it is by itself.
SELECT FROM webhooks.create_event('report');
SELECT webhooks.subscribe(name, '{report}') FROM webhooks.webhook \g /dev/null
SELECT webhooks.emit('report', record => 'r', account => 'acme') IS NOT NULL AS emitted;
SELECT * FROM pg_temp.pending;

-- Another account: from now on its messages, and nothing of the one before.
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state)
SELECT 2, seq, at, xid, event_id, record, 'waiting' FROM webhooks.message WHERE account = 'acme';
SELECT FROM webhooks.alter_webhook('acme', description => 'x');
SELECT count(*) FROM webhooks.delivery;
SELECT FROM webhooks.alter_webhook('acme', account => 'zeta');
SELECT count(*) FROM webhooks.delivery;
SELECT * FROM pg_temp.pending;
SELECT FROM webhooks.alter_webhook('acme', account => '');
SELECT name, account FROM webhooks.webhook ORDER BY id;
SELECT * FROM pg_temp.pending;

-- What is sent again is its account's, too: as if the worker had read all of it.
INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
SELECT webhooks.replay('zeta', '-infinity', 'infinity', true) AS zeta, webhooks.replay('all', '-infinity', 'infinity', true) AS all;

-- What has failed and is another account's is not sent again, nor is a single message.
INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, state, attempts, failed_at, last_error)
SELECT e.id, m.seq, m.at, m.xid, m.event_id, m.record, 'failed', 1, now(), 'a test'
FROM webhooks.message m, webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id WHERE w.name = 'zeta';
SELECT m.account, count(*) FROM webhooks.delivery d JOIN webhooks.message m ON m.seq = d.message_seq WHERE d.state = 'failed' GROUP BY 1 ORDER BY 1;
SELECT webhooks.resend_failed('zeta');
SELECT m.account, d.state, count(*) FROM webhooks.delivery d JOIN webhooks.message m ON m.seq = d.message_seq GROUP BY 1, 2 ORDER BY 1, 2;
SELECT state, regexp_replace(message, 'msg_\w+', 'msg_…') AS message FROM (SELECT webhooks.message_id(at, seq) AS id FROM webhooks.message WHERE account = 'acme' ORDER BY seq LIMIT 1) AS m,
    pg_temp.complaint(format('SELECT webhooks.resend(%L, %L)', m.id, 'zeta'));
SELECT state, regexp_replace(message, 'msg_\w+', 'msg_…') AS message FROM (SELECT webhooks.message_id(at, seq) AS id FROM webhooks.message WHERE account IS NULL ORDER BY seq LIMIT 1) AS m,
    pg_temp.complaint(format('SELECT webhooks.resend(%L, %L)', m.id, 'zeta'));
-- To everyone is to everyone whose it is.
DELETE FROM webhooks.delivery;
SELECT webhooks.resend(webhooks.message_id(at, seq)) AS endpoints FROM webhooks.message WHERE account = 'acme' ORDER BY seq LIMIT 1;
SELECT w.name, w.account FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id JOIN webhooks.webhook w ON w.id = e.webhook_id ORDER BY 1;
DELETE FROM webhooks.delivery;

-- How many an account may have
SET webhooks.max_webhooks_per_account = 2;
SELECT FROM webhooks.create_webhook('zeta 2', 'https://example.com/', account => 'zeta');
\x
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_webhook('zeta 3', 'https://example.com/', account => 'zeta')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('all', account => 'zeta')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.create_webhook('spaced', 'https://example.com/', account => ' a')$$);
\x
SELECT FROM webhooks.alter_webhook('zeta', account => 'zeta', description => 'still there');
SELECT FROM webhooks.create_webhook('nobody''s', 'https://example.com/');
SELECT FROM webhooks.create_webhook('nobody''s 2', 'https://example.com/');
SELECT FROM webhooks.create_webhook('nobody''s 3', 'https://example.com/');
SET webhooks.max_webhooks_per_account = 1;
SELECT FROM webhooks.alter_webhook('zeta', account => 'zeta');
RESET webhooks.max_webhooks_per_account;

-- A place that is free again is taken again; and however many are made at once, they hold no lock for each.
BEGIN;
SELECT FROM webhooks.drop_webhook('zeta');
SELECT FROM webhooks.alter_webhook('nobody''s', account => 'zeta');
SELECT FROM webhooks.alter_webhook('zeta 2', account => '');
SELECT count(*) FROM (SELECT webhooks.create_webhook('of ' || n, 'https://example.com/', account => 'of ' || n / 2) FROM generate_series(2, 7) n OFFSET 0) AS made;
SELECT name, account, account_place FROM webhooks.webhook WHERE name ~ '^(of|zeta|nobody)' ORDER BY name;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
ROLLBACK;

DROP TABLE orders;
