-- Making and dropping events, for those who call create_event, add_event and their kin.

CREATE FUNCTION webhooks.unnamed_event(type text, on_table regclass, fields text[], condition text) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- The lock keeps drop_unused_events from dropping it while the caller subscribes to it.
    SELECT e.id FROM webhooks.event e
    WHERE NOT e.named AND e.dropped_at IS NULL
      AND e.type = unnamed_event.type AND e.on_table = unnamed_event.on_table
      AND e.fields IS NOT DISTINCT FROM unnamed_event.fields
      AND e.condition IS NOT DISTINCT FROM unnamed_event.condition
    FOR KEY SHARE
$$;

COMMENT ON FUNCTION webhooks.unnamed_event(text, regclass, text[], text) IS
'For add_event: the id of the unnamed event that is just this one, locked against being dropped, or NULL.';


CREATE FUNCTION webhooks.make_event(
    name text, type text, on_table regclass, fields text[], condition text, data text, account text, key text, description text
) RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    -- No search_path is set here, so that the condition is read with the caller's: everything is qualified instead.
    new_id bigint := pg_catalog.nextval('webhooks.event_id_seq');
    made   webhooks.event;
BEGIN
    INSERT INTO webhooks.event AS e
        (id, name, named, type, on_table, object_schema, object_name, fields, condition, data, account, key, description)
    OVERRIDING SYSTEM VALUE
    SELECT new_id,
           COALESCE(name, pg_catalog.concat_ws(':', type, pg_catalog.concat_ws('.', n.nspname, c.relname), new_id)),
           name IS NOT NULL, COALESCE(type, name), on_table, n.nspname, c.relname, fields, condition,
           data, account, key, description
    FROM (SELECT) AS always
         LEFT JOIN pg_catalog.pg_class c ON c.oid = on_table
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    RETURNING e.* INTO made;

    IF data IS NOT NULL OR account IS NOT NULL OR key IS NOT NULL THEN
        PERFORM webhooks.make_event_function(new_id, on_table, type, data, account, key);
    END IF;
    IF on_table IS NOT NULL THEN
        PERFORM webhooks.create_event_trigger(made);
    END IF;
    RETURN made.id;
END $$;

COMMENT ON FUNCTION webhooks.make_event(text, text, regclass, text[], text, text, text, text, text) IS
'For create_event and add_event: stores an event whose parameters were checked, creates its trigger, and returns its id. Without a name one is generated.';


CREATE FUNCTION webhooks.change_event(before webhooks.event, changed webhooks.event) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    -- No search_path is set here, so that expressions are read with the caller's.
    is_elsewhere   boolean := (before.type, before.on_table) IS DISTINCT FROM (changed.type, changed.on_table);
    computes_other boolean := is_elsewhere OR (before.data, before.account, before.key)
                                              IS DISTINCT FROM (changed.data, changed.account, changed.key);
    happens_else   boolean := computes_other OR (before.fields, before.condition)
                                                IS DISTINCT FROM (changed.fields, changed.condition);
BEGIN
    happens_else := happens_else AND changed.on_table IS NOT NULL;
    IF happens_else THEN
        PERFORM webhooks.check_watched_table(changed.on_table);
        PERFORM webhooks.drop_event_trigger(before);
        IF computes_other THEN
            PERFORM webhooks.drop_event_function(before.id);
        END IF;
    END IF;

    UPDATE webhooks.event e
    SET name = changed.name, type = changed.type, on_table = changed.on_table,
        object_schema = n.nspname, object_name = c.relname,
        fields = changed.fields, condition = changed.condition, data = changed.data, account = changed.account,
        key = changed.key, description = changed.description
    FROM (SELECT) AS always
         LEFT JOIN pg_catalog.pg_class c ON c.oid = changed.on_table
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE e.id = before.id;

    IF happens_else THEN
        IF computes_other AND COALESCE(changed.data, changed.account, changed.key) IS NOT NULL THEN
            PERFORM webhooks.make_event_function(
                changed.id, changed.on_table, changed.type, changed.data, changed.account, changed.key);
        END IF;
        PERFORM webhooks.create_event_trigger(changed);
        PERFORM webhooks.check_payload_for_event(COALESCE(s.payload, w.payload), changed.id)
        FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id
        WHERE s.event_id = changed.id;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.change_event(webhooks.event, webhooks.event) IS
'For alter_event: stores what an event has become, and makes its trigger and its function anew where that is another.';


CREATE FUNCTION webhooks.retire_event(event_id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retired webhooks.event;
BEGIN
    -- Waits for a session that is subscribing, so that its subscription goes too.
    PERFORM FROM webhooks.event e WHERE e.id = retire_event.event_id FOR UPDATE;

    DELETE FROM webhooks.subscription s WHERE s.event_id = retire_event.event_id;
    PERFORM webhooks.drop_pending(NULL, retire_event.event_id);
    UPDATE webhooks.event e SET dropped_at = now() WHERE e.id = retire_event.event_id RETURNING e.* INTO retired;
    PERFORM webhooks.drop_event_trigger(retired);
    PERFORM webhooks.drop_event_function(retired.id);
END $$;

COMMENT ON FUNCTION webhooks.retire_event(bigint) IS
'Drops an event: its trigger and function, subscriptions and pending deliveries. The row stays, for the messages that refer to it.';


CREATE FUNCTION webhooks.drop_unused_events(event_ids bigint[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unused_id bigint;
BEGIN
    -- The lock waits for a session that is subscribing; the loop's query is older than what that session did.
    FOR unused_id IN
        SELECT e.id FROM webhooks.event e
        WHERE e.id = ANY (event_ids) AND NOT e.named AND e.dropped_at IS NULL
        ORDER BY e.id FOR UPDATE
    LOOP
        IF NOT EXISTS (SELECT FROM webhooks.subscription s WHERE s.event_id = unused_id) THEN
            PERFORM webhooks.retire_event(unused_id);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.drop_unused_events(bigint[]) IS
'Drops those of the events that have no name and no subscription: nobody could subscribe to them again.';
