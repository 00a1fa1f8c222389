-- A message by its id.

CREATE TYPE webhooks.message_place AS (at timestamptz, xid xid8, seq bigint, event_id bigint, record text, account text);

COMMENT ON TYPE webhooks.message_place IS
'For the functions of this schema: where a message is in the log, and what it is about.';


CREATE FUNCTION webhooks.check_message_id(message_id text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF webhooks.message_seq_of(message_id) IS NULL THEN
        RAISE EXCEPTION 'invalid argument "message_id": % is no message id', coalesce(quote_literal(message_id), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the id that the receiver got in the header webhook-id, or one from webhooks.attempt_log: msg_ and 26 characters.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_message_id(text) IS
'For the functions of this schema: raises an error unless the text can be a message''s id.';


CREATE FUNCTION webhooks.logged_message(message_id text) RETURNS webhooks.message_place
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found webhooks.message_place;
BEGIN
    PERFORM webhooks.check_message_id(message_id);
    SELECT m.at, m.xid, m.seq, m.event_id, m.record, m.account INTO found
    FROM webhooks.message m
    WHERE m.at = webhooks.message_at_of(message_id) AND m.seq = webhooks.message_seq_of(message_id);

    IF found.seq IS NULL THEN
        RAISE EXCEPTION 'invalid argument "message_id": message % is not in the log', message_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Messages are kept for webhooks.retention; older ones cannot be sent again.';
    END IF;
    RETURN found;
END $$;

COMMENT ON FUNCTION webhooks.logged_message(text) IS
'For the functions of this schema: the place of the message with that id. An error where the log does not have it (any more).';
