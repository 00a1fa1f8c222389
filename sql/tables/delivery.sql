-- Deliveries that are not done: what waits in the worker's memory for longer than a moment, what waits for its next
-- attempt, and what failed. A delivery that succeeds at once never has a row here.

CREATE TABLE webhooks.delivery (
    endpoint_id      bigint      NOT NULL REFERENCES webhooks.endpoint ON DELETE CASCADE,
    message_seq      bigint      NOT NULL,
    message_at       timestamptz NOT NULL,
    message_xid      xid8        NOT NULL,
    event_id         bigint      NOT NULL,
    record           text,
    state            text        NOT NULL,
    attempts         int         NOT NULL DEFAULT 0,
    due_at           timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    first_attempt_at timestamptz,
    last_status      int,
    last_error       text,
    failed_at        timestamptz,
    resent_at        timestamptz,

    PRIMARY KEY (endpoint_id, message_seq, message_at),
    CONSTRAINT delivery_state_known CHECK (state IN ('waiting', 'retrying', 'failed')),
    CONSTRAINT delivery_attempts_range CHECK (attempts >= 0),
    CONSTRAINT delivery_retrying_is_due CHECK ((state = 'retrying') = (due_at IS NOT NULL)),
    CONSTRAINT delivery_retrying_was_tried CHECK (state <> 'retrying' OR attempts > 0),
    CONSTRAINT delivery_failed_says_when CHECK (
        CASE WHEN state = 'failed' THEN failed_at IS NOT NULL ELSE failed_at IS NULL OR resent_at IS NOT NULL END)
);

CREATE INDEX delivery_due_at_idx ON webhooks.delivery (due_at) WHERE state = 'retrying';

COMMENT ON TABLE webhooks.delivery IS
'Messages on their way to an endpoint that are not delivered yet, or failed. Its size follows the trouble, not the traffic.';
COMMENT ON COLUMN webhooks.delivery.state IS
'waiting: for its turn; retrying: for due_at, after an error; failed: given up, the view failed_delivery shows it.';
COMMENT ON COLUMN webhooks.delivery.attempts IS 'How many calls have been made, since the message was sent again where it was.';
COMMENT ON COLUMN webhooks.delivery.failed_at IS
'When it was given up. It stays while the message is sent again, until that succeeds.';
COMMENT ON COLUMN webhooks.delivery.resent_at IS
'When somebody had it sent again with resend, resend_failed or replay; NULL if nobody has.';
COMMENT ON COLUMN webhooks.delivery.last_error IS
'The last attempt''s error, or expired: webhooks.retention passed before it could be delivered.';
