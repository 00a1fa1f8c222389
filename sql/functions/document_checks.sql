-- What was given as JSON. Nothing is looked over: a key that is misspelt would else be left out without a word.

CREATE FUNCTION webhooks.check_keys(argument text, document jsonb, keys text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF jsonb_typeof(document) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'invalid argument "%": it is not a JSON object', argument
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Give an object with some of these keys: %s.', array_to_string(keys, ', '));
    END IF;
    SELECT key INTO unknown FROM jsonb_object_keys(document) AS key WHERE key <> ALL (keys) ORDER BY key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid argument "%": there is no key "%"', argument, unknown
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Did you mean one of these: %s?', webhooks.nearest_names(unknown, keys));
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_keys(text, jsonb, text[]) IS
'For save_webhook and apply_config: raises an error unless the JSON is an object with no other keys than these.';


CREATE FUNCTION webhooks.check_list(argument text, list jsonb, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(list) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'invalid argument "%": it is not a list', argument
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_list(text, jsonb, text) IS
'For save_webhook and apply_config: raises an error unless the JSON is an array.';


CREATE FUNCTION webhooks.check_values(document jsonb, of_row anyelement, any_json text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given record;
BEGIN
    FOR given IN SELECT key, value FROM jsonb_each(document) WHERE key <> ALL (any_json) LOOP
        IF jsonb_typeof(given.value) = 'object'
           OR jsonb_typeof(given.value) = 'array' AND given.key NOT IN ('fields', 'retry_schedule') THEN
            RAISE EXCEPTION 'invalid argument "%": it is an % in JSON', given.key, jsonb_typeof(given.value)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Give a single value, as webhooks.export_config() shows it.';
        END IF;
        BEGIN
            PERFORM jsonb_populate_record(of_row, jsonb_build_object(given.key, given.value));
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'invalid argument "%": %', given.key, SQLERRM
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Give it as webhooks.export_config() shows it.';
        END;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.check_values(jsonb, anyelement, text[]) IS
'For save_webhook and apply_config: raises an error that names the key unless each value can be one of the column of that name. Keys that may be any JSON are left alone.';


CREATE FUNCTION webhooks.given_endpoints(definition jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    endpoints jsonb := nullif(nullif(definition -> 'endpoints', 'null'), '[]');
    url       jsonb := nullif(definition -> 'url', 'null');
    endpoint  jsonb;
    urls      jsonb := '[]';
BEGIN
    IF url IS NOT NULL THEN
        IF endpoints IS NOT NULL THEN
            RAISE EXCEPTION 'invalid argument "url": there are "endpoints", too'
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Give one of the two: url is short for a single endpoint.';
        END IF;
        endpoints := jsonb_build_array(url);
    ELSIF definition -> 'endpoints' = '[]' THEN
        RAISE EXCEPTION 'invalid argument "endpoints": it is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give at least one URL, or leave endpoints out. A webhook that shall send nothing has the state ''stopped''.';
    ELSIF endpoints IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM webhooks.check_list('endpoints', endpoints, 'Give URLs, such as ["https://example.com/hooks"], or objects with a url.');
    FOR endpoint IN SELECT jsonb_array_elements(endpoints) LOOP
        IF jsonb_typeof(endpoint) = 'object' THEN
            PERFORM webhooks.check_keys('endpoints', endpoint, '{url,state,state_since,state_reason,created_at}');
            endpoint := coalesce(endpoint -> 'url', 'null');
        END IF;
        IF jsonb_typeof(endpoint) <> 'string' THEN
            RAISE EXCEPTION 'invalid argument "%": % is not a URL', CASE WHEN url IS NULL THEN 'endpoints' ELSE 'url' END, endpoint
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Give URLs, such as ["https://example.com/hooks"], or objects with a url.';
        END IF;
        PERFORM webhooks.check_url(endpoint #>> '{}');
        urls := urls || endpoint;
    END LOOP;
    RETURN urls;
END $$;

COMMENT ON FUNCTION webhooks.given_endpoints(jsonb) IS
'For save_webhook and apply_config: the URLs that a definition asks for, as a list, or NULL where it says nothing of them.';


CREATE FUNCTION webhooks.given_event(event jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(event) = 'string' THEN
        RETURN jsonb_build_object('name', event);
    END IF;
    IF event ? 'name' THEN
        PERFORM webhooks.check_keys('events', event,
            '{name,payload}'::text[]
            || CASE WHEN strpos(event ->> 'name', '*') > 0 THEN '{owner}' ELSE '{}' END::text[]
            || CASE WHEN event ->> 'name' LIKE 'webhook.%' THEN '{webhook}' ELSE '{}' END::text[]);
    ELSE
        PERFORM webhooks.check_keys('events', event, '{name,type,on_table,fields,condition,payload,owner}');
    END IF;
    PERFORM webhooks.check_values(event - 'on_table', NULL::webhooks.event, '{payload,owner,webhook}');
    -- A template may have a null; a key that is null is as if it was left out.
    RETURN (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(event) WHERE value <> 'null');
END $$;

COMMENT ON FUNCTION webhooks.given_event(jsonb) IS
'For save_webhook and apply_config: one of the events of a webhook''s definition as an object: {"name", "payload"}, or an unnamed event.';


CREATE FUNCTION webhooks.given_owner(given jsonb, present name) RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner text := given ->> 'owner';
BEGIN
    IF owner IS NULL OR owner = present THEN
        RETURN coalesce(present, webhooks.caller_name());
    ELSIF present IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "owner": it is role "%"''s', present
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Leave owner out. What one role has made webhooks.reassign_owned(old_role, new_role) makes another''s.';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner) THEN
        RAISE EXCEPTION 'invalid argument "owner": role "%" does not exist', owner
            USING ERRCODE = 'undefined_object',
                  HINT = 'Create that role, give another one, or leave owner out for what shall be yours.';
    ELSIF NOT webhooks.is_mine(owner) THEN
        RAISE EXCEPTION 'invalid argument "owner": permission denied for role "%"', owner
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Give a role that you are a member of, or leave owner out for what shall be yours.';
    END IF;
    RETURN owner;
END $$;

COMMENT ON FUNCTION webhooks.given_owner(jsonb, name) IS
'For save_webhook and apply_config: whose a definition is or, where nothing is present yet, shall be: the caller''s unless it says otherwise. An error if it cannot be that role''s.';


CREATE FUNCTION webhooks.check_owner_is_told(given jsonb, kind text, present name, known jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT known ? (given ->> 'name') AND webhooks.is_mine(present) THEN
        RAISE EXCEPTION 'invalid argument "config": % "%" was made while the document was applied', kind, given ->> 'name'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('An expression that role %s wrote may have done that. Look at what the document has them compute.', present);
    ELSIF given ->> 'owner' IS NULL AND webhooks.shown_owner(present) IS NOT NULL AND webhooks.may_do_all(webhooks.caller()) THEN
        RAISE EXCEPTION 'invalid argument "config": % "%" is role "%"''s, and the document does not say so', kind, given ->> 'name', present
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Give "owner": "%s" with it if that is the one you mean, or another name.', present);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_owner_is_told(jsonb, text, name, jsonb) IS
'For apply_config: raises an error where a definition meets what was not there before the document was applied, by the names that are the keys of known, or a superuser''s what somebody else has made under its name. They would get secrets that are not theirs.';


CREATE FUNCTION webhooks.given_table(name text) RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass := webhooks.relation_named(name);
BEGIN
    IF found IS NULL AND name IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "on_table": there is no table %', name
            USING ERRCODE = 'undefined_table',
                  HINT = 'Give a table with its schema, such as public.orders.';
    END IF;
    RETURN found;
END $$;

COMMENT ON FUNCTION webhooks.given_table(text) IS
'For save_webhook and apply_config: the table of that name; an unknown one is an error. NULL stays NULL.';


CREATE FUNCTION webhooks.given_webhook(definition jsonb, other_keys text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- What can be none. To all else null says what leaving it out says.
    can_be_none  text[] := '{description,account,handshake_key,throttle_calls,errors_email}';
    -- How things are, for reading: who saves what get_webhook gave has them too.
    for_reading  text[] := '{created_at,created_by,changed_at,changed_by}';
    endpoints    jsonb;
    events       jsonb;
    given        jsonb;
BEGIN
    PERFORM webhooks.check_keys('definition', definition,
        '{name,url,endpoints,events,state,description,account,secret,signature,headers,handshake_key,throttle_calls,throttle_per,batch_size,max_in_flight,ordering,timeout,retry_schedule,when_exhausted,properties,errors_email,payload}'
        || other_keys || for_reading);
    PERFORM webhooks.check_values(definition - for_reading - 'verify', NULL::webhooks.webhook,
                                  '{headers,properties,payload,url,endpoints,events,owner}');
    SELECT coalesce(jsonb_object_agg(key, CASE WHEN key = ANY (can_be_none) AND value IN ('""', '0') THEN 'null' ELSE value END), '{}')
    INTO given
    FROM jsonb_each(definition)
    WHERE key <> ALL (for_reading || '{url,endpoints,events}') AND (value <> 'null' OR key = ANY (can_be_none));

    endpoints := webhooks.given_endpoints(definition);
    IF endpoints IS NOT NULL THEN
        given := given || jsonb_build_object('endpoints', endpoints);
    END IF;
    events := nullif(definition -> 'events', 'null');
    IF events IS NOT NULL THEN
        PERFORM webhooks.check_list('events', events, 'Give names, such as ["lead:won", "lead:*"], or objects.');
        given := given || jsonb_build_object('events', (
            SELECT coalesce(jsonb_agg(webhooks.given_event(event) ORDER BY n), '[]')
            FROM jsonb_array_elements(events) WITH ORDINALITY AS e (event, n)));
    END IF;
    IF jsonb_typeof(given -> 'verify') <> 'boolean' THEN
        RAISE EXCEPTION 'invalid argument "verify": % is not a boolean', given -> 'verify'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give true or false, or leave it out.';
    END IF;
    IF given ? 'state' THEN
        PERFORM webhooks.check_choice('state', given ->> 'state', '{started,paused,stopped}',
            'Give ''started'', ''paused'' (messages wait) or ''stopped'' (nothing is kept).');
    END IF;
    RETURN given;
END $$;

COMMENT ON FUNCTION webhooks.given_webhook(jsonb, text[]) IS
'For save_webhook and apply_config: a definition in the one form that both work with, or an error about the key that is wrong. Further keys that are allowed are given.';
