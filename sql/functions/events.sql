-- Events as a user makes and drops them.

CREATE FUNCTION webhooks.create_event_for(
    maker name, name text, type text, on_table regclass, fields text[], condition text, data text, account text, key text,
    description text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted  webhooks.event;
    made_id bigint;
BEGIN
    PERFORM webhooks.check_event_name(name);
    IF on_table IS NOT NULL THEN
        PERFORM webhooks.check_watched_table(on_table, webhooks.role_named(maker));
    END IF;
    IF EXISTS (SELECT FROM webhooks.event e
               WHERE e.name = create_event_for.name AND e.dropped_at IS NULL AND webhooks.is_mine(e.created_by)) THEN
        PERFORM webhooks.retire_dead_events(name);
    END IF;
    wanted := webhooks.checked_event(name, type, on_table, fields, condition, data, account, key, description);
    wanted.created_by := maker;
    made_id := webhooks.make_event(wanted);

    PERFORM webhooks.lock_patterns(exclusively => false);
    PERFORM webhooks.follow_patterns(NULL, made_id);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'invalid argument "name": event "%" already exists', name
        USING ERRCODE = 'duplicate_object',
              HINT = 'Choose another name, or drop that one with webhooks.drop_event(name).';
END $$;

COMMENT ON FUNCTION webhooks.create_event_for(name, text, text, regclass, text[], text, text, text, text, text) IS
'For create_event and apply_config: makes a named event that is the maker''s, whose privileges the caller must have.';


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
LANGUAGE webhooks_plpgsql
AS $$
BEGIN
    PERFORM webhooks.create_event_for(webhooks.caller_name(), name, type, on_table, fields, condition, data, account, key, description);
END $$;

COMMENT ON FUNCTION webhooks.create_event(text, text, regclass, text[], text, text, text, text, text) IS
'Makes a named event that any webhook can subscribe to, such as lead:won. With type (table.recordInsert, table.recordUpdate, table.recordDelete or table.truncate) and on_table it is a trigger there; fields are columns of which an update must change one; condition, data, account and key are SQL expressions over OLD and NEW: data gives a JSON object that is sent in place of the row, account says whose message it is, key is what messages are kept in order by instead of the primary key; the latter two may be just a column''s name. They are evaluated in the transaction that changes the row, data, account and key with the privileges of who makes the event. Without type and on_table only emit raises it, and emit raises no other. Webhooks with a pattern that matches the name are subscribed at once.';


CREATE FUNCTION webhooks.add_event_for(
    maker name, webhook text, type text, on_table regclass, fields text[], condition text, payload jsonb
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    webhook_id bigint := webhooks.webhook_id(webhook, 'webhook');
    wanted     webhooks.event;
    event_id   bigint;
    event      webhooks.event;
BEGIN
    PERFORM webhooks.check_payload(payload);
    IF on_table IS NOT NULL THEN
        PERFORM webhooks.check_watched_table(on_table, webhooks.role_named(maker));
    END IF;
    wanted := webhooks.checked_event(NULL, type, on_table, fields, condition, NULL, NULL, NULL, NULL);
    wanted.created_by := maker;

    -- An event that exists is found without a lock on anything but itself; making one is done one session at a time.
    event_id := webhooks.unnamed_event(wanted);
    IF event_id IS NULL THEN
        PERFORM webhooks.lock_definitions('webhooks.event'::regclass, on_table::oid::int, exclusively => true);
        event_id := coalesce(webhooks.unnamed_event(wanted), webhooks.make_unnamed_event(wanted));
    END IF;

    SELECT e.* INTO event FROM webhooks.event e WHERE e.id = event_id;
    IF NOT webhooks.has_event_trigger(event) THEN
        event.understood := webhooks.put_event_on_table(event, webhooks.role_named(maker));
        UPDATE webhooks.event e SET understood = event.understood
        WHERE e.id = event_id AND e.understood IS DISTINCT FROM event.understood;
    END IF;

    PERFORM webhooks.subscribe_to(webhook_id, event_id, payload);
    RETURN event.name;
END $$;

COMMENT ON FUNCTION webhooks.add_event_for(name, text, text, regclass, text[], text, jsonb) IS
'For add_event and save_webhook: has the webhook told about an unnamed event that is the maker''s, whose privileges the caller must have.';


CREATE FUNCTION webhooks.add_event(
    webhook   text,
    type      text,
    on_table  regclass,
    fields    text[] = NULL,
    condition text   = NULL,
    payload   jsonb  = NULL
) RETURNS text
LANGUAGE webhooks_plpgsql
AS $$
BEGIN
    RETURN webhooks.add_event_for(webhooks.caller_name(), webhook, type, on_table, fields, condition, payload);
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
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    changed_id bigint;
    before     webhooks.event;
    changed    webhooks.event;
BEGIN
    -- Before the event's row: who changes a pattern holds this lock first, too.
    PERFORM webhooks.lock_patterns(exclusively => false);
    changed_id := webhooks.own_event_id(name);
    SELECT e.* INTO before FROM webhooks.event e WHERE e.id = changed_id AND e.dropped_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invalid argument "name": event "%" was dropped meanwhile', name
            USING ERRCODE = 'undefined_object',
                  HINT = 'Make it anew with webhooks.create_event.';
    END IF;
    before := webhooks.event_today(before);
    IF NOT before.named THEN
        RAISE EXCEPTION 'invalid argument "name": "%" is a generated name', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Webhooks that asked for the same share it. Use webhooks.unsubscribe and webhooks.add_event, or make a named one.';
    ELSIF new_name IS NOT NULL THEN
        PERFORM webhooks.check_event_name(new_name, 'new_name');
    END IF;
    PERFORM webhooks.check_not_state_event('name', name);
    IF before.on_table IS NOT NULL AND NOT webhooks.has_event_trigger(before) THEN
        PERFORM webhooks.check_watched_table(coalesce(on_table, before.on_table), webhooks.role_of(before));
    END IF;

    changed := webhooks.checked_event(
        coalesce(new_name, name),
        coalesce(type, CASE WHEN before.on_table IS NOT NULL THEN before.type END),
        coalesce(on_table, before.on_table),
        nullif(coalesce(fields, before.fields), '{}'),
        nullif(coalesce(condition, before.condition), ''),
        nullif(coalesce(data, before.data), ''),
        nullif(coalesce(account, before.account), ''),
        nullif(coalesce(key, before.key), ''),
        nullif(coalesce(description, before.description), ''));
    changed.id := changed_id;
    PERFORM webhooks.change_event(before, changed);
    PERFORM webhooks.follow_patterns(NULL, changed_id);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'invalid argument "new_name": event "%" already exists', new_name
        USING ERRCODE = 'duplicate_object',
              HINT = 'Choose another name.';
END $$;

COMMENT ON FUNCTION webhooks.alter_event(text, text, regclass, text[], text, text, text, text, text, text) IS
'Changes a named event: the parameters are those of create_event, NULL leaves as it is, under the names that columns have today, and new_name renames it, upon which webhooks are subscribed to it whose patterns match that name, and are no longer that had it only through one that does not. Empty fields mean any, and an empty condition, data, account, key or description none. What was recorded before is sent with the rows as they were, under the name, type and table of now. A change of the definition, or that its trigger is gone, makes the trigger anew; whoever changes it, its condition is read and what it computes is computed with the privileges of who made it.';


CREATE FUNCTION webhooks.drop_event(name text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
BEGIN
    PERFORM webhooks.check_not_state_event('name', drop_event.name);
    PERFORM webhooks.retire_event(webhooks.own_event_id(drop_event.name));
END $$;

COMMENT ON FUNCTION webhooks.drop_event(text) IS
'Drops an event with its trigger, its subscriptions and its pending deliveries. Who made it may, also where the table is another''s.';
