-- Changing a watched table in a way that Postgres refuses while triggers and functions use its columns: types, above all.

CREATE FUNCTION webhooks.alter_table(on_table regclass, change text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
DECLARE
    altering text := format('ALTER TABLE %s ', on_table);
    watching webhooks.event[];
    makers   oid[] := '{}';
    event    webhooks.event;
BEGIN
    PERFORM webhooks.check_watched_table(on_table, webhooks.caller());
    IF btrim(change) = '' IS NOT FALSE THEN
        RAISE EXCEPTION 'invalid argument "change": it is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give what stands behind ALTER TABLE and the table''s name, such as ALTER total TYPE numeric(12,2).';
    END IF;

    -- Nothing is in the way of new names, and events follow only while they are there.
    IF change ~* '^\s*RENAME\y' THEN
        PERFORM webhooks.run_expression('change', altering, change, '', webhooks.caller());
        RETURN;
    END IF;

    -- Types are changed in all of its partitions and children.
    PERFORM webhooks.refresh_events(t) FROM webhooks.with_descendants(on_table) t;
    watching := webhooks.events_raised_by(on_table);
    IF cardinality(watching) > 0 THEN
        -- Before its descendants, as everybody locks them; and what somebody was about to make is there then.
        EXECUTE format('LOCK TABLE %s', on_table);
        watching := webhooks.events_raised_by(on_table);
    END IF;
    FOREACH event IN ARRAY watching LOOP
        PERFORM webhooks.check_watched_table(event.on_table, webhooks.caller());
        makers := makers || webhooks.role_of(event);
        PERFORM webhooks.drop_event_trigger(event);
        PERFORM webhooks.drop_event_function(event.id);
    END LOOP;

    PERFORM webhooks.run_expression('change', altering, change, '', webhooks.caller());

    FOR n IN 1 .. cardinality(watching) LOOP
        event := watching[n];
        -- In Postgres's words, whose names have their schemas: who gave the expressions may have had another search_path.
        event.condition := event.understood[1];
        event.data := event.understood[2];
        event.account := event.understood[3];
        event.key := event.understood[4];
        event.understood := webhooks.put_event_on_table(event, makers[n]);
        UPDATE webhooks.event e SET understood = event.understood
        WHERE e.id = event.id AND e.understood IS DISTINCT FROM event.understood;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.alter_table(regclass, text) IS
'Runs ALTER TABLE on a watched table, with what stands behind the table''s name as change, without its events, and those of its partitions and children, in the way: Postgres changes no type of a column that an event uses. They are made anew in the same transaction, so that nothing is missed; an event that does not fit the table any more is an error. Needs the owner of the table, and the privileges of those with whose events compute.';


CREATE FUNCTION webhooks.with_descendants(of_table regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE tables (oid) AS (
        SELECT of_table::oid
        UNION
        SELECT i.inhrelid FROM tables t JOIN pg_inherits i ON i.inhparent = t.oid
    )
    SELECT t.oid::regclass FROM tables t ORDER BY t.oid
$$;

COMMENT ON FUNCTION webhooks.with_descendants(regclass) IS
'For alter_table: a table, its partitions and the tables that inherit from it, at any depth.';


CREATE FUNCTION webhooks.events_raised_by(on_table regclass) RETURNS webhooks.event[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT e FROM webhooks.event e
                 WHERE e.on_table IN (SELECT webhooks.with_descendants(events_raised_by.on_table))
                   AND e.dropped_at IS NULL AND webhooks.has_event_trigger(e)
                 ORDER BY e.id
                 FOR UPDATE);
END $$;

COMMENT ON FUNCTION webhooks.events_raised_by(regclass) IS
'For alter_table: the events whose triggers are on a table or on its descendants, locked.';
