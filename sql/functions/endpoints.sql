-- The URLs of a webhook.

CREATE FUNCTION webhooks.add_endpoint(webhook text, url text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner_id bigint := webhooks.webhook_id(webhook);
BEGIN
    PERFORM webhooks.check_url(url);

    INSERT INTO webhooks.endpoint (webhook_id, url) VALUES (owner_id, url) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "url": % is an endpoint of webhook "%" already', url, webhook
            USING ERRCODE = 'duplicate_object',
                  HINT = 'It gets every message of the webhook as it is.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.add_endpoint(text, text) IS
'Adds a URL that gets every message of the webhook too, with a retry schedule of its own. One endpoint never delays another.';


CREATE FUNCTION webhooks.remove_endpoint(webhook text, url text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner_id  bigint := webhooks.webhook_id(webhook);
    endpoints text[];
BEGIN
    -- Two sessions that each remove one of two endpoints must not leave none.
    PERFORM FROM webhooks.webhook w WHERE w.id = owner_id FOR NO KEY UPDATE;
    endpoints := ARRAY(SELECT e.url FROM webhooks.endpoint e WHERE e.webhook_id = owner_id ORDER BY e.id);

    IF array_position(endpoints, url) IS NULL THEN
        RAISE EXCEPTION 'invalid argument "url": % is not an endpoint of webhook "%"', coalesce(url, 'NULL'), webhook
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its endpoints are: ' || array_to_string(endpoints, ', ');
    ELSIF cardinality(endpoints) = 1 THEN
        RAISE EXCEPTION 'invalid argument "url": % is the only endpoint of webhook "%"', url, webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add another one first, or use webhooks.stop_webhook(name) or webhooks.drop_webhook(name).';
    END IF;

    DELETE FROM webhooks.endpoint e WHERE e.webhook_id = owner_id AND e.url = remove_endpoint.url;
END $$;

COMMENT ON FUNCTION webhooks.remove_endpoint(text, text) IS
'Removes a URL from a webhook, with its pending and failed deliveries. The last one cannot be removed: stop or drop the webhook instead.';
