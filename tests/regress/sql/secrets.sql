-- Secrets: what each signature makes, rotation, looking at them.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

-- What is made fits the signature.
SELECT name, regexp_replace(secret, '[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==|[0-9a-f]{64}', '…') AS secret
FROM unnest('{standard,standard-ed25519,stripe,github,shopify,none}'::text[]) AS signature,
     webhooks.create_webhook(signature, 'https://example.com/', signature => signature);
SELECT w.name, count(s.secret) AS secrets, every(s.ends_at IS NULL) AS without_end
FROM webhooks.webhook w LEFT JOIN webhooks.secret s ON s.webhook_id = w.id GROUP BY w.id ORDER BY w.id;
SELECT w.name, webhooks.reveal_secret(w.name) = s.secret AS revealed FROM webhooks.webhook w JOIN webhooks.secret s ON s.webhook_id = w.id ORDER BY w.id;

-- The public key is the second half of the pair.
SELECT webhooks.public_key('standard-ed25519')
     = 'whpk_' || encode(substr(decode(substr(webhooks.reveal_secret('standard-ed25519'), 6), 'base64'), 33), 'base64') AS is_its_half;
SELECT webhooks.public_key_of('whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==');
SELECT webhooks.generate_secret() ~ '^whsec_' AS standard, webhooks.generate_secret('none') IS NULL AS none;

-- Rotation: the old one ends when the overlap does,
SELECT webhooks.reveal_secret('standard') AS first \gset
SELECT webhooks.rotate_secret('standard') AS second \gset
CREATE VIEW pg_temp.secrets AS
SELECT s.webhook_id, CASE s.secret WHEN current_setting('mine.first') THEN 'first' WHEN current_setting('mine.second') THEN 'second' ELSE 'third' END AS secret,
       s.ends_at - now() AS ends_in
FROM webhooks.secret s WHERE s.webhook_id = 1 ORDER BY s.id;
SET mine.first = :'first';
SET mine.second = :'second';
SELECT :'first' <> :'second' AS another, webhooks.reveal_secret('standard') = :'second' AS revealed;
SELECT secret, ends_in > '23:59' AND ends_in <= '24:00' AS in_a_day FROM pg_temp.secrets;

-- and one that ends anyway ends when it was to end, also where the next overlap is shorter or longer.
BEGIN;
SELECT webhooks.rotate_secret('standard', '1 hour') IS NOT NULL AS third;
SELECT secret, date_trunc('hour', ends_in + interval '59 minutes') AS ends_in FROM pg_temp.secrets;
ROLLBACK;
BEGIN;
SELECT webhooks.rotate_secret('standard', '30 days') IS NOT NULL AS third;
SELECT secret, date_trunc('hour', ends_in + interval '59 minutes') AS ends_in FROM pg_temp.secrets;
ROLLBACK;

-- One of a user's own; the same text twice is refused, but the one before may come back.
SELECT * FROM pg_temp.complaint(format($$SELECT webhooks.rotate_secret('standard', secret => %L)$$, :'second')) \gx
BEGIN;
SELECT webhooks.rotate_secret('standard', secret => :'first') = :'first' AS back;
SELECT secret, ends_in IS NULL AS without_end FROM pg_temp.secrets;
ROLLBACK;

-- With overlap 0 nothing but the new one signs. It marks the webhook as changed.
SELECT changed_at FROM webhooks.webhook WHERE id = 1 \gset
SELECT webhooks.rotate_secret('standard', '0', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
SELECT secret, ends_in FROM pg_temp.secrets;
SELECT changed_at > :'changed_at' AS changed FROM webhooks.webhook WHERE id = 1;

-- Up to five sign at once; those that have ended make room.
SELECT count(webhooks.rotate_secret('stripe')) FROM generate_series(1, 4);
SELECT state, message, regexp_replace(hint, ' at .*, or', ' at …, or') AS hint FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('stripe')$$) \gx
SELECT count(*) FROM webhooks.secret WHERE webhook_id = 3;
UPDATE webhooks.secret SET ends_at = now() - interval '1 second' WHERE webhook_id = 3 AND id = (SELECT min(id) FROM webhooks.secret WHERE webhook_id = 3);
SELECT webhooks.rotate_secret('stripe') IS NOT NULL AS rotated;
SELECT count(*) FROM webhooks.secret WHERE webhook_id = 3;
SELECT webhooks.rotate_secret('stripe', '0') IS NOT NULL AS rotated;
SELECT count(*) FROM webhooks.secret WHERE webhook_id = 3;

-- What is refused
\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('nobody')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('standard', NULL)$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('standard', '-1 second')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('standard', '31 days')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('standard', secret => 'hunter2')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.rotate_secret('none')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.reveal_secret('nobody')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.reveal_secret('none')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.public_key('standard')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.public_key('none')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.public_key_of('whsk_')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.generate_secret('md5')$$);
SELECT webhooks.rotate_secret(NULL, '0');

-- A webhook has one secret without an end.
INSERT INTO webhooks.secret (webhook_id, secret) VALUES (1, 'whsec_another');

-- alter_webhook: a secret alone takes the place of all others at once;
SELECT webhooks.rotate_secret('github') IS NOT NULL AS rotated;
SELECT FROM webhooks.alter_webhook('github', secret => 'It''s a Secret to Everybody');
SELECT webhooks.reveal_secret('github'), count(*) FROM webhooks.secret WHERE webhook_id = 4;
-- what is not mentioned stays;
SELECT FROM webhooks.alter_webhook('github', signature => 'github', max_in_flight => 9);
SELECT webhooks.reveal_secret('github'), count(*) FROM webhooks.secret WHERE webhook_id = 4;
-- another signature has a secret of its own, made or given, so that every webhook can sign;
SELECT FROM webhooks.alter_webhook('github', signature => 'standard-ed25519');
SELECT webhooks.reveal_secret('github') ~ '^whsk_' AS private, webhooks.public_key('github') ~ '^whpk_' AS public;
SELECT FROM webhooks.alter_webhook('github', signature => 'standard', secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
SELECT webhooks.reveal_secret('github');
SELECT FROM webhooks.alter_webhook('github', signature => 'none');
SELECT count(*) FROM webhooks.secret WHERE webhook_id = 4;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('github', signature => 'stripe', secret => 'hunter2')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('github', secret => 'It''s a Secret to Everybody')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('github', signature => 'md5')$$);
SELECT signature FROM webhooks.webhook WHERE id = 4;
-- headers are replaced as a whole.
SELECT FROM webhooks.alter_webhook('github', headers => '{"X-One": "1", "X-Two": "2"}');
SELECT FROM webhooks.alter_webhook('github', description => 'unchanged headers');
SELECT name, value FROM webhooks.header ORDER BY id;
SELECT FROM webhooks.alter_webhook('github', headers => '{"X-Three": "3"}');
SELECT name, value FROM webhooks.header ORDER BY id;
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('github', headers => '{"Host": "x"}')$$);
SELECT FROM webhooks.alter_webhook('github', headers => '{}');
SELECT name, value FROM webhooks.header ORDER BY id;
