-- Making and dropping events, for those who call create_event, add_event and their kin.

CREATE FUNCTION webhooks.checked_event(
    name text, type text, on_table regclass, fields text[], condition text, data text, account text, key text, description text
) RETURNS webhooks.event
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    event    webhooks.event;
    needless text := CASE WHEN fields IS NOT NULL THEN 'fields' WHEN condition IS NOT NULL THEN 'condition'
                          WHEN data IS NOT NULL THEN 'data' WHEN account IS NOT NULL THEN 'account'
                          WHEN key IS NOT NULL THEN 'key' END;
BEGIN
    event.name := name;
    event.named := name IS NOT NULL;
    event.description := description;
    IF event.named AND type IS NULL AND on_table IS NULL THEN
        IF needless IS NOT NULL THEN
            RAISE EXCEPTION 'invalid argument "%": it needs type and on_table', needless
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'An event without them is raised by webhooks.emit(event), whenever you call it.';
        END IF;
        event.type := name;
        RETURN event;
    END IF;

    PERFORM webhooks.check_event_type(type, on_table);
    event.type := type;
    event.on_table := on_table;
    event.fields := webhooks.watched_fields(type, on_table, fields);
    event.condition := webhooks.trimmed_expression('condition', condition, type);
    event.data := webhooks.trimmed_expression('data', data, type);
    event.account := webhooks.row_expression('account', account, type, on_table);
    event.key := webhooks.row_expression('key', key, type, on_table);
    RETURN event;
END $$;

COMMENT ON FUNCTION webhooks.checked_event(text, text, regclass, text[], text, text, text, text, text) IS
'For create_event, add_event and alter_event: the event that these parameters ask for, without an id, or an error. Expressions are looked at when it is made. Without a name it is an unnamed one.';


CREATE FUNCTION webhooks.event_of_words(wanted webhooks.event) RETURNS SETOF webhooks.event
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The hashes are for the index.
    SELECT e.* FROM webhooks.event e
    WHERE NOT e.named AND e.dropped_at IS NULL AND e.on_table = wanted.on_table AND e.type = wanted.type
      -- Another role's words may mean something else: its search_path may be another one.
      AND (wanted.condition IS NULL OR e.created_by = wanted.created_by)
      AND coalesce(hash_array_extended(e.fields, 0), 0) = coalesce(hash_array_extended(wanted.fields, 0), 0)
      AND hashtextextended(coalesce(e.condition, ''), 0) = hashtextextended(coalesce(wanted.condition, ''), 0)
$$;

COMMENT ON FUNCTION webhooks.event_of_words(webhooks.event) IS
'For add_event: the one unnamed event that was given in these words, with a condition by this maker, whatever the names in them stand for today.';


CREATE FUNCTION webhooks.unnamed_event(wanted webhooks.event) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- The lock keeps drop_unused_events from dropping it while the caller subscribes to it.
    SELECT e.id
    FROM webhooks.event_of_words(wanted) w, webhooks.event_today(w) t, webhooks.event e
    -- Whether it was dropped is asked again of the event itself, when the lock had to be waited for.
    WHERE e.id = w.id AND e.dropped_at IS NULL
      AND t.fields IS NOT DISTINCT FROM wanted.fields AND t.condition IS NOT DISTINCT FROM wanted.condition
    FOR KEY SHARE OF e
$$;

COMMENT ON FUNCTION webhooks.unnamed_event(webhooks.event) IS
'For add_event: the id of the unnamed event that was given in these words and says the same today, locked against being dropped, or NULL.';


CREATE FUNCTION webhooks.equal_event(made webhooks.event) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH others AS (
        SELECT e.id, t.oid AS trigger
        FROM webhooks.event e JOIN pg_trigger t ON t.tgrelid = made.on_table AND t.tgname = 'webhooks_event_' || e.id
        WHERE NOT e.named AND e.dropped_at IS NULL AND e.on_table = made.on_table AND e.type = made.type AND e.id <> made.id
          AND (e.fields IS NULL) = (made.fields IS NULL) AND (e.condition IS NULL) = (made.condition IS NULL)
    )
    SELECT o.id
    FROM others o
    WHERE o.trigger IN (SELECT webhooks.triggers_alike(
        (SELECT t.oid FROM pg_trigger t WHERE t.tgrelid = made.on_table AND t.tgname = 'webhooks_event_' || made.id),
        ARRAY(SELECT trigger FROM others), made.type = 'table.recordUpdate', made.condition IS NOT NULL))
    ORDER BY o.id LIMIT 1
$$;

COMMENT ON FUNCTION webhooks.equal_event(webhooks.event) IS
'For add_event: the id of another unnamed event that says what this one says, under names of another day or in other words, or NULL.';


CREATE FUNCTION webhooks.make_unnamed_event(wanted webhooks.event) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made    webhooks.event;
    same_id bigint;
BEGIN
    -- One that had these words before something was renamed is told in those of today, and another one may have them then.
    IF EXISTS (SELECT FROM webhooks.event_of_words(wanted)) THEN
        PERFORM webhooks.refresh_events(wanted.on_table);
        same_id := webhooks.unnamed_event(wanted);
        IF same_id IS NOT NULL THEN
            RETURN same_id;
        END IF;
    END IF;

    made.id := webhooks.make_event(wanted);
    IF wanted.fields IS NOT NULL OR wanted.condition IS NOT NULL THEN
        SELECT e.* INTO made FROM webhooks.event e WHERE e.id = made.id;
        same_id := webhooks.equal_event(made);
        IF same_id IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'WH001', MESSAGE = 'undone: the event is there, in other words';
        END IF;
    END IF;
    RETURN made.id;
EXCEPTION
    WHEN SQLSTATE 'WH001' THEN
        -- Against being dropped, as in unnamed_event.
        SELECT e.id INTO same_id FROM webhooks.event e WHERE e.id = same_id AND e.dropped_at IS NULL FOR KEY SHARE;
        RETURN coalesce(same_id, webhooks.make_event(wanted));
END $$;

COMMENT ON FUNCTION webhooks.make_unnamed_event(webhooks.event) IS
'For add_event, where no event has these words: makes one, unless it says what another one says, as after a column was renamed.';


CREATE FUNCTION webhooks.make_event(wanted webhooks.event) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made webhooks.event := wanted;
BEGIN
    made.id := nextval('webhooks.event_id_seq');
    made.understood := webhooks.put_event_on_table(made, webhooks.role_named(made.created_by));

    INSERT INTO webhooks.event
        (id, name, named, type, on_table, object_schema, object_name, fields, condition, data, account, key, understood, description,
         created_by)
    OVERRIDING SYSTEM VALUE
    SELECT made.id,
           coalesce(made.name, concat_ws(':', made.type, concat_ws('.', n.nspname, c.relname), made.id)),
           made.named, made.type, made.on_table, n.nspname, c.relname, made.fields, made.condition,
           made.data, made.account, made.key, made.understood, made.description, made.created_by
    FROM (SELECT) AS always
         LEFT JOIN pg_class c ON c.oid = made.on_table
         LEFT JOIN pg_namespace n ON n.oid = c.relnamespace;
    RETURN made.id;
END $$;

COMMENT ON FUNCTION webhooks.make_event(webhooks.event) IS
'For create_event and add_event: puts an event on its table, for the role in created_by, stores it, and returns its id. Without a name one is generated.';


CREATE FUNCTION webhooks.put_event_on_table(event webhooks.event, role oid) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF event.on_table IS NULL THEN
        RETURN NULL;
    END IF;
    IF coalesce(event.data, event.account, event.key) IS NOT NULL AND NOT webhooks.has_event_function(event.id) THEN
        PERFORM webhooks.make_event_function(event.id, event.on_table, event.type, event.data, event.account, event.key, role);
        PERFORM webhooks.check_used_objects(
            concat_ws('" or "', CASE WHEN event.data IS NOT NULL THEN 'data' END, CASE WHEN event.account IS NOT NULL THEN 'account' END,
                      CASE WHEN event.key IS NOT NULL THEN 'key' END),
            'pg_proc', p.oid, role)
        FROM pg_proc p WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || event.id;
    END IF;
    PERFORM webhooks.create_event_trigger(event, role);
    event.understood := NULL;
    event := webhooks.event_today(event);
    IF event.condition IS NOT NULL AND event.understood[1] IS NULL THEN
        RAISE EXCEPTION 'invalid argument "condition": it uses a column of the system'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use the columns that the table itself has.';
    END IF;
    RETURN event.understood;
END $$;

COMMENT ON FUNCTION webhooks.put_event_on_table(webhooks.event, oid) IS
'For make_event and those that make one anew: makes what an event consists of, its function, if it has expressions and none is there, and its trigger, and returns how Postgres writes its expressions. They are read with the privileges of the role, to whom the function belongs and whose privileges the caller must have.';


CREATE FUNCTION webhooks.change_event(before webhooks.event, changed webhooks.event) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_elsewhere   boolean := (before.type, before.on_table) IS DISTINCT FROM (changed.type, changed.on_table);
    computes_other boolean := is_elsewhere OR (before.data, before.account, before.key)
                                              IS DISTINCT FROM (changed.data, changed.account, changed.key);
    happens_else   boolean := computes_other OR (before.fields, before.condition)
                                                IS DISTINCT FROM (changed.fields, changed.condition)
                              -- Which somebody may have dropped to change a column's type, or moved.
                              OR NOT webhooks.has_event_trigger(before)
                              OR coalesce(before.data, before.account, before.key) IS NOT NULL
                                 AND NOT webhooks.has_event_function(before.id);
    stored         webhooks.event := (SELECT e FROM webhooks.event e WHERE e.id = before.id);
    maker          oid;
    made           webhooks.event;
    other          record;
BEGIN
    happens_else := happens_else AND changed.on_table IS NOT NULL;
    IF happens_else THEN
        maker := webhooks.role_of(before);
        PERFORM webhooks.check_watched_table(changed.on_table, maker);
        PERFORM webhooks.drop_event_trigger(before);
        IF computes_other THEN
            PERFORM webhooks.drop_event_function(before.id);
        END IF;
        made := changed;
        IF NOT is_elsewhere AND before.understood IS NOT NULL THEN
            -- What stays is made in Postgres's words, whose names have their schemas: who changes the rest may have another
            -- search_path than who gave it.
            made.condition := CASE WHEN changed.condition = before.condition THEN before.understood[1] ELSE changed.condition END;
            made.data := CASE WHEN changed.data = before.data THEN before.understood[2] ELSE changed.data END;
            made.account := CASE WHEN changed.account = before.account THEN before.understood[3] ELSE changed.account END;
            made.key := CASE WHEN changed.key = before.key THEN before.understood[4] ELSE changed.key END;
        END IF;
        changed.understood := webhooks.put_event_on_table(made, maker);
        -- Its expressions, which were read, can have done so.
        IF NOT EXISTS (SELECT FROM webhooks.event e WHERE e.id = before.id AND e IS NOT DISTINCT FROM stored) THEN
            RAISE EXCEPTION 'event "%" was changed or dropped by an expression of its own', before.name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Use expressions that change no events.';
        END IF;
    ELSE
        changed.understood := before.understood;
    END IF;

    UPDATE webhooks.event e
    SET name = changed.name, type = changed.type, on_table = changed.on_table,
        object_schema = n.nspname, object_name = c.relname,
        fields = changed.fields, condition = changed.condition, data = changed.data, account = changed.account,
        key = changed.key, understood = changed.understood, description = changed.description,
        tells_since = CASE WHEN computes_other THEN clock_timestamp() ELSE e.tells_since END
    FROM (SELECT) AS always
         LEFT JOIN pg_class c ON c.oid = changed.on_table
         LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE e.id = before.id;

    IF happens_else THEN
        PERFORM webhooks.check_payload_for_event(coalesce(s.payload, w.payload), changed.id, w.name)
        FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id
        WHERE s.event_id = changed.id;
        SELECT e.* INTO changed FROM webhooks.event e WHERE e.id = before.id;
        FOR other IN
            SELECT w.name, w.created_by
            FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id JOIN pg_roles r ON r.rolname = w.created_by
            WHERE s.event_id = changed.id AND s.by_name
              AND webhooks.may_receive(r.oid, before) AND NOT webhooks.may_receive(r.oid, changed)
            ORDER BY w.name
        LOOP
            RAISE NOTICE 'webhook "%" goes on to get event "%", to which its role "%" could not subscribe it as it is', other.name, changed.name, other.created_by
                USING HINT = 'Use webhooks.unsubscribe(webhook, events) if it should not be told this.';
        END LOOP;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.change_event(webhooks.event, webhooks.event) IS
'For alter_event: stores what an event has become, and makes its trigger and its function anew where that is another.';


CREATE FUNCTION webhooks.retire_event(event_id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retired    webhooks.event;
    dependents text;
BEGIN
    -- Waits for a session that is subscribing, so that its subscription goes too.
    PERFORM FROM webhooks.event e WHERE e.id = retire_event.event_id FOR UPDATE;

    PERFORM webhooks.lock_endpoints(NULL, retire_event.event_id);
    DELETE FROM webhooks.subscription s WHERE s.event_id = retire_event.event_id;
    PERFORM webhooks.drop_pending(NULL, retire_event.event_id);
    UPDATE webhooks.event e SET dropped_at = now() WHERE e.id = retire_event.event_id RETURNING e.* INTO retired;
    PERFORM webhooks.drop_event_trigger(retired);
    BEGIN
        PERFORM webhooks.drop_event_function(retired.id);
    EXCEPTION WHEN dependent_objects_still_exist THEN
        -- Left behind, it would be in the way when a column's type is changed, also for alter_table.
        GET STACKED DIAGNOSTICS dependents = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'cannot drop event "%" because other objects depend on its function webhooks.event_%', retired.name, retired.id
            USING ERRCODE = 'dependent_objects_still_exist',
                  DETAIL = dependents,
                  HINT = 'Drop those objects first.';
    END;
END $$;

COMMENT ON FUNCTION webhooks.retire_event(bigint) IS
'Drops an event: its trigger and function, subscriptions and pending deliveries. The row stays, for the messages that refer to it.';


CREATE FUNCTION webhooks.retire_dead_events(of_name text = NULL) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dead   record;
    detail text;
BEGIN
    -- Triggers are the last that a dump restores. Until then all that it has brought is a copy that nobody has adopted.
    IF of_name IS NULL AND webhooks.is_copy() THEN
        RETURN;
    END IF;
    FOR dead IN
        SELECT e.id, e.name, p.problem
        FROM webhooks.event_problem p JOIN webhooks.event e ON e.id = p.event_id
        WHERE p.is_dead AND (e.name = of_name OR of_name IS NULL AND e.created_at < now() - interval '10 minutes')
        ORDER BY e.id
        FOR UPDATE OF e SKIP LOCKED
    LOOP
        -- One that cannot be dropped must not keep the others.
        BEGIN
            -- Looked at again now that nobody is mending it.
            IF EXISTS (SELECT FROM webhooks.event_problem p WHERE p.event_id = dead.id AND p.is_dead) THEN
                PERFORM webhooks.retire_event(dead.id);
                RAISE LOG 'webhooks: event "%" is dropped: %', dead.name, dead.problem;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF of_name IS NOT NULL THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            RAISE LOG 'webhooks: event "%" is dead and stays until it can be dropped: %',
                dead.name, concat_ws(': ', SQLERRM, nullif(detail, ''));
            -- Who holds a lock may hold what the others need too, and the worker must not wait for each.
            EXIT WHEN SQLSTATE = '55P03';
        END;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.retire_dead_events(text) IS
'Drops events whose table or trigger is gone, and says so in the server''s log: the one of this name, for create_event, or all that are older than ten minutes, for the worker, which looks every ten minutes. One that something else depends on stays, and the log says why. In a copy that was not adopted the worker drops none.';


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
