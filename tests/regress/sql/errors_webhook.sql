-- What create_webhook and its kin refuse, and what they say: SQLSTATE, the argument, what to do.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

\pset format unaligned
\pset fieldsep '\n'
\pset tuples_only on
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');
CREATE FUNCTION pg_temp.refused(arguments text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE sql AS $$ SELECT * FROM pg_temp.complaint('SELECT webhooks.create_webhook(' || arguments || ')') $$;
\set billing '''billing'', ''https://example.com/'''

-- name
SELECT * FROM pg_temp.refused($$NULL, 'https://example.com/'$$);
SELECT * FROM pg_temp.refused($$'', 'https://example.com/'$$);
SELECT * FROM pg_temp.refused($$repeat('n', 201), 'https://example.com/'$$);
SELECT * FROM pg_temp.refused($$E'two\nlines', 'https://example.com/'$$);
SELECT * FROM pg_temp.refused($$' space', 'https://example.com/'$$);
SELECT * FROM pg_temp.refused($$'shipping', 'https://example.com/'$$);

-- url: form, and literal addresses in every spelling
SELECT * FROM pg_temp.refused($$'billing', NULL$$);
SELECT * FROM pg_temp.refused($$'billing', ''$$);
SELECT * FROM pg_temp.refused($$'billing', 'example.com/hooks'$$);
SELECT * FROM pg_temp.refused($$'billing', 'file:///etc/passwd'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://user:password@example.com/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://10.0.0.1/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://169.254.169.254/latest/meta-data'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://0x7f000001/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://2130706433/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://0177.1/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://[::1]/'$$);
SELECT * FROM pg_temp.refused($$'billing', 'https://[::ffff:192.168.0.1]:8443/'$$);

-- secret
SELECT * FROM pg_temp.refused(:'billing' || $$, secret => 'hunter2'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, secret => 'whsec_'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, secret => 'whsec_' || encode(repeat('x', 23)::bytea, 'base64')$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, secret => 'whsec_' || replace(encode(repeat('x', 65)::bytea, 'base64'), E'\n', '')$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La****'$$);


-- secret, by signature
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'standard-ed25519', secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'standard-ed25519', secret => 'whsk_' || encode(repeat('x', 32)::bytea, 'base64')$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'standard-ed25519', secret => 'whsk_' || replace(encode(repeat('x', 64)::bytea, 'base64'), E'\n', '')$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'stripe', secret => repeat('x', 40)$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'stripe', secret => 'whsec_' || repeat('x', 23)$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'github', secret => repeat('x', 15)$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'github', secret => repeat('x', 257)$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'shopify', secret => repeat('x', 16) || E'\n'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'none', secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'$$);

-- signature
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => 'Standard'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, signature => NULL$$);

-- properties, errors_email
SELECT * FROM pg_temp.refused(:'billing' || $$, properties => NULL$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, properties => '[1]'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, errors_email => 'ops'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, errors_email => 'Ops <ops@example.com>'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, errors_email => E'ops@example.com\r\nBcc: all@example.com'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, errors_email => repeat('o', 254) || '@example.com'$$);

-- headers
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => NULL$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '[]'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"x-a": 1}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"Content-Type": "text/plain"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"x-hub-signature-256": "sha256=0"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"Webhook-Id": "mine"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"Authorization: Bearer s3cr3t": ""}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"": "x"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"authorization": "Bearer s3cr3t\r\nhost: elsewhere"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"authorization": " s3cr3t"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => '{"X-A": "1", "x-a": "2"}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => (SELECT jsonb_object_agg('x-' || g, '') FROM generate_series(1, 33) g)$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, headers => jsonb_build_object('x-a', repeat('v', 5998))$$);

-- max_in_flight, ordering, timeout
SELECT * FROM pg_temp.refused(:'billing' || $$, max_in_flight => 0$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, max_in_flight => 1001$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, max_in_flight => NULL$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, ordering => 'Record'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, ordering => NULL$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, timeout => '999 microseconds'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, timeout => '-1 second'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, timeout => '61 minutes'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, timeout => NULL$$);

-- retry_schedule
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => NULL$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => '{1s,NULL}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => '{{1s},{2s}}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => '{1s,-1s}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => '{1s,366 days}'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, retry_schedule => array_fill(interval '1s', '{101}')$$);

-- payload, verify
SELECT * FROM pg_temp.refused(:'billing' || $$, payload => 'null'$$);
SELECT * FROM pg_temp.refused(:'billing' || $$, verify => NULL$$);

-- What a later version brings is not accepted before it works.
SELECT state, message FROM pg_temp.refused(:'billing' || $$, properties => '{}'$$);

-- Nothing of all this has left anything behind.
SELECT name FROM webhooks.webhook;

-- The arguments of alter_webhook that create_webhook has not, or has otherwise
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', new_name => '')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', new_name => ' space')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', new_name => repeat('n', 201))$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', secret => 'hunter2')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.alter_webhook('shipping', payload => 'null')$$);

-- names that do not exist
SELECT * FROM pg_temp.complaint($$SELECT webhooks.drop_webhook('Shipping')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.pause_webhook('')$$);
SELECT * FROM pg_temp.complaint($$SELECT webhooks.stop_webhook(NULL)$$);
SELECT webhooks.drop_webhook('shipping');
SELECT * FROM pg_temp.complaint($$SELECT webhooks.start_webhook('shipping')$$);
