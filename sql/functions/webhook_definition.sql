-- Making, changing and dropping a webhook.

CREATE TYPE webhooks.created_webhook AS (id bigint, name text, secret text);

COMMENT ON TYPE webhooks.created_webhook IS
'What create_webhook returns: the id that payloads carry, the name, and the secret that receivers verify with.';


CREATE FUNCTION webhooks.create_webhook(
    name           text,
    url            text,
    description    text       = NULL,
    account        text       = NULL,
    secret         text       = NULL,
    signature      text       = 'standard',
    headers        jsonb      = '{}',
    handshake_key  text       = NULL,
    throttle_calls int        = NULL,
    throttle_per   interval   = '1 second',
    batch_size     int        = 1,
    max_in_flight  int        = 8,
    ordering       text       = 'record',
    timeout        interval   = '15 seconds',
    retry_schedule interval[] = '{5s,1m,5m,15m,15m}',
    when_exhausted text       = 'disable',
    properties     jsonb      = '{}',
    errors_email   text       = NULL,
    payload        jsonb      = '"default"',
    verify         boolean    = false
) RETURNS webhooks.created_webhook
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    made    webhooks.webhook;
    created webhooks.created_webhook;
BEGIN
    made.name := name;
    made.description := nullif(description, '');
    made.account := nullif(account, '');
    made.signature := signature;
    made.handshake_key := nullif(handshake_key, '');
    made.throttle_calls := nullif(throttle_calls, 0);
    made.throttle_per := throttle_per;
    made.batch_size := batch_size;
    made.max_in_flight := max_in_flight;
    made.ordering := ordering;
    made.timeout := timeout;
    made.retry_schedule := retry_schedule;
    made.when_exhausted := when_exhausted;
    made.properties := properties;
    made.errors_email := nullif(errors_email, '');
    made.payload := payload;
    PERFORM webhooks.check_flag('verify', verify, 'Give true to have a test call made first, or false to have none made.');
    PERFORM webhooks.check_url(url);
    PERFORM webhooks.check_webhook(made);

    -- Until nobody else has taken its place meanwhile.
    LOOP
        INSERT INTO webhooks.webhook AS w
            (name, description, account, account_place, signature, handshake_key, throttle_calls, throttle_per, batch_size,
             max_in_flight, ordering, timeout, retry_schedule, when_exhausted, properties, errors_email, payload)
        VALUES
            (made.name, made.description, made.account, webhooks.place_in_account(made.account), made.signature,
             made.handshake_key, made.throttle_calls, made.throttle_per, made.batch_size, made.max_in_flight, made.ordering,
             made.timeout, made.retry_schedule, made.when_exhausted, made.properties, made.errors_email, made.payload)
        ON CONFLICT DO NOTHING
        RETURNING w.id, w.name INTO created.id, created.name;
        EXIT WHEN created.id IS NOT NULL;

        IF EXISTS (SELECT FROM webhooks.webhook w WHERE w.name = made.name) THEN
            RAISE EXCEPTION 'invalid argument "name": webhook "%" already exists', name
                USING ERRCODE = 'duplicate_object',
                      HINT = 'Choose another name, or drop that one with webhooks.drop_webhook(name).';
        END IF;
    END LOOP;

    created.secret := webhooks.set_secret(created.id, signature, secret);
    PERFORM webhooks.set_headers(created.id, headers);
    INSERT INTO webhooks.endpoint (webhook_id, url) VALUES (created.id, url);
    IF verify THEN
        PERFORM webhooks.verify_webhook(created.id);
    END IF;
    RETURN created;
END $$;

COMMENT ON FUNCTION webhooks.create_webhook(text, text, text, text, text, text, jsonb, text, int, interval, int, int, text, interval, interval[], text, jsonb, text, jsonb, boolean) IS
'Makes a webhook with one endpoint and returns its id, name and secret; use add_event or subscribe to say what it is told. With an account it gets only messages of that account. secret is generated unless given; signature says whose receivers can verify the calls: standard, standard-ed25519, github, stripe, shopify or none. headers are added to each call. Each endpoint gets at most throttle_calls calls in any interval of throttle_per, up to batch_size messages in a call, and max_in_flight calls at once; ordering is record, strict or none; timeout is for a whole call; retry_schedule holds the wait before each further attempt; when_exhausted says what becomes of an endpoint that nothing has reached while a message was tried for that long: disable or keep. properties are yours to keep with it; errors_email gets mail when deliveries have failed for good or an endpoint is disabled. handshake_key is sent in each body; payload is the shape of bodies: the name of a preset as JSON ("default", "standard", "cloudevents", "capsule", "clinchpad", "hubspot", "superoffice") or a template, JSON with placeholders such as [@field:status] in its strings. verify makes a test call and creates nothing unless it is answered with 2xx.';


CREATE FUNCTION webhooks.move_to_account(of_webhook bigint, account text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    LOOP
        BEGIN
            UPDATE webhooks.webhook w SET account = account, account_place = webhooks.place_in_account(account) WHERE w.id = of_webhook;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            -- Somebody else has taken the place meanwhile, which a snapshot of the transaction's never shows.
            IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
                RAISE EXCEPTION 'could not serialize access due to concurrent update'
                    USING ERRCODE = 'serialization_failure',
                          HINT = 'Try the transaction again.';
            END IF;
        END;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.move_to_account(bigint, text) IS
'For alter_webhook: makes a webhook one of an account, or with NULL of none, if there is room for it.';


CREATE FUNCTION webhooks.alter_webhook(
    name           text,
    url            text       = NULL,
    description    text       = NULL,
    account        text       = NULL,
    secret         text       = NULL,
    signature      text       = NULL,
    headers        jsonb      = NULL,
    handshake_key  text       = NULL,
    throttle_calls int        = NULL,
    throttle_per   interval   = NULL,
    batch_size     int        = NULL,
    max_in_flight  int        = NULL,
    ordering       text       = NULL,
    timeout        interval   = NULL,
    retry_schedule interval[] = NULL,
    when_exhausted text       = NULL,
    properties     jsonb      = NULL,
    errors_email   text       = NULL,
    payload        jsonb      = NULL,
    new_name       text       = NULL
) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    changed_id bigint := webhooks.webhook_id(name);
    changed    webhooks.webhook;
    resigned   boolean;
    moved      boolean;
    -- Events that its patterns match and that had no columns for its payload may have them for the new one.
    reshaped   boolean := payload IS NOT NULL AND EXISTS (SELECT FROM webhooks.subscription_pattern p
                                                          WHERE p.webhook_id = changed_id AND p.payload IS NULL);
BEGIN
    IF reshaped THEN
        PERFORM webhooks.lock_patterns(exclusively => true);
    END IF;
    SELECT w.* INTO changed FROM webhooks.webhook w WHERE w.id = changed_id FOR NO KEY UPDATE;
    resigned := signature <> changed.signature;
    changed.name := coalesce(new_name, changed.name);
    changed.description := nullif(coalesce(description, changed.description), '');
    moved := nullif(account, '') IS DISTINCT FROM changed.account AND account IS NOT NULL;
    changed.account := nullif(coalesce(account, changed.account), '');
    changed.signature := coalesce(signature, changed.signature);
    changed.handshake_key := nullif(coalesce(handshake_key, changed.handshake_key), '');
    changed.throttle_calls := nullif(coalesce(throttle_calls, changed.throttle_calls), 0);
    changed.throttle_per := coalesce(throttle_per, changed.throttle_per);
    changed.batch_size := coalesce(batch_size, changed.batch_size);
    changed.max_in_flight := coalesce(max_in_flight, changed.max_in_flight);
    changed.ordering := coalesce(ordering, changed.ordering);
    changed.timeout := coalesce(timeout, changed.timeout);
    changed.retry_schedule := coalesce(retry_schedule, changed.retry_schedule);
    changed.when_exhausted := coalesce(when_exhausted, changed.when_exhausted);
    changed.properties := coalesce(properties, changed.properties);
    changed.errors_email := nullif(coalesce(errors_email, changed.errors_email), '');
    changed.payload := coalesce(payload, changed.payload);
    IF new_name IS NOT NULL THEN
        PERFORM webhooks.check_name('new_name', new_name);
    END IF;
    PERFORM webhooks.check_webhook(changed);
    IF moved THEN
        PERFORM webhooks.move_to_account(changed_id, changed.account);
    END IF;
    IF payload IS NOT NULL THEN
        PERFORM webhooks.check_payload_for_event(payload, s.event_id)
        FROM webhooks.subscription s WHERE s.webhook_id = changed_id AND s.payload IS NULL;
    END IF;

    UPDATE webhooks.webhook w
    SET name = changed.name, description = changed.description, account = changed.account, signature = changed.signature,
        handshake_key = changed.handshake_key, throttle_calls = changed.throttle_calls,
        throttle_per = changed.throttle_per, batch_size = changed.batch_size, max_in_flight = changed.max_in_flight,
        ordering = changed.ordering, timeout = changed.timeout, retry_schedule = changed.retry_schedule,
        when_exhausted = changed.when_exhausted, properties = changed.properties, errors_email = changed.errors_email,
        payload = changed.payload, changed_at = now(), changed_by = webhooks.caller_name()
    WHERE w.id = changed_id;

    IF reshaped THEN
        PERFORM webhooks.follow_patterns(changed_id, NULL);
    END IF;

    -- What waits for it may be another account's.
    IF moved AND changed.account IS NOT NULL THEN
        DELETE FROM webhooks.delivery d USING webhooks.endpoint e
        WHERE e.webhook_id = changed_id AND d.endpoint_id = e.id AND d.state <> 'failed'
          AND NOT EXISTS (SELECT FROM webhooks.message m
                          WHERE m.at = d.message_at AND m.xid = d.message_xid AND m.seq = d.message_seq
                            AND m.account = changed.account);
    END IF;

    -- A secret that was made for one signature is of no use to another.
    IF resigned OR secret IS NOT NULL THEN
        PERFORM webhooks.set_secret(changed_id, changed.signature, secret);
        IF secret IS NULL AND changed.signature <> 'none' THEN
            RAISE NOTICE 'webhook "%" has a new secret', changed.name
                USING HINT = 'webhooks.reveal_secret(name) shows it.';
        END IF;
    END IF;
    IF headers IS NOT NULL THEN
        PERFORM webhooks.set_headers(changed_id, headers);
    END IF;
    IF url IS NOT NULL THEN
        PERFORM webhooks.move_endpoint(changed_id, url);
    END IF;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'invalid argument "new_name": webhook "%" already exists', new_name
        USING ERRCODE = 'duplicate_object',
              HINT = 'Choose another name.';
END $$;

COMMENT ON FUNCTION webhooks.alter_webhook(text, text, text, text, text, text, jsonb, text, int, interval, int, int, text, interval, interval[], text, jsonb, text, jsonb, text) IS
'Changes a webhook: the parameters are those of create_webhook without verify, for which there is test_webhook, NULL leaves as it is, and new_name renames it. With another url what waits is sent there, and what was known of the former one counts no more; it is for webhooks with one endpoint. An empty description, account, handshake_key or errors_email and 0 throttle_calls mean none, headers and properties are replaced as a whole. payload goes for all subscriptions without one of their own. A secret, and a signature that is another one, count at once: no older secret signs any more, and where no secret is given one is made that fits. rotate_secret gives receivers time. With another account it gets no more messages of the one before, also those that wait. What else waits is sent as the webhook is then.';


CREATE FUNCTION webhooks.note_change(of_webhook bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.webhook w SET changed_at = now(), changed_by = webhooks.caller_name()
    WHERE w.id = of_webhook AND (w.changed_at, w.changed_by) IS DISTINCT FROM (now(), webhooks.caller_name())
$$;

COMMENT ON FUNCTION webhooks.note_change(bigint) IS
'For the functions that change what belongs to a webhook, its endpoints, secrets and subscriptions: notes who did and when.';


CREATE FUNCTION webhooks.drop_webhook(name text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    dropped_id bigint   := webhooks.webhook_id(drop_webhook.name);
    event_ids  bigint[] := ARRAY(SELECT s.event_id FROM webhooks.subscription s WHERE s.webhook_id = dropped_id);
BEGIN
    DELETE FROM webhooks.webhook w WHERE w.id = dropped_id;
    PERFORM webhooks.drop_unused_events(event_ids);
    PERFORM webhooks.retire_event(e.id) FROM webhooks.event e
    WHERE e.name IN (SELECT format('webhook%s.%s', dropped_id, happened) FROM unnest(ARRAY['started', 'stopped', 'errors']) AS happened)
      AND e.dropped_at IS NULL;
END $$;

COMMENT ON FUNCTION webhooks.drop_webhook(text) IS
'Drops a webhook with its endpoints, its subscriptions and its deliveries, also the pending ones. Unnamed events that only it wanted are dropped with it, and the events webhook<id>.started and so on that are about it.';
