-- An endpoint: one outgoing URL of a webhook, delivered to and tried again on its own.

CREATE TABLE webhooks.endpoint (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id   bigint      NOT NULL REFERENCES webhooks.webhook ON DELETE CASCADE,
    url          text        NOT NULL,
    state        text        NOT NULL DEFAULT 'enabled',
    state_reason text,
    state_since  timestamptz NOT NULL DEFAULT now(),
    since        timestamptz NOT NULL DEFAULT transaction_timestamp(),
    created_at   timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT endpoint_url_key UNIQUE (webhook_id, url),
    CONSTRAINT endpoint_state_known CHECK (state IN ('enabled', 'disabled', 'gone')),
    CONSTRAINT endpoint_not_enabled_says_why CHECK ((state = 'enabled') = (state_reason IS NULL))
);

COMMENT ON TABLE webhooks.endpoint IS
'Where a webhook''s messages go. Several endpoints make it multicast: each gets every message. Change them with add_endpoint, remove_endpoint and enable_endpoint.';
COMMENT ON COLUMN webhooks.endpoint.state IS
'enabled; disabled: it did not work or asked for no more calls, its messages wait; gone: it answered 410, nothing is kept for it. enable_endpoint ends either.';

COMMENT ON COLUMN webhooks.endpoint.since IS
'Messages recorded earlier are not for this endpoint. Enabling one that was gone moves it.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.endpoint', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.endpoint_id_seq', '');
