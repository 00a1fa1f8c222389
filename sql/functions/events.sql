-- Events as a user makes and drops them. Expressions are read with the caller's search_path, so create_event and
-- add_event set none and qualify everything.

CREATE FUNCTION webhooks.create_event(
    name        text,
    type        text     = NULL,
    on_table    regclass = NULL,
    fields      text[]   = NULL,
    condition   text     = NULL,
    data        text     = NULL,
    account     text     = NULL,
    key         text     = NULL,
    description text     = NULL
) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    needless text := CASE WHEN fields IS NOT NULL THEN 'fields' WHEN condition IS NOT NULL THEN 'condition'
                          WHEN data IS NOT NULL THEN 'data' WHEN account IS NOT NULL THEN 'account'
                          WHEN key IS NOT NULL THEN 'key' END;
BEGIN
    PERFORM webhooks.check_event_name(name);
    IF type IS NOT NULL OR on_table IS NOT NULL THEN
        PERFORM webhooks.check_event_type(type, on_table);
        PERFORM webhooks.check_watched_table(on_table);
    ELSIF needless IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "%": it needs type and on_table', needless
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An event without them is raised by webhooks.emit(event), whenever you call it.';
    END IF;
    fields := webhooks.watched_fields(type, on_table, fields);
    PERFORM webhooks.make_event(
        name, type, on_table, fields, webhooks.trimmed_expression('condition', condition, type),
        webhooks.trimmed_expression('data', data, type), webhooks.row_expression('account', account, type, on_table),
        webhooks.row_expression('key', key, type, on_table), description);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'invalid argument "name": event "%" already exists', name
        USING ERRCODE = 'duplicate_object',
              HINT = 'Choose another name, or drop that one with webhooks.drop_event(name).';
END $$;

COMMENT ON FUNCTION webhooks.create_event(text, text, regclass, text[], text, text, text, text, text) IS
'Makes a named event that any webhook can subscribe to, such as lead:won. With type (table.recordInsert, table.recordUpdate, table.recordDelete or table.truncate) and on_table it is a trigger there; fields are columns of which an update must change one; condition, data, account and key are SQL expressions over OLD and NEW: data gives a JSON object that is sent in place of the row, account says whose message it is, key is what messages are kept in order by instead of the primary key; the latter two may be just a column''s name. They are evaluated in the transaction that changes the row, data, account and key with the privileges of who makes the event. Without type and on_table only emit raises it.';


CREATE FUNCTION webhooks.add_event(
    webhook   text,
    type      text,
    on_table  regclass,
    fields    text[] = NULL,
    condition text   = NULL,
    payload   jsonb  = NULL
) RETURNS text
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook);
    event_id   bigint;
    event      webhooks.event;
BEGIN
    PERFORM webhooks.check_event_type(type, on_table);
    PERFORM webhooks.check_watched_table(on_table);
    fields := webhooks.watched_fields(type, on_table, fields);
    condition := webhooks.trimmed_expression('condition', condition, type);

    -- An event that exists is found without a lock on anything but itself; making one is done one session at a time.
    event_id := webhooks.unnamed_event(type, on_table, fields, condition);
    IF event_id IS NULL THEN
        PERFORM pg_catalog.pg_advisory_xact_lock('webhooks.event'::pg_catalog.regclass::pg_catalog.oid::int,
                                                 on_table::pg_catalog.oid::int);
        event_id := COALESCE(webhooks.unnamed_event(type, on_table, fields, condition),
                             webhooks.make_event(NULL, type, on_table, fields, condition, NULL, NULL, NULL, NULL));
    END IF;

    SELECT e.* INTO event FROM webhooks.event e WHERE e.id = event_id;
    IF NOT webhooks.has_event_trigger(event) THEN
        PERFORM webhooks.create_event_trigger(event);
    END IF;

    PERFORM webhooks.subscribe_to(webhook_id, event_id, payload);
    RETURN event.name;
END $$;

COMMENT ON FUNCTION webhooks.add_event(text, text, regclass, text[], text, jsonb) IS
'Tells the webhook about inserts, updates, deletes or truncates of a table (type is table.recordInsert, table.recordUpdate, table.recordDelete or table.truncate) and returns the event''s generated name. fields are columns of which an update must change one; condition is an SQL expression over OLD and NEW. payload is the shape of these bodies, a preset or a template, where it is another than the webhook''s. Webhooks that ask for the same share one event, hence one trigger.';


CREATE FUNCTION webhooks.alter_event(
    name        text,
    type        text     = NULL,
    on_table    regclass = NULL,
    fields      text[]   = NULL,
    condition   text     = NULL,
    data        text     = NULL,
    account     text     = NULL,
    key         text     = NULL,
    description text     = NULL,
    new_name    text     = NULL
) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    changed_id bigint := webhooks.event_id(name);
    before     webhooks.event;
    changed    webhooks.event;
BEGIN
    SELECT e.* INTO before FROM webhooks.event e WHERE e.id = changed_id FOR UPDATE;
    IF NOT before.named THEN
        RAISE EXCEPTION 'invalid argument "name": "%" is a generated name', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Webhooks that asked for the same share it. Use webhooks.unsubscribe and webhooks.add_event, or make a named one.';
    END IF;

    changed := before;
    IF new_name IS NOT NULL THEN
        PERFORM webhooks.check_event_name(new_name, 'new_name');
        changed.name := new_name;
    END IF;
    changed.description := NULLIF(COALESCE(description, before.description), '');
    IF before.on_table IS NOT NULL OR COALESCE(type, on_table::text, condition, data, account, key, fields::text) IS NOT NULL THEN
        changed.type := COALESCE(type, CASE WHEN before.on_table IS NOT NULL THEN before.type END);
        changed.on_table := COALESCE(on_table, before.on_table);
        PERFORM webhooks.check_event_type(changed.type, changed.on_table);
        changed.fields := webhooks.watched_fields(changed.type, changed.on_table,
                                                  NULLIF(COALESCE(fields, before.fields), '{}'));
        changed.condition := webhooks.trimmed_expression(
            'condition', NULLIF(COALESCE(condition, before.condition), ''), changed.type);
        changed.data := webhooks.trimmed_expression('data', NULLIF(COALESCE(data, before.data), ''), changed.type);
        changed.account := webhooks.row_expression(
            'account', NULLIF(COALESCE(account, before.account), ''), changed.type, changed.on_table);
        changed.key := webhooks.row_expression(
            'key', NULLIF(COALESCE(key, before.key), ''), changed.type, changed.on_table);
    ELSE
        changed.type := changed.name;
    END IF;

    PERFORM webhooks.change_event(before, changed);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'invalid argument "new_name": event "%" already exists', new_name
        USING ERRCODE = 'duplicate_object',
              HINT = 'Choose another name.';
END $$;

COMMENT ON FUNCTION webhooks.alter_event(text, text, regclass, text[], text, text, text, text, text, text) IS
'Changes a named event: the parameters are those of create_event, NULL leaves as it is, and new_name renames it. Empty fields mean any, and an empty condition, data, account, key or description none. What was recorded before is sent with the rows as they were, under the name, type and table of now. A change of the definition makes the trigger anew, which needs the owner of the table, and what it computes is then computed with the privileges of who changed it.';


CREATE FUNCTION webhooks.drop_event(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM webhooks.retire_event(webhooks.event_id(drop_event.name));
END $$;

COMMENT ON FUNCTION webhooks.drop_event(text) IS
'Drops an event with its trigger, its subscriptions and its pending deliveries. Needs the owner of the table it is on, as DROP TRIGGER does.';
