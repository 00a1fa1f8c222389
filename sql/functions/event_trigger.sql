-- The trigger that stands for an event on its table.

CREATE FUNCTION webhooks.change_of_fields(on_table regclass, fields text[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- A change is a change of the image: 1.0 becomes 1.00, json has no equality, a collation may take a for A. Comparing
    -- images makes two records first, though, for each row that any statement updates. Where equal means identical, and
    -- nobody has put an = of their own into the way, asking whether a field is distinct says the same and costs a fifth.
    SELECT concat_ws(
        ' OR ',
        string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', f.name), ' OR ' ORDER BY f.n) FILTER (WHERE f.is_plain),
        -- Between two ROW(…)s, *<> would be asked of each field by itself, so there its function stands, which a dump
        -- also keeps.
        'pg_catalog.record_image_ne(ROW('
            || string_agg(format('OLD.%I', f.name), ', ' ORDER BY f.n) FILTER (WHERE NOT f.is_plain) || '), ROW('
            || string_agg(format('NEW.%I', f.name), ', ' ORDER BY f.n) FILTER (WHERE NOT f.is_plain) || '))')
    FROM (
        SELECT field.name, field.n,
               (t.typtype = 'e'
                    OR t.oid = ANY ('{bool,"\"char\"",int2,int4,int8,oid,uuid,text,varchar,bytea,date,time,timestamp,timestamptz}'::regtype[]))
               AND coalesce(c.collisdeterministic, true)
               AND NOT EXISTS (SELECT FROM pg_operator o
                               WHERE o.oprname = '=' AND t.oid IN (o.oprleft, o.oprright)
                                 AND o.oprnamespace <> 'pg_catalog'::regnamespace) AS is_plain
        FROM unnest(fields) WITH ORDINALITY AS field (name, n)
        JOIN pg_attribute a ON a.attrelid = on_table AND a.attname = field.name
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_collation c ON c.oid = a.attcollation
    ) f
$$;

COMMENT ON FUNCTION webhooks.change_of_fields(regclass, text[]) IS
'The part of a trigger''s condition that says whether one of some columns changed, to the byte.';


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
    IF event.fields IS NOT NULL THEN
        change := '(' || webhooks.change_of_fields(event.on_table, event.fields) || ')';
    ELSIF operation = 'UPDATE' THEN
        -- *<> compares images; see change_of_fields.
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
