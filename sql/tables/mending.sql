-- What a person has changed about deliveries, so that the worker notices what it has in memory or has not read yet.

CREATE TABLE webhooks.mending (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    endpoint_id bigint      NOT NULL REFERENCES webhooks.endpoint ON DELETE CASCADE,
    cancelled   pg_snapshot,
    message_seq bigint,
    message_at  timestamptz,

    CONSTRAINT mending_message_is_cancelled CHECK (
        (message_seq IS NULL) = (message_at IS NULL) AND (message_seq IS NULL OR cancelled IS NOT NULL))
);

CREATE INDEX mending_endpoint_id_idx ON webhooks.mending (endpoint_id);

CREATE TRIGGER deliveries_changed AFTER INSERT ON webhooks.mending
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.deliveries_changed();

COMMENT ON TABLE webhooks.mending IS
'One row for each endpoint and call of resend, resend_failed, replay or cancel, until the worker needs it no more.';
COMMENT ON COLUMN webhooks.mending.cancelled IS
'Messages that this snapshot shows are not sent to the endpoint, unless they are sent again later. NULL: rows were added to delivery.';
COMMENT ON COLUMN webhooks.mending.message_seq IS 'Only this message was cancelled.';
