-- The URLs of a webhook.

CREATE FUNCTION webhooks.endpoint_id(webhook text, url text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner_id bigint := webhooks.webhook_id(webhook, 'webhook');
    found_id bigint := (SELECT e.id FROM webhooks.endpoint e
                        WHERE e.webhook_id = owner_id AND e.url = endpoint_id.url);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'invalid argument "url": % is not an endpoint of webhook "%"', coalesce(url, 'NULL'), webhook
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its endpoints are: ' || (SELECT string_agg(e.url, ', ' ORDER BY e.id) FROM webhooks.endpoint e
                                                   WHERE e.webhook_id = owner_id);
    END IF;
    RETURN found_id;
END $$;

COMMENT ON FUNCTION webhooks.endpoint_id(text, text) IS
'For the functions of this schema: the id of a webhook''s endpoint. An unknown URL is an error.';


CREATE FUNCTION webhooks.add_endpoint(webhook text, url text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    owner_id bigint := webhooks.webhook_id(webhook, 'webhook');
BEGIN
    PERFORM webhooks.check_url(url);

    INSERT INTO webhooks.endpoint (webhook_id, url) VALUES (owner_id, url) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "url": % is an endpoint of webhook "%" already', url, webhook
            USING ERRCODE = 'duplicate_object',
                  HINT = 'It gets every message of the webhook as it is.';
    END IF;
    PERFORM webhooks.note_change(owner_id);
END $$;

COMMENT ON FUNCTION webhooks.add_endpoint(text, text) IS
'Adds a URL that gets every message of the webhook too, with a retry schedule of its own. One endpoint never delays another.';


CREATE FUNCTION webhooks.move_endpoint(of_webhook bigint, url text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    present webhooks.endpoint[];
BEGIN
    PERFORM webhooks.check_url(url);
    present := ARRAY(SELECT e FROM webhooks.endpoint e WHERE e.webhook_id = of_webhook ORDER BY e.id FOR NO KEY UPDATE);
    IF cardinality(present) > 1 THEN
        RAISE EXCEPTION 'invalid argument "url": the webhook has % endpoints', cardinality(present)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use webhooks.add_endpoint(webhook, url) and webhooks.remove_endpoint(webhook, url).';
    ELSIF present[1].url = url THEN
        RETURN;
    END IF;
    UPDATE webhooks.endpoint e SET url = url WHERE e.id = present[1].id;
    PERFORM webhooks.set_enabled(present[1].id);
END $$;

COMMENT ON FUNCTION webhooks.move_endpoint(bigint, text) IS
'For alter_webhook: another URL for the only endpoint of a webhook. What waits for it is sent there, and it is enabled, since what became of the former one says nothing about this one.';


CREATE FUNCTION webhooks.remove_endpoint(webhook text, url text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    owner_id   bigint := webhooks.webhook_id(webhook, 'webhook');
    removed_id bigint;
BEGIN
    -- Two sessions that each remove one of two endpoints must not leave none.
    PERFORM FROM webhooks.webhook w WHERE w.id = owner_id FOR NO KEY UPDATE;
    removed_id := webhooks.endpoint_id(webhook, url);

    IF NOT EXISTS (SELECT FROM webhooks.endpoint e WHERE e.webhook_id = owner_id AND e.id <> removed_id) THEN
        RAISE EXCEPTION 'invalid argument "url": % is the only endpoint of webhook "%"', url, webhook
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add another one first, or use webhooks.stop_webhook(name) or webhooks.drop_webhook(name).';
    END IF;

    DELETE FROM webhooks.endpoint e WHERE e.id = removed_id;
    PERFORM webhooks.note_change(owner_id);
END $$;

COMMENT ON FUNCTION webhooks.remove_endpoint(text, text) IS
'Removes a URL from a webhook, with its pending and failed deliveries. The last one cannot be removed: stop or drop the webhook instead.';
