-- Headers of a user's own, added to each call of a webhook. Apart from the webhook, and without constraints that Postgres
-- would show the row of, as in secret.sql: authorization is among them.

CREATE TABLE webhooks.header (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint REFERENCES webhooks.webhook ON DELETE CASCADE,
    name       text,
    value      text
);

CREATE UNIQUE INDEX header_name_key ON webhooks.header (webhook_id, lower(name));

COMMENT ON TABLE webhooks.header IS
'Headers that are added to each call of a webhook. Change them with create_webhook and alter_webhook.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.header', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.header_id_seq', '');
