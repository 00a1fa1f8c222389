-- A subscription: this webhook wants this event. Asked for by name, or made because a pattern of the webhook matches the
-- event's name.

CREATE TABLE webhooks.subscription (
    webhook_id bigint      NOT NULL REFERENCES webhooks.webhook ON DELETE CASCADE,
    event_id   bigint      NOT NULL REFERENCES webhooks.event,
    since      timestamptz NOT NULL DEFAULT transaction_timestamp(),
    by_name    boolean     NOT NULL DEFAULT true,
    payload    jsonb,

    PRIMARY KEY (webhook_id, event_id)
);

CREATE INDEX subscription_event_id_idx ON webhooks.subscription (event_id);

COMMENT ON TABLE webhooks.subscription IS
'Which webhook gets which event. Change it with subscribe, unsubscribe and add_event.';
COMMENT ON COLUMN webhooks.subscription.since IS
'Messages recorded earlier are not for this webhook. Starting a stopped webhook moves it.';
COMMENT ON COLUMN webhooks.subscription.by_name IS
'Whether this event was asked for. false: a pattern made it, and it ends when no pattern of the webhook matches any more.';
COMMENT ON COLUMN webhooks.subscription.payload IS
'The shape of bodies about this event, where it is another than the webhook''s.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.subscription', '');
