-- Raising an event by hand.

-- With the privileges of the extension's owner, so that an application needs no more than
-- GRANT USAGE ON SCHEMA webhooks and GRANT EXECUTE ON FUNCTION webhooks.emit.
CREATE FUNCTION webhooks.emit(event text, data jsonb = NULL, record text = NULL, account text = NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    raised webhooks.event;
BEGIN
    PERFORM webhooks.check_not_state_event('event', event);
    SELECT e.* INTO raised FROM webhooks.event e WHERE e.name = event AND e.dropped_at IS NULL;

    IF raised.id IS NULL THEN
        RAISE EXCEPTION 'invalid argument "event": %', coalesce('event "' || event || '" does not exist', 'it is NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Make it first with webhooks.create_event(name).';
    ELSIF raised.on_table IS NOT NULL THEN
        -- Who was granted emit could else tell of changes that there were none of.
        RAISE EXCEPTION 'invalid argument "event": "%" is raised by changes of its table alone', event
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Make another one without type and on_table, with webhooks.create_event(name), and subscribe the webhooks to that, too.';
    END IF;

    account := nullif(account, '');
    IF account IS NOT NULL THEN
        PERFORM webhooks.check_name('account', account);
    END IF;
    RETURN webhooks.record_message(raised.id, data::text, record, account);
END $$;

COMMENT ON FUNCTION webhooks.emit(text, jsonb, text, text) IS
'Raises an event that is on no table in this transaction, with an object to send as data, and returns the message id. Messages with the same record arrive in order. account says whose message it is; an empty one is none. With webhooks.capture off nothing is raised and the id is NULL. May be granted to an application, which needs nothing else but USAGE on the schema.';
