-- Making a webhook what a definition says, with the functions that a person would use: so that checks, messages and what becomes
-- of pending deliveries are the same. What is so already is not touched.

CREATE FUNCTION webhooks.set_endpoints(name text, of_webhook bigint, urls jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present text[] := ARRAY(SELECT e.url FROM webhooks.endpoint e WHERE e.webhook_id = of_webhook);
    wanted  text[] := ARRAY(SELECT DISTINCT url FROM jsonb_array_elements_text(urls) AS url ORDER BY url);
    url     text;
BEGIN
    IF cardinality(present) = 1 AND cardinality(wanted) = 1 AND present <> wanted THEN
        PERFORM webhooks.alter_webhook(name, url => wanted[1]);
        RETURN;
    END IF;
    FOREACH url IN ARRAY wanted LOOP
        IF url <> ALL (present) THEN
            PERFORM webhooks.add_endpoint(name, url);
        END IF;
    END LOOP;
    FOREACH url IN ARRAY present LOOP
        IF url <> ALL (wanted) THEN
            PERFORM webhooks.remove_endpoint(name, url);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.set_endpoints(text, bigint, jsonb) IS
'For save_webhook and apply_config: adds and removes endpoints until these are the webhook''s. Those that stay keep their state and deliveries, and one in place of the only one takes over what waits, as alter_webhook has it.';


CREATE FUNCTION webhooks.set_subscription(maker name, name text, of_webhook bigint, event text, wanted jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    present  jsonb;
    event_id bigint;
BEGIN
    SELECT coalesce(d.document -> 'payload', 'null') INTO present
    FROM webhooks.subscription_documents(of_webhook) d WHERE d.event = event;
    IF present IS NULL THEN
        PERFORM webhooks.subscribe_for(maker, name, ARRAY[event], wanted);
        -- One that a pattern made had the pattern's.
        SELECT coalesce(d.document -> 'payload', 'null') INTO present
        FROM webhooks.subscription_documents(of_webhook) d WHERE d.event = event;
    END IF;
    IF nullif(present, 'null') IS NOT DISTINCT FROM wanted THEN
        RETURN;
    ELSIF strpos(event, '*') > 0 THEN
        -- Whose it is stays, whoever gives it another payload.
        PERFORM webhooks.check_payload(wanted);
        PERFORM webhooks.lock_patterns(exclusively => true);
        UPDATE webhooks.subscription_pattern p SET payload = wanted WHERE p.webhook_id = of_webhook AND p.pattern = event;
        PERFORM webhooks.follow_patterns(of_webhook, NULL, event);
    ELSIF wanted IS NOT NULL THEN
        PERFORM webhooks.subscribe_for(maker, name, ARRAY[event], wanted);
        RETURN;
    ELSE
        -- subscribe has no word for: the webhook's payload again.
        event_id := webhooks.event_id(event);
        PERFORM webhooks.check_payload_for_event(w.payload, event_id) FROM webhooks.webhook w WHERE w.id = of_webhook;
        UPDATE webhooks.subscription s SET payload = NULL WHERE s.webhook_id = of_webhook AND s.event_id = event_id;
    END IF;
    PERFORM webhooks.note_change(of_webhook);
END $$;

COMMENT ON FUNCTION webhooks.set_subscription(name, text, bigint, text, jsonb) IS
'For save_webhook and apply_config: subscribes a webhook to an event, or as the maker to a pattern, with just this payload; NULL is the webhook''s. A subscription that exists goes on.';


CREATE FUNCTION webhooks.set_events(name text, of_webhook bigint, events jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- An array: a query's cursor could be read by what an event's maker gave, which is read as that role meanwhile.
    given  jsonb[] := ARRAY(SELECT to_jsonb(w) FROM webhooks.wanted_events(of_webhook, events) w);
    wanted jsonb;
    maker  name;
    event  text;
    kept   text[] := '{}';
    ended  text[];
BEGIN
    FOR n IN 1 .. cardinality(given) LOOP
        wanted := given[n] -> 'wanted';
        event := given[n] ->> 'event';
        IF NOT (given[n] -> 'is_so')::boolean THEN
            maker := webhooks.given_owner(wanted, NULL);
            IF event IS NULL THEN
                event := webhooks.add_event_for(
                    maker, name, wanted ->> 'type', webhooks.given_table(wanted ->> 'on_table'),
                    webhooks.text_list(wanted -> 'fields'), wanted ->> 'condition', wanted -> 'payload');
            END IF;
            PERFORM webhooks.set_subscription(maker, name, of_webhook, event, wanted -> 'payload');
        END IF;
        kept := kept || event;
    END LOOP;

    ended := ARRAY(SELECT d.event FROM webhooks.subscription_documents(of_webhook) d WHERE d.event <> ALL (kept));
    IF ended <> '{}' THEN
        PERFORM webhooks.unsubscribe(name, ended);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.set_events(text, bigint, jsonb) IS
'For save_webhook and apply_config: subscribes and unsubscribes until these are what the webhook has asked for. What stays keeps what is pending.';


CREATE FUNCTION webhooks.wanted_events(of_webhook bigint, events jsonb) RETURNS TABLE (wanted jsonb, event text, is_so boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.wanted, coalesce(g.wanted ->> 'name', d.event),
           d.event IS NOT NULL AND d.document -> 'payload' IS NOT DISTINCT FROM g.wanted -> 'payload'
    FROM jsonb_array_elements(events) WITH ORDINALITY AS g (wanted, n)
         LEFT JOIN webhooks.subscription_documents(of_webhook) d
                   ON d.document - CASE WHEN g.wanted ? 'owner' THEN '{payload}' ELSE '{payload,owner}' END::text[] = g.wanted - 'payload'
    ORDER BY g.n;
END $$;

COMMENT ON FUNCTION webhooks.wanted_events(bigint, jsonb) IS
'For save_webhook and apply_config: events as they were given, with their names, NULL for unnamed ones that the webhook has not in these very words, and whether the webhook is subscribed just so.';


CREATE FUNCTION webhooks.text_list(list jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN list IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(list)) END
$$;

COMMENT ON FUNCTION webhooks.text_list(jsonb) IS
'For save_webhook and apply_config: a list of texts in JSON as an array. NULL stays NULL.';


CREATE FUNCTION webhooks.set_settings(of_webhook bigint, given jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present webhooks.webhook;
    wanted  webhooks.webhook;
    secrets jsonb := webhooks.secret_settings(of_webhook);
    secret  text;
    headers jsonb;
BEGIN
    SELECT w.* INTO present FROM webhooks.webhook w WHERE w.id = of_webhook;
    PERFORM webhooks.given_owner(given, present.created_by);
    wanted := jsonb_populate_record(present, given - '{id,state}'::text[]);
    -- Said again with another signature, it is to be kept, and not made anew.
    IF given ->> 'secret' IS DISTINCT FROM secrets ->> 'secret' OR wanted.signature <> present.signature THEN
        secret := given ->> 'secret';
    END IF;
    IF given -> 'headers' IS DISTINCT FROM secrets -> 'headers' THEN
        headers := given -> 'headers';
    END IF;

    PERFORM webhooks.check_name('name', wanted.name);
    IF wanted.name <> present.name AND EXISTS (SELECT FROM webhooks.webhook w WHERE w.name = wanted.name) THEN
        RAISE EXCEPTION 'invalid argument "name": webhook "%" already exists', wanted.name
            USING ERRCODE = 'duplicate_object',
                  HINT = 'Choose another name.';
    END IF;
    IF wanted IS DISTINCT FROM present OR secret IS NOT NULL OR headers IS NOT NULL THEN
        PERFORM webhooks.alter_webhook(
            present.name,
            description    => coalesce(wanted.description, ''),
            account        => coalesce(wanted.account, ''),
            secret         => secret,
            signature      => wanted.signature,
            headers        => headers,
            handshake_key  => coalesce(wanted.handshake_key, ''),
            throttle_calls => coalesce(wanted.throttle_calls, 0),
            throttle_per   => wanted.throttle_per,
            batch_size     => wanted.batch_size,
            max_in_flight  => wanted.max_in_flight,
            ordering       => wanted.ordering,
            timeout        => wanted.timeout,
            retry_schedule => wanted.retry_schedule,
            when_exhausted => wanted.when_exhausted,
            properties     => wanted.properties,
            errors_email   => coalesce(wanted.errors_email, ''),
            payload        => nullif(wanted.payload, present.payload),
            new_name       => nullif(wanted.name, present.name));
    END IF;
    RETURN wanted.name;
END $$;

COMMENT ON FUNCTION webhooks.set_settings(bigint, jsonb) IS
'For save_webhook and apply_config: gives a webhook what a definition says with alter_webhook, where that is something else, and returns its name, which may be new.';


CREATE FUNCTION webhooks.make_webhook(given jsonb) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled  jsonb := webhooks.default_webhook() || given;
    owner   name  := webhooks.given_owner(given, NULL);
    wanted  webhooks.webhook;
    made_id bigint;
BEGIN
    wanted := jsonb_populate_record(NULL::webhooks.webhook, filled);
    made_id := (webhooks.create_webhook(
        wanted.name,
        filled -> 'endpoints' ->> 0,
        description    => wanted.description,
        account        => wanted.account,
        secret         => filled ->> 'secret',
        signature      => wanted.signature,
        headers        => filled -> 'headers',
        handshake_key  => wanted.handshake_key,
        throttle_calls => wanted.throttle_calls,
        throttle_per   => wanted.throttle_per,
        batch_size     => wanted.batch_size,
        max_in_flight  => wanted.max_in_flight,
        ordering       => wanted.ordering,
        timeout        => wanted.timeout,
        retry_schedule => wanted.retry_schedule,
        when_exhausted => wanted.when_exhausted,
        properties     => wanted.properties,
        errors_email   => wanted.errors_email,
        payload        => wanted.payload)).id;
    UPDATE webhooks.webhook w SET created_by = owner WHERE w.id = made_id AND w.created_by <> owner;
    RETURN made_id;
END $$;

COMMENT ON FUNCTION webhooks.make_webhook(jsonb) IS
'For save_webhook and apply_config: makes a webhook with create_webhook, whose the definition says, the first of its endpoints, and no events yet; returns its id.';


CREATE FUNCTION webhooks.put_webhook(of_webhook bigint, given jsonb) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    put_id bigint := coalesce(of_webhook, webhooks.make_webhook(given));
    name   text   := CASE WHEN of_webhook IS NULL THEN given ->> 'name' ELSE webhooks.set_settings(put_id, given) END;
BEGIN
    IF given -> 'endpoints' IS NOT NULL THEN
        PERFORM webhooks.set_endpoints(name, put_id, given -> 'endpoints');
    END IF;
    RETURN put_id;
END $$;

COMMENT ON FUNCTION webhooks.put_webhook(bigint, jsonb) IS
'For save_webhook and apply_config: makes the webhook with this id what a definition says, or, if that is NULL, a new one, and returns its id. Its events and state are left to put_events_and_state: another webhook that is yet to be made may be among them.';


CREATE FUNCTION webhooks.put_events_and_state(of_webhook bigint, given jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (SELECT w.name FROM webhooks.webhook w WHERE w.id = of_webhook);
BEGIN
    IF given -> 'events' IS NOT NULL THEN
        PERFORM webhooks.set_events(name, of_webhook, (
            SELECT coalesce(jsonb_agg(webhooks.local_subscription(event) ORDER BY n), '[]')
            FROM jsonb_array_elements(given -> 'events') WITH ORDINALITY AS e (event, n)));
        -- An expression of its maker's, which is read meanwhile, can rename what is its maker's.
        IF name IS DISTINCT FROM (SELECT w.name FROM webhooks.webhook w WHERE w.id = of_webhook) THEN
            RAISE EXCEPTION 'invalid argument "events": webhook "%" has another name now, or is gone', name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'An expression among them has done that. Leave it out.';
        END IF;
    END IF;
    IF given -> 'state' IS NOT NULL THEN
        PERFORM webhooks.set_webhook_state(name, given ->> 'state');
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.put_events_and_state(bigint, jsonb) IS
'For save_webhook and apply_config: subscribes a webhook to what a definition says, and starts, pauses or stops it.';


CREATE FUNCTION webhooks.saved_webhook_id(given jsonb) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given_id bigint := nullif((given ->> 'id')::bigint, 0);
    found    webhooks.webhook;
BEGIN
    -- Locked, so that it is still there, and of that name, when it is changed.
    SELECT w.* INTO found FROM webhooks.webhook w
    WHERE w.id = given_id OR given_id IS NULL AND w.name = given ->> 'name'
    FOR NO KEY UPDATE;
    IF given_id IS NULL THEN
        PERFORM webhooks.check_is_mine('webhook', found.name, found.created_by) WHERE found.id IS NOT NULL;
    ELSIF found.id IS NULL OR NOT webhooks.is_mine(found.created_by) THEN
        -- Ids are easily guessed, and tell no names.
        RAISE EXCEPTION 'invalid argument "id": there is no webhook %', given_id
            USING ERRCODE = 'undefined_object',
                  HINT = 'Leave id out: then the webhook of that name is changed, or made if there is none.';
    END IF;
    RETURN found.id;
END $$;

COMMENT ON FUNCTION webhooks.saved_webhook_id(jsonb) IS
'For save_webhook: the webhook that a definition is about, by its id, or if it has none by its name, locked. NULL: none yet.';


CREATE FUNCTION webhooks.save_webhook(definition jsonb) RETURNS jsonb
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    given    jsonb  := webhooks.given_webhook(definition, '{id,verify}');
    saved_id bigint := webhooks.put_webhook(webhooks.saved_webhook_id(given), given);
BEGIN
    PERFORM webhooks.put_events_and_state(saved_id, given);
    IF (given ->> 'verify')::boolean THEN
        PERFORM webhooks.verify_webhook(saved_id);
    END IF;
    RETURN webhooks.get_webhook(w.name) FROM webhooks.webhook w WHERE w.id = saved_id;
END $$;

COMMENT ON FUNCTION webhooks.save_webhook(jsonb) IS
'Makes or changes a webhook by its whole definition as JSON, and returns it as get_webhook does. With an id, that of the webhook to change, also its name; without, or with 0, the webhook of that name is changed, or made if there is none. What is left out stays as it is, or has its default in a new one; endpoints and events that are given are all that there shall be: those that are not listed end, those that are go on with what is pending, and another endpoint in place of the only one gets what waits for that. url is short for a single endpoint. A key that is unknown is an error; created_at, created_by, changed_at, changed_by and how endpoints are only tell how things are. verify makes a test call first, and nothing is changed unless it is answered with 2xx.';
