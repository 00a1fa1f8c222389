-- The trigger that stands for an event on its table.

CREATE FUNCTION webhooks.event_trigger_definition(event webhooks.event) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    operation text := CASE event.type
                          WHEN 'table.recordInsert' THEN 'INSERT'
                          WHEN 'table.recordUpdate' THEN 'UPDATE'
                          WHEN 'table.recordDelete' THEN 'DELETE'
                      END;
    condition text := '(' || event.condition || E'\n)';
    change    text;
    happened  text;
BEGIN
    -- *<> compares images, so it works for types without an equality, such as json, and sees 1.0 become 1.00. Between
    -- two ROW(…)s it would be asked of each field by itself, so there its function stands, which a dump also keeps.
    IF event.fields IS NOT NULL THEN
        SELECT format('pg_catalog.record_image_ne(ROW(%s), ROW(%s))',
                      string_agg(format('OLD.%I', field), ', '), string_agg(format('NEW.%I', field), ', '))
        INTO change
        FROM unnest(event.fields) AS field;
    ELSIF operation = 'UPDATE' THEN
        change := 'OLD.* OPERATOR(pg_catalog.*<>) NEW.*';
    END IF;

    happened := nullif(concat_ws(' AND ', change, condition), '');
    -- on_table by its name of today, qualified since the search_path has nothing of the user's.
    RETURN format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH ROW %s EXECUTE FUNCTION webhooks.capture(%L)',
                  'webhooks_event_' || event.id, operation, event.on_table, 'WHEN (' || happened || ')', event.id);
END $$;

COMMENT ON FUNCTION webhooks.event_trigger_definition(webhooks.event) IS
'The CREATE TRIGGER statement of an event that is on a table.';


CREATE FUNCTION webhooks.has_event_trigger(event webhooks.event) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = event.on_table AND t.tgname = 'webhooks_event_' || event.id)
$$;

COMMENT ON FUNCTION webhooks.has_event_trigger(webhooks.event) IS
'Whether an event''s trigger is on its table: DROP TRIGGER, or DROP COLUMN … CASCADE, may have taken it.';


CREATE FUNCTION webhooks.create_event_trigger(event webhooks.event) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    code text;
    said text;
    help text;
BEGIN
    IF event.condition IS NOT NULL THEN
        PERFORM webhooks.check_condition_alone(event.on_table, event.condition);
    END IF;
    EXECUTE webhooks.event_trigger_definition(event);
EXCEPTION WHEN OTHERS THEN
    -- A lock that could not be had, or a privilege, is not the condition's fault.
    IF event.condition IS NULL OR SQLSTATE !~ '^(0A|22|42)' OR SQLSTATE = '42501' THEN
        RAISE;
    END IF;
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT, help = PG_EXCEPTION_HINT;
    PERFORM webhooks.raise_bad_condition(code, said, help);
END $$;

COMMENT ON FUNCTION webhooks.create_event_trigger(webhooks.event) IS
'Creates an event''s trigger. What Postgres has against its condition is raised as an error about that argument.';


CREATE FUNCTION webhooks.drop_event_trigger(event webhooks.event) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF webhooks.has_event_trigger(event) THEN
        EXECUTE format('DROP TRIGGER %I ON %s', 'webhooks_event_' || event.id, event.on_table);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.drop_event_trigger(webhooks.event) IS
'Removes an event''s trigger from its table, if both are still there.';
