-- Mail about webhooks with an errors_email: what there is to tell, and when. One row for each such webhook that has had
-- trouble; written with the trouble, so that no crash loses what is to be told.

CREATE TABLE webhooks.mail (
    webhook_id  bigint PRIMARY KEY REFERENCES webhooks.webhook ON DELETE CASCADE,
    since       timestamptz,
    until       timestamptz NOT NULL,
    failed      bigint      NOT NULL,
    reduced     bigint      NOT NULL,
    last_error  text,
    message_ids text[]      NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT '-infinity',
    tries       int         NOT NULL DEFAULT 0,
    sent_at     timestamptz,
    problem     text
);

COMMENT ON TABLE webhooks.mail IS
'What mail has to tell about webhooks, and when it was last sent. The worker sends it, through the server that webhooks.smtp_url names.';
COMMENT ON COLUMN webhooks.mail.since IS
'When the first of it happened, or the mail before was made. NULL: there is nothing to tell.';
COMMENT ON COLUMN webhooks.mail.failed IS 'Deliveries that have failed for good since.';
COMMENT ON COLUMN webhooks.mail.reduced IS
'Messages, for each endpoint, that were larger than webhooks.max_message_bytes.';
COMMENT ON COLUMN webhooks.mail.due_at IS
'Not before: 15 minutes after the last mail, or when one that could not be sent is tried again.';
COMMENT ON COLUMN webhooks.mail.tries IS 'How often it could not be sent.';
COMMENT ON COLUMN webhooks.mail.problem IS 'Why it is not sent, or the last one was not. status() tells it.';
