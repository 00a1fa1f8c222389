-- The attempt log: one row for each call and message, written when the call's outcome is recorded, never changed.

CREATE TABLE webhooks.attempt (
    at          timestamptz NOT NULL,
    message_at  timestamptz NOT NULL,
    message_seq bigint      NOT NULL,
    event_id    bigint      NOT NULL,
    endpoint_id bigint      NOT NULL,
    webhook_id  bigint      NOT NULL,
    attempt     int         NOT NULL,
    status      int,
    duration_us bigint,
    error       text,
    response    text,
    delivered   boolean     NOT NULL
) PARTITION BY RANGE (at);

CREATE INDEX attempt_message_seq_idx ON webhooks.attempt (message_seq);
-- For what has happened of late. It costs next to nothing, since rows come in about this order.
CREATE INDEX attempt_at_idx ON webhooks.attempt USING brin (at) WITH (autosummarize = on);

CREATE TABLE webhooks.attempt_default (LIKE webhooks.attempt INCLUDING ALL);
ALTER TABLE webhooks.attempt ATTACH PARTITION webhooks.attempt_default DEFAULT;

COMMENT ON TABLE webhooks.attempt IS
'One row for each call and message, in a partition for each day (UTC), kept for webhooks.retention. The view attempt_log shows it with names.';
COMMENT ON TABLE webhooks.attempt_default IS
'Attempts of days that no partition was made for.';
COMMENT ON COLUMN webhooks.attempt.at IS 'When the call was started.';
COMMENT ON COLUMN webhooks.attempt.attempt IS '1 for the first call with this message to this endpoint, and for the first after it was sent again.';
COMMENT ON COLUMN webhooks.attempt.status IS 'The HTTP status of the answer; NULL where none came.';
COMMENT ON COLUMN webhooks.attempt.error IS
'NULL, or a fixed word (forbidden address, dns, refused, tls, timeout, closed, status, too large) and what happened.';
COMMENT ON COLUMN webhooks.attempt.response IS 'The answer''s body, up to webhooks.max_response_bytes.';
