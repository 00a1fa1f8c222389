-- A webhook: what is told, and how. Its endpoints say where; its secrets and headers have tables of their own.

CREATE TABLE webhooks.webhook (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text        NOT NULL,
    description    text,
    account        text,
    account_place  int,
    signature      text        NOT NULL,
    handshake_key  text,
    throttle_calls int,
    throttle_per   interval    NOT NULL DEFAULT '1 second',
    batch_size     int         NOT NULL DEFAULT 1,
    max_in_flight  int         NOT NULL,
    ordering       text        NOT NULL,
    timeout        interval    NOT NULL,
    retry_schedule interval[]  NOT NULL,
    when_exhausted text        NOT NULL DEFAULT 'disable',
    properties     jsonb       NOT NULL DEFAULT '{}',
    errors_email   text,
    payload        jsonb       NOT NULL DEFAULT '"default"',
    state          text        NOT NULL DEFAULT 'started',
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     name        NOT NULL DEFAULT pg_get_userbyid(webhooks.caller()),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     name        NOT NULL DEFAULT pg_get_userbyid(webhooks.caller()),

    CONSTRAINT webhook_name_key UNIQUE (name),
    CONSTRAINT webhook_name_is_given CHECK (name <> ''),
    CONSTRAINT webhook_account_is_given CHECK (account <> ''),
    CONSTRAINT webhook_signature_known CHECK (
        signature IN ('standard', 'standard-ed25519', 'github', 'stripe', 'shopify', 'none')),
    CONSTRAINT webhook_handshake_key_length CHECK (length(handshake_key) BETWEEN 1 AND 1000),
    CONSTRAINT webhook_throttle_calls_range CHECK (throttle_calls BETWEEN 1 AND 100000),
    CONSTRAINT webhook_throttle_per_range CHECK (throttle_per BETWEEN '1 millisecond' AND '1 day'),
    CONSTRAINT webhook_batch_size_range CHECK (batch_size BETWEEN 1 AND 1000),
    CONSTRAINT webhook_when_exhausted_known CHECK (when_exhausted IN ('disable', 'keep')),
    CONSTRAINT webhook_properties_are_an_object CHECK (jsonb_typeof(properties) = 'object'),
    CONSTRAINT webhook_errors_email_length CHECK (length(errors_email) BETWEEN 3 AND 254),
    CONSTRAINT webhook_max_in_flight_range CHECK (max_in_flight BETWEEN 1 AND 1000),
    CONSTRAINT webhook_ordering_known CHECK (ordering IN ('record', 'strict', 'none')),
    CONSTRAINT webhook_timeout_range CHECK (timeout BETWEEN '1 millisecond' AND '1 hour'),
    CONSTRAINT webhook_retry_schedule_range CHECK (
        cardinality(retry_schedule) <= 100
        AND array_position(retry_schedule, NULL) IS NULL
        AND '0' <= ALL (retry_schedule) AND '365 days' >= ALL (retry_schedule)),
    CONSTRAINT webhook_state_known CHECK (state IN ('started', 'paused', 'stopped'))
);

-- Of two sessions that would take an account's last place, one waits for the other. A lock for each account would be one too many
-- for the server's table of locks where thousands are set up at once.
CREATE UNIQUE INDEX webhook_account_place_key ON webhooks.webhook (account, account_place);
CREATE INDEX webhook_created_by_idx ON webhooks.webhook (created_by);

COMMENT ON TABLE webhooks.webhook IS
'The webhooks. Change them with the functions of this schema: create_webhook, alter_webhook, pause_webhook, stop_webhook, start_webhook, drop_webhook.';
COMMENT ON COLUMN webhooks.webhook.account IS
'It gets only messages of this account. NULL: those of every account, and those of none.';
COMMENT ON COLUMN webhooks.webhook.account_place IS
'Which of the account''s webhooks it is: from 1 on, the lowest that was free, so that there are no more than webhooks.max_webhooks_per_account.';
COMMENT ON COLUMN webhooks.webhook.signature IS
'How calls are signed: standard, standard-ed25519, github, stripe, shopify or none.';
COMMENT ON COLUMN webhooks.webhook.handshake_key IS
'What bodies have as handshake_key, so that receivers know them. NULL: nothing.';
COMMENT ON COLUMN webhooks.webhook.throttle_calls IS
'At most so many calls in any interval of throttle_per, for each endpoint. NULL: no such bound.';
COMMENT ON COLUMN webhooks.webhook.batch_size IS
'Up to so many messages go in one call. Over 1 the body is a list, even of one.';
COMMENT ON COLUMN webhooks.webhook.when_exhausted IS
'When a delivery has failed for good and nothing has reached its endpoint since its first attempt: disable the endpoint, or keep it.';
COMMENT ON COLUMN webhooks.webhook.properties IS
'What its users want to remember with it. The product does not look at it.';
COMMENT ON COLUMN webhooks.webhook.errors_email IS
'Who gets mail when deliveries have failed for good or an endpoint is disabled. NULL: nobody.';
COMMENT ON COLUMN webhooks.webhook.payload IS
'The shape of bodies: the name of a preset, or a template. A subscription may have another.';
COMMENT ON COLUMN webhooks.webhook.max_in_flight IS
'How many calls may be open at once, for each endpoint.';
COMMENT ON COLUMN webhooks.webhook.ordering IS
'record: messages about one record arrive in commit order; strict: all messages do, one after the other; none: as it comes.';
COMMENT ON COLUMN webhooks.webhook.timeout IS
'How long one call may take, the answer''s body included.';
COMMENT ON COLUMN webhooks.webhook.retry_schedule IS
'Waits before each further attempt: n waits make n + 1 attempts. With none the first error is the last, and disables an endpoint that nothing has reached meanwhile unless when_exhausted is keep.';
COMMENT ON COLUMN webhooks.webhook.changed_by IS
'Who changed it last, its endpoints, secrets, headers and subscriptions included.';
COMMENT ON COLUMN webhooks.webhook.state IS
'started; paused: messages wait; stopped: nothing is kept for it.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.webhook', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.webhook_id_seq', '');
