-- Making, pausing, stopping, starting and dropping webhooks.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

-- Two arguments are enough: the rest has defaults, and the secret is made.
SELECT id, name, secret ~ '^whsec_[A-Za-z0-9+/]{43}=$' AS has_secret
FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');

SELECT name, description, signature, max_in_flight, ordering, timeout, retry_schedule, state, created_by = current_user AS by_me
FROM webhooks.webhook;

-- Every parameter by its name.
SELECT id, name, secret
FROM webhooks.create_webhook(
    name           => 'billing: "EU"',
    url            => 'https://example.com/billing',
    description    => 'invoices',
    secret         => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    signature      => 'stripe',
    headers        => '{"X-Team": "blue", "authorization": "Bearer s3cr3t"}',
    max_in_flight  => 1000,
    ordering       => 'strict',
    timeout        => '1 hour',
    retry_schedule => '{}');

SELECT id, name, description, signature, max_in_flight, ordering, timeout, retry_schedule
FROM webhooks.webhook WHERE name LIKE 'billing%';
SELECT webhook_id, secret, ends_at FROM webhooks.secret WHERE webhook_id = 2;
SELECT webhook_id, name, value FROM webhooks.header ORDER BY id;

SELECT count(DISTINCT secret) FROM webhooks.secret;

-- Each state can follow each other one; to set the same again changes nothing.
SELECT FROM webhooks.pause_webhook('shipping');
SELECT state, changed_at > created_at AS changed FROM webhooks.webhook WHERE name = 'shipping';
SELECT changed_at FROM webhooks.webhook WHERE name = 'shipping' \gset
SELECT FROM webhooks.pause_webhook('shipping');
SELECT changed_at = :'changed_at' AS unchanged FROM webhooks.webhook WHERE name = 'shipping';
SELECT FROM webhooks.start_webhook('shipping');
SELECT state FROM webhooks.webhook WHERE name = 'shipping';
SELECT FROM webhooks.stop_webhook('shipping');
SELECT state FROM webhooks.webhook WHERE name = 'shipping';
SELECT FROM webhooks.pause_webhook('shipping');
SELECT state FROM webhooks.webhook WHERE name = 'shipping';

SELECT FROM webhooks.drop_webhook('shipping');
SELECT name FROM webhooks.webhook;
SELECT webhook_id, url FROM webhooks.endpoint;
SELECT webhook_id FROM webhooks.secret;

-- A name is free again once its webhook is dropped; ids are not used again.
SELECT id, name FROM webhooks.create_webhook('shipping', 'https://example.com/hooks');

-- What is kept with it.
SELECT name FROM webhooks.create_webhook('kept', 'https://example.com/', properties => '{"team": "shipping"}', errors_email => 'ops@example.com');
SELECT FROM webhooks.alter_webhook('kept', description => 'other');
SELECT properties, errors_email, changed_by = current_user AS by_me FROM webhooks.webhook WHERE name = 'kept';
SELECT FROM webhooks.alter_webhook('kept', properties => '{}', errors_email => '');
SELECT properties, errors_email FROM webhooks.webhook WHERE name = 'kept';
