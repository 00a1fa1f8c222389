-- An endpoint: one outgoing URL of a webhook, delivered to and tried again on its own.

CREATE TABLE webhooks.endpoint (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint      NOT NULL REFERENCES webhooks.webhook ON DELETE CASCADE,
    url        text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT endpoint_url_key UNIQUE (webhook_id, url)
);

COMMENT ON TABLE webhooks.endpoint IS
'Where a webhook''s messages go. Several endpoints make it multicast: each gets every message. Change them with add_endpoint and remove_endpoint.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.endpoint', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.endpoint_id_seq', '');
