-- Headers of a user's own.

CREATE FUNCTION webhooks.set_headers(webhook_id bigint, headers jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM webhooks.check_headers(headers::text);
    DELETE FROM webhooks.header h WHERE h.webhook_id = webhook_id;
    INSERT INTO webhooks.header (webhook_id, name, value)
    SELECT webhook_id, given.key, given.value FROM jsonb_each_text(headers) AS given;
END $$;

COMMENT ON FUNCTION webhooks.set_headers(bigint, jsonb) IS
'For create_webhook and alter_webhook: makes these the headers that are added to each call of a webhook.';
