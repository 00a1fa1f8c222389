-- Changing a watched table in a way that Postgres refuses while triggers and functions use its columns: types, above all.

CREATE FUNCTION webhooks.alter_table(on_table regclass, change text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    -- No search_path is set here, so that the change is read with the caller's.
    watching record;
    event    webhooks.event;
BEGIN
    PERFORM webhooks.check_watched_table(on_table);
    IF pg_catalog.btrim(change) = '' IS NOT FALSE THEN
        RAISE EXCEPTION 'invalid argument "change": it is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give what stands behind ALTER TABLE and the table''s name, such as ALTER total TYPE numeric(12,2).';
    END IF;

    -- Nothing is in the way of new names, and events follow only while they are there.
    IF change OPERATOR(pg_catalog.~*) '^\s*RENAME\y' THEN
        EXECUTE pg_catalog.format('ALTER TABLE %s %s', on_table, change);
        RETURN;
    END IF;

    PERFORM webhooks.refresh_events(on_table);
    SELECT * INTO watching FROM webhooks.events_raised_by(on_table);
    FOREACH event IN ARRAY watching.events LOOP
        PERFORM webhooks.drop_event_trigger(event);
        PERFORM webhooks.drop_event_function(event.id);
    END LOOP;

    EXECUTE pg_catalog.format('ALTER TABLE %s %s', on_table, change);

    FOR n IN 1 .. pg_catalog.cardinality(watching.events) LOOP
        event := watching.events[n];
        -- In Postgres's words, whose names have their schemas: who gave the expressions may have had another search_path.
        event.condition := event.understood[1];
        event.data := event.understood[2];
        event.account := event.understood[3];
        event.key := event.understood[4];
        event.understood := webhooks.put_event_on_table(event, watching.owners[n]);
        UPDATE webhooks.event e SET understood = event.understood
        WHERE e.id = event.id AND e.understood IS DISTINCT FROM event.understood;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.alter_table(regclass, text) IS
'Runs ALTER TABLE on a watched table, with what stands behind the table''s name as change, without its events in the way: Postgres changes no type of a column that a trigger uses, or of any column where an event computes something. They are made anew in the same transaction, so that nothing is missed; an event that does not fit the table any more is an error. Needs the owner of the table, and the privileges of those with whose events compute.';


CREATE FUNCTION webhooks.events_raised_by(on_table regclass, OUT events webhooks.event[], OUT owners oid[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    events := ARRAY(SELECT e FROM webhooks.event e
                    WHERE e.on_table = events_raised_by.on_table AND e.dropped_at IS NULL AND webhooks.has_event_trigger(e)
                    ORDER BY e.id
                    FOR UPDATE);
    owners := ARRAY(SELECT p.proowner FROM unnest(events) WITH ORDINALITY AS e
                    LEFT JOIN pg_proc p ON p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || e.id
                    ORDER BY e.ordinality);
END $$;

COMMENT ON FUNCTION webhooks.events_raised_by(regclass) IS
'For alter_table: the events whose triggers are on a table, locked, and with whose privileges each computes.';
