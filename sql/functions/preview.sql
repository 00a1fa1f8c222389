-- A look at what a receiver gets, before or without sending it.

CREATE FUNCTION webhooks.preview(webhook text, event text, OUT headers jsonb, OUT body text)
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook, 'webhook');
    event_id   bigint := webhooks.event_id(event, 'event');
    told_from  timestamptz := webhooks.told_from(event_id, webhook_id);
    account    text := (SELECT w.account FROM webhooks.webhook w WHERE w.id = webhook_id);
    is_state   boolean := webhooks.is_state_event(event_id);
    newest     record;
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks.subscription s WHERE s.webhook_id = webhook_id AND s.event_id = event_id) THEN
        PERFORM webhooks.check_may_receive(e, 'event') FROM webhooks.event e WHERE e.id = event_id;
    END IF;
    -- By the index, from its end: the log may be large.
    SELECT m.at, m.xid, m.seq INTO newest
    FROM webhooks.message m
    WHERE m.event_id = event_id AND m.at >= told_from AND (account IS NULL OR m.account = account)
      -- A webhook is never told about itself.
      AND NOT (is_state AND m.record IS NOT DISTINCT FROM webhook_id::text)
    ORDER BY m.xid DESC, m.seq DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "event": event "%" has no message in the log%', event, coalesce(' for account "' || account || '"', '')
            USING ERRCODE = 'no_data_found',
                  HINT = CASE WHEN is_state
                              THEN 'Stop another webhook and start it, or have one fail, and look again.'
                              ELSE 'Change a row that it is about, or raise it with webhooks.emit(event), and look again.' END;
    END IF;

    SELECT jsonb_object(call.header_names, call.header_values), convert_from(call.body, 'UTF8') INTO headers, body
    FROM webhooks.preview_call(webhook_id, event_id, newest.at, newest.xid::text::bigint, newest.seq) AS call;
    IF body IS NULL THEN
        RAISE EXCEPTION 'webhook "%" cannot be sent to', webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Give it an endpoint with webhooks.add_endpoint(webhook, url). If it has one, a warning above says what is wrong.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.preview(text, text) IS
'The headers and the body that the webhook''s receiver would get for the newest message of that event, of the webhook''s account where it has one, at the first attempt. Sends nothing. Values of headers that are secret are masked.';
