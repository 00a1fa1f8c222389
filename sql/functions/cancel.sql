-- Taking back what is pending, wherever it is: in rows, in the worker's memory, or in the log and not read yet.

CREATE FUNCTION webhooks.cancel(webhook text, message_id text = NULL) RETURNS bigint
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    owner_id      bigint := webhooks.webhook_id(webhook, 'webhook');
    -- Taken first: what becomes visible in between is not concerned.
    committed     pg_snapshot := pg_current_snapshot();
    cancelled_seq bigint := webhooks.message_seq_of(message_id);
    cancelled_at  timestamptz := webhooks.message_at_of(message_id);
    concerned     bigint;
    mending_ids   bigint[];
BEGIN
    IF message_id IS NOT NULL THEN
        PERFORM webhooks.check_message_id(message_id);
    END IF;
    SELECT count(*) INTO concerned
    FROM webhooks.pending_delivery p
    WHERE p.webhook_id = owner_id AND pg_visible_in_snapshot(p.message_xid, committed)
      AND (cancelled_seq IS NULL OR p.message_seq = cancelled_seq AND p.message_at = cancelled_at);
    IF concerned = 0 THEN
        RETURN 0;
    END IF;

    WITH added AS (
        INSERT INTO webhooks.mending (endpoint_id, cancelled, message_seq, message_at)
        SELECT e.id, committed, cancelled_seq, cancelled_at FROM webhooks.endpoint e WHERE e.webhook_id = owner_id
        RETURNING id
    )
    SELECT array_agg(a.id) INTO mending_ids FROM added a;
    PERFORM webhooks.drop_cancelled(mending_ids);
    RETURN concerned;
END $$;

COMMENT ON FUNCTION webhooks.cancel(text, text) IS
'Takes back what is pending for a webhook, or one message of it, wherever it waits, and returns how many deliveries that are. A call that is open is finished, and not tried again. What had failed and was being sent again is a failed delivery again.';
