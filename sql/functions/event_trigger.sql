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
        -- Between two ROW(...)s, *<> would be asked of each field by itself, so there its function stands, which a dump
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


CREATE FUNCTION webhooks.event_trigger_definition(event webhooks.event, condition text, OUT before text, OUT after text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    operation text := CASE event.type
                          WHEN 'table.recordInsert' THEN 'INSERT'
                          WHEN 'table.recordUpdate' THEN 'UPDATE'
                          WHEN 'table.recordDelete' THEN 'DELETE'
                          WHEN 'table.truncate' THEN 'TRUNCATE'
                      END;
    change    text;
    computes  text;
    happened  text;
BEGIN
    IF event.fields IS NOT NULL THEN
        change := '(' || webhooks.change_of_fields(event.on_table, event.fields) || ')';
    ELSIF operation = 'UPDATE' THEN
        -- *<> compares images; see change_of_fields.
        change := 'OLD.* OPERATOR(pg_catalog.*<>) NEW.*';
    END IF;
    IF event.data IS NOT NULL OR event.account IS NOT NULL OR event.key IS NOT NULL THEN
        -- True, and costs nothing. Said here, the trigger depends on the function: neither is dropped without the other,
        -- and a dump knows.
        computes := format('%L::pg_catalog.regprocedure IS NOT NULL',
                           (SELECT p.oid::regprocedure FROM pg_proc p
                            WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || event.id));
    END IF;

    happened := concat_ws(' AND ', computes, change);
    -- on_table by its name of today, qualified since the search_path has nothing of the user's.
    before := format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s', 'webhooks_event_' || event.id, operation, event.on_table,
                     CASE operation WHEN 'TRUNCATE' THEN 'STATEMENT' ELSE 'ROW' END);
    after := format(' EXECUTE FUNCTION webhooks.capture(%L)', event.id);
    IF condition <> '' THEN
        before := before || ' WHEN (' || coalesce(nullif(happened, '') || ' AND ', '') || '(';
        after := E'\n))' || after;
    ELSIF happened <> '' THEN
        before := before || ' WHEN (' || happened || ')';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.event_trigger_definition(webhooks.event, text) IS
'The CREATE TRIGGER statement of an event that is on a table, as what stands before and behind its condition.';


CREATE FUNCTION webhooks.has_event_trigger(event webhooks.event) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = event.on_table AND t.tgname = 'webhooks_event_' || event.id)
$$;

COMMENT ON FUNCTION webhooks.has_event_trigger(webhooks.event) IS
'Whether an event''s trigger is on its table: DROP TRIGGER, or DROP COLUMN ... CASCADE, may have taken it.';


CREATE FUNCTION webhooks.has_event_function(event_id bigint) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || event_id)
$$;

COMMENT ON FUNCTION webhooks.has_event_function(bigint) IS
'Whether what an event computes is there.';


CREATE FUNCTION webhooks.create_event_trigger(event webhooks.event, role oid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition record;
BEGIN
    definition := webhooks.event_trigger_definition(event, event.condition);
    IF event.condition IS NULL THEN
        EXECUTE definition.before || definition.after;
    ELSE
        PERFORM webhooks.check_condition(event.on_table, event.type, event.condition, role);
        PERFORM webhooks.run_expression('condition', definition.before, event.condition, definition.after, role);
        PERFORM webhooks.check_used_objects('condition', 'pg_trigger', t.oid, role)
        FROM pg_trigger t WHERE t.tgrelid = event.on_table AND t.tgname = 'webhooks_event_' || event.id;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.create_event_trigger(webhooks.event, oid) IS
'Creates an event''s trigger, with a condition as that role. What Postgres has against its condition is raised as an error about that argument.';


CREATE FUNCTION webhooks.drop_event_trigger(event webhooks.event) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF webhooks.has_event_trigger(event) THEN
        -- DROP TRIGGER locks the partitions first, and whoever writes the table that they are of.
        IF (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = event.on_table) THEN
            EXECUTE format('LOCK TABLE ONLY %s', event.on_table);
        END IF;
        EXECUTE format('DROP TRIGGER %I ON %s', 'webhooks_event_' || event.id, event.on_table);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.drop_event_trigger(webhooks.event) IS
'Removes an event''s trigger from its table, if both are still there.';
