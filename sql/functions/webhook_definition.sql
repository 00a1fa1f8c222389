-- Making and dropping a webhook.

CREATE TYPE webhooks.created_webhook AS (id bigint, name text, secret text);

COMMENT ON TYPE webhooks.created_webhook IS
'What create_webhook returns: the id that payloads carry, the name, and the secret that receivers verify with.';


CREATE FUNCTION webhooks.create_webhook(
    name           text,
    url            text,
    description    text       = NULL,
    secret         text       = NULL,
    max_in_flight  int        = 8,
    ordering       text       = 'record',
    timeout        interval   = '15 seconds',
    retry_schedule interval[] = '{5s,1m,5m,15m,15m}'
) RETURNS webhooks.created_webhook
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    created webhooks.created_webhook;
BEGIN
    PERFORM webhooks.check_name('name', name);
    PERFORM webhooks.check_url(url);
    PERFORM webhooks.check_webhook(max_in_flight, ordering, timeout, retry_schedule);
    IF secret IS NULL THEN
        secret := webhooks.generate_secret();
    ELSE
        PERFORM webhooks.check_secret(secret);
    END IF;

    INSERT INTO webhooks.webhook AS w
        (name, description, secret, max_in_flight, ordering, timeout, retry_schedule)
    VALUES (name, description, secret, max_in_flight, ordering, timeout, retry_schedule)
    ON CONFLICT DO NOTHING
    RETURNING w.id, w.name, w.secret INTO created;

    IF created.id IS NULL THEN
        RAISE EXCEPTION 'invalid argument "name": webhook "%" already exists', name
            USING ERRCODE = 'duplicate_object',
                  HINT = 'Choose another name, or drop that one with webhooks.drop_webhook(name).';
    END IF;

    INSERT INTO webhooks.endpoint (webhook_id, url) VALUES (created.id, url);
    RETURN created;
END $$;

COMMENT ON FUNCTION webhooks.create_webhook(text, text, text, text, int, text, interval, interval[]) IS
'Makes a webhook with one endpoint and returns its id, name and secret; use add_event or subscribe to say what it is told. secret is generated unless given as whsec_ and 24 to 64 bytes in base64. max_in_flight calls may be open at once to an endpoint; ordering is record, strict or none; timeout is for a whole call; retry_schedule holds the wait before each further attempt.';


CREATE FUNCTION webhooks.drop_webhook(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped_id bigint   := webhooks.webhook_id(drop_webhook.name);
    event_ids  bigint[] := ARRAY(SELECT s.event_id FROM webhooks.subscription s WHERE s.webhook_id = dropped_id);
BEGIN
    DELETE FROM webhooks.webhook w WHERE w.id = dropped_id;
    PERFORM webhooks.drop_unused_events(event_ids);
END $$;

COMMENT ON FUNCTION webhooks.drop_webhook(text) IS
'Drops a webhook with its endpoints, its subscriptions and its deliveries, also the pending ones. Unnamed events that only it wanted are dropped with it.';
