-- Everything that was decided, as one document: to be kept in version control, and applied as a difference.

CREATE FUNCTION webhooks.config_document(secrets boolean, with_others boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_all boolean := CASE WHEN with_others THEN webhooks.may_see_all() ELSE webhooks.may_do_all(webhooks.caller()) END;
    mine   name[]  := webhooks.my_roles();
BEGIN
    RETURN jsonb_build_object(
        'version', 1,
        'events', (SELECT coalesce(jsonb_agg(webhooks.event_document(e) ORDER BY e.name COLLATE "C"), '[]')
                   FROM webhooks.event e
                   -- Those that the product makes for itself are no decision of anybody's.
                   WHERE e.named AND e.dropped_at IS NULL AND e.name !~ '^webhook[0-9]*\.'
                     AND (of_all OR e.created_by = ANY (mine))),
        'webhooks', (SELECT coalesce(jsonb_agg(webhooks.webhook_document(w.id, portable => true)
                                                   - CASE WHEN secrets THEN '{}' ELSE '{secret,headers,handshake_key}' END::text[]
                                               ORDER BY w.name COLLATE "C"), '[]')
                     FROM webhooks.webhook w
                     WHERE of_all OR w.created_by = ANY (mine)));
END $$;

COMMENT ON FUNCTION webhooks.config_document(boolean, boolean) IS
'For export_config and apply_config: what the caller manages, and if with_others what they may look at, as one document.';


CREATE FUNCTION webhooks.export_config(secrets boolean = true) RETURNS jsonb
LANGUAGE webhooks_plpgsql STABLE
AS $$
BEGIN
    PERFORM webhooks.check_flag('secrets', secrets, 'Give true for the document with secrets, or false for one without.');
    RETURN webhooks.config_document(secrets, with_others => true);
END $$;

COMMENT ON FUNCTION webhooks.export_config(boolean) IS
'All named events and all webhooks with their endpoints, events and states as one JSON document, for apply_config. It has no ids and no times: the same definitions give the same document in every database. What a manager has made has its owner. With secrets => false without secrets, headers and handshake_keys, for version control; who may not see them gets it so anyway.';


CREATE FUNCTION webhooks.given_config(config jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    section text;
    twice   text;
BEGIN
    PERFORM webhooks.check_keys('config', config, '{version,events,webhooks}');
    IF coalesce(config -> 'version', '1') <> '1' THEN
        RAISE EXCEPTION 'invalid argument "config": its version is %', config -> 'version'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'This version of the extension reads documents of version 1.';
    END IF;
    config := (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(config) WHERE value <> 'null');
    FOREACH section IN ARRAY '{events,webhooks}'::text[] LOOP
        CONTINUE WHEN NOT config ? section;
        PERFORM webhooks.check_list(section, config -> section, 'Give a list of objects, as webhooks.export_config() does.');
        SELECT listed ->> 'name' INTO twice FROM jsonb_array_elements(config -> section) AS listed
        GROUP BY 1 HAVING count(*) > 1 AND listed ->> 'name' IS NOT NULL LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'invalid argument "config": "%" stands there twice among its %', twice, section
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Leave one of them out.';
        END IF;
    END LOOP;
    RETURN config;
END $$;

COMMENT ON FUNCTION webhooks.given_config(jsonb) IS
'For apply_config: the document, with no more than sections that are lists, or an error.';


CREATE FUNCTION webhooks.put_event(given jsonb, known jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present  webhooks.event;
    wanted   webhooks.event;
    owner    name;
    on_table regclass;
BEGIN
    PERFORM webhooks.check_keys('events', given, '{name,type,on_table,fields,condition,data,account,key,description,owner}');
    PERFORM webhooks.check_values(given - 'on_table', NULL::webhooks.event, '{owner}');
    given := jsonb_strip_nulls(given);
    PERFORM webhooks.check_name('name', given ->> 'name');
    SELECT e.* INTO present FROM webhooks.event e WHERE e.name = given ->> 'name' AND e.dropped_at IS NULL;
    -- In these very words: its table need not even be there.
    IF webhooks.event_document(present) = given THEN
        RETURN;
    END IF;

    PERFORM webhooks.check_owner_is_told(given, 'event', present.created_by, known) WHERE present.id IS NOT NULL;
    owner := webhooks.given_owner(given, present.created_by);
    on_table := webhooks.given_table(given ->> 'on_table');
    IF present.id IS NULL THEN
        PERFORM webhooks.create_event_for(
            owner, given ->> 'name', given ->> 'type', on_table, webhooks.text_list(given -> 'fields'), given ->> 'condition',
            given ->> 'data', given ->> 'account', given ->> 'key', given ->> 'description');
        RETURN;
    ELSIF present.on_table IS NOT NULL AND on_table IS NULL THEN
        RAISE EXCEPTION 'invalid argument "on_table": event "%" is on a table and cannot become one that only emit raises', present.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Drop it first with webhooks.drop_event(name), or give the new one another name.';
    END IF;

    wanted := webhooks.checked_event(
        present.name, given ->> 'type', on_table, webhooks.text_list(given -> 'fields'), given ->> 'condition',
        given ->> 'data', given ->> 'account', given ->> 'key', given ->> 'description');
    IF webhooks.event_document(wanted) <> webhooks.event_document(present) - 'owner' THEN
        PERFORM webhooks.alter_event(
            present.name, given ->> 'type', on_table,
            coalesce(webhooks.text_list(given -> 'fields'), '{}'), coalesce(given ->> 'condition', ''),
            coalesce(given ->> 'data', ''), coalesce(given ->> 'account', ''), coalesce(given ->> 'key', ''),
            coalesce(given ->> 'description', ''));
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.put_event(jsonb, jsonb) IS
'For apply_config: makes the event of that name, or changes it where it is another than this. The definition is the whole one: what it leaves out there is none of.';


CREATE FUNCTION webhooks.listed_differently(listed jsonb, present jsonb) RETURNS TABLE (item jsonb, n bigint)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.item, l.n - 1
    FROM jsonb_array_elements(listed) WITH ORDINALITY AS l (item, n)
         LEFT JOIN jsonb_array_elements(present) AS p ON p ->> 'name' = l.item ->> 'name'
    -- What is listed with one more key or another value changes the document.
    WHERE jsonb_typeof(l.item) <> 'object' OR p IS NULL OR p || l.item <> p
    ORDER BY l.n
$$;

COMMENT ON FUNCTION webhooks.listed_differently(jsonb, jsonb) IS
'For apply_config: the definitions of a list that say something else than those that there are, with their places. A key that is left out says nothing.';


CREATE FUNCTION webhooks.check_nothing_wants(config jsonb, event jsonb, shown text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanting text := (SELECT w ->> 'name' FROM jsonb_array_elements(config -> 'webhooks') AS w
                     WHERE w -> 'events' @> jsonb_build_array(event) LIMIT 1);
BEGIN
    IF wanting IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "config": webhook "%" wants %, which is not listed and would be dropped', wanting, shown
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'List it, or take it out of the webhook''s events.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_nothing_wants(jsonb, jsonb, text) IS
'For apply_config: raises an error if a document has among a webhook''s events what it drops for not being listed.';


CREATE FUNCTION webhooks.names_of(listed jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(l ->> 'name', true), '{}') FROM jsonb_array_elements(listed) AS l
$$;

COMMENT ON FUNCTION webhooks.names_of(jsonb) IS
'For apply_config: the names of a list of definitions, as the keys of an object.';


CREATE FUNCTION webhooks.put_config(config jsonb, before jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known_events   jsonb := webhooks.names_of(before -> 'events');
    known_webhooks jsonb := webhooks.names_of(before -> 'webhooks');
    listed         record;
    given          jsonb;
    present_id     bigint;
    places         text[]   := '{}';
    givens         jsonb[]  := '{}';
    ids            bigint[] := '{}';
    place          text;
    code           text;
    said           text;
    detail         text;
    hint           text;
BEGIN
    -- Events before the webhooks that want them, and what is not listed last, when nothing wants it any more.
    -- Counted, since a query's cursor could be read by what an event's maker gave, which is read as that role meanwhile.
    FOR n IN 0 .. coalesce(jsonb_array_length(config -> 'events'), 0) - 1 LOOP
        given := config -> 'events' -> n;
        place := format('events[%s]', n) || coalesce(' (' || (given ->> 'name') || ')', '');
        PERFORM webhooks.put_event(given, known_events);
    END LOOP;
    FOR listed IN SELECT * FROM webhooks.listed_differently(config -> 'webhooks', before -> 'webhooks') LOOP
        place := format('webhooks[%s]', listed.n) || coalesce(' (' || (listed.item ->> 'name') || ')', '');
        given := webhooks.given_webhook(listed.item, '{id,owner}') - 'id';
        PERFORM webhooks.check_name('name', given ->> 'name');
        present_id := webhooks.saved_webhook_id(given);
        PERFORM webhooks.check_owner_is_told(given, 'webhook', w.created_by, known_webhooks) FROM webhooks.webhook w WHERE w.id = present_id;
        ids := ids || webhooks.put_webhook(present_id, given);
        givens := givens || given;
        places := places || place;
    END LOOP;
    FOR n IN 1 .. cardinality(ids) LOOP
        place := places[n];
        PERFORM webhooks.put_events_and_state(ids[n], givens[n]);
    END LOOP;

    IF config -> 'webhooks' IS NOT NULL THEN
        FOR listed IN SELECT name FROM webhooks.not_listed(before -> 'webhooks', config -> 'webhooks') AS name LOOP
            place := 'webhook ' || listed.name || ', which is not listed';
            PERFORM webhooks.check_nothing_wants(config, jsonb_build_object('webhook', listed.name),
                                                 format('what becomes of webhook "%s"', listed.name));
            PERFORM webhooks.drop_webhook(listed.name);
        END LOOP;
    END IF;
    IF config -> 'events' IS NOT NULL THEN
        FOR listed IN SELECT name FROM webhooks.not_listed(before -> 'events', config -> 'events') AS name LOOP
            place := 'event ' || listed.name || ', which is not listed';
            PERFORM webhooks.check_nothing_wants(config, event, format('event "%s"', listed.name))
            FROM unnest(ARRAY[to_jsonb(listed.name), jsonb_build_object('name', listed.name)]) AS event;
            PERFORM webhooks.drop_event(listed.name);
        END LOOP;
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = said, HINT = hint,
        DETAIL = concat_ws(E'\n', nullif(detail, ''), 'In config: ' || place || '.');
END $$;

COMMENT ON FUNCTION webhooks.put_config(jsonb, jsonb) IS
'For apply_config: makes events and webhooks, which are as the second document says, what the first one says. Errors tell the place in it.';


CREATE FUNCTION webhooks.not_listed(present jsonb, listed jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p ->> 'name' FROM jsonb_array_elements(present) AS p
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(listed) AS l WHERE l ->> 'name' = p ->> 'name')
    ORDER BY p ->> 'name' COLLATE "C"
$$;

COMMENT ON FUNCTION webhooks.not_listed(jsonb, jsonb) IS
'For apply_config: the names that one list of definitions has and the other has not.';


CREATE FUNCTION webhooks.apply_config(config jsonb, dry_run boolean = false) RETURNS SETOF text
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    given      jsonb := webhooks.given_config(config);
    before     jsonb;
    difference text[];
BEGIN
    PERFORM webhooks.check_flag('dry_run', dry_run, 'Give true to be told what would change, or false to change it.');

    BEGIN
        IF dry_run THEN
            -- What is undone need not be told twice.
            PERFORM set_config('client_min_messages', 'error', true);
        END IF;
        -- One document after the other: each is compared with what the one before has left.
        PERFORM webhooks.lock_definitions('webhooks.webhook'::regclass, 0, exclusively => true);
        before := webhooks.config_document(secrets => true, with_others => false);
        PERFORM webhooks.put_config(given, before);
        difference := ARRAY(SELECT webhooks.config_difference(
            before, webhooks.config_document(secrets => true, with_others => false)));
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'WH002', MESSAGE = 'undone: somebody only asked what would change';
        END IF;
    EXCEPTION WHEN SQLSTATE 'WH002' THEN
        NULL;
    END;
    RETURN QUERY SELECT unnest(difference);
END $$;

COMMENT ON FUNCTION webhooks.apply_config(jsonb, boolean) IS
'Makes all named events and webhooks what a document of export_config says, and returns what that changes, a line each: + for what is new, - for what is gone, ~ for what is another. With dry_run the same lines and the same errors, and nothing is changed. Webhooks and events are found by name; what is not listed is dropped, unless its whole section is left out. Of a webhook what is left out stays as it is, secret, headers and handshake_key above all, or has its default in a new one, whose secret is made; an event is listed with its whole definition. What is new is its owner''s, or the caller''s where it says none. All or nothing: an error tells the place in the document.';
