-- A pattern that a webhook is subscribed to: events whose names match it, also those that are made later. Each has a
-- subscription of its own, so that neither capture nor the worker knows of patterns.

CREATE TABLE webhooks.subscription_pattern (
    webhook_id bigint NOT NULL REFERENCES webhooks.webhook ON DELETE CASCADE,
    pattern    text   NOT NULL,
    payload    jsonb,
    any_event  boolean NOT NULL DEFAULT true,

    PRIMARY KEY (webhook_id, pattern),
    CONSTRAINT subscription_pattern_has_star CHECK (strpos(pattern, '*') > 0)
);

COMMENT ON TABLE webhooks.subscription_pattern IS
'The patterns that webhooks are subscribed to. Change them with subscribe and unsubscribe.';
COMMENT ON COLUMN webhooks.subscription_pattern.pattern IS
'* stands for any characters, also none; all else for itself.';
COMMENT ON COLUMN webhooks.subscription_pattern.any_event IS
'Whether who subscribed to it manages all webhooks. false: it catches what the webhook''s maker may subscribe to by name, as far as that or somebody who manages all has made it.';
COMMENT ON COLUMN webhooks.subscription_pattern.payload IS
'The shape of bodies about events that it catches, where it is another than the webhook''s.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.subscription_pattern', '');
