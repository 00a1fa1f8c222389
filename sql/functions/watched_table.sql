-- Which tables, operations and columns can be watched.

CREATE FUNCTION webhooks.check_watched_table(on_table regclass, role oid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation record;
    problem  text;
BEGIN
    SELECT c.relkind, c.relpersistence, c.relrowsecurity, n.nspname, c.relname,
           format('%I.%I', n.nspname, c.relname) AS full_name
    INTO relation
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = on_table;

    IF NOT FOUND THEN
        -- Of one that was dropped nothing but its number is left, but for events that were on it.
        RAISE EXCEPTION 'invalid argument "on_table": there is no table %', coalesce(
                (SELECT format('%I.%I', e.object_schema, e.object_name) FROM webhooks.event e
                 WHERE e.on_table = check_watched_table.on_table ORDER BY e.id DESC LIMIT 1), on_table::text, 'NULL')
            USING ERRCODE = 'undefined_table',
                  HINT = 'Give a table, such as ''public.orders''.';
    END IF;

    problem := CASE
        WHEN relation.nspname = 'webhooks' THEN 'belongs to this extension'
        WHEN relation.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') THEN 'is a system catalog'
        WHEN relation.relkind IN ('v', 'm') THEN 'is a view'
        WHEN relation.relkind = 'f' THEN 'is a foreign table'
        WHEN relation.relkind NOT IN ('r', 'p') THEN 'is not a table'
        WHEN relation.relpersistence = 't' THEN 'is a temporary table'
    END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "on_table": % %', relation.full_name, problem
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Give an ordinary or a partitioned table, such as the one a view reads from.';
    END IF;

    IF NOT (has_table_privilege(role, on_table, 'TRIGGER') AND webhooks.may_read_whole(role, on_table)) THEN
        RAISE EXCEPTION 'invalid argument "on_table": permission denied for table %', relation.full_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('An event''s maker needs two privileges: GRANT SELECT, TRIGGER ON %s TO %I.',
                                relation.full_name, pg_get_userbyid(role))
                         || CASE WHEN relation.relrowsecurity THEN ' Row security must not keep rows from it: events tell them all.' ELSE '' END;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_watched_table(regclass, oid) IS
'For create_event and its kin: raises an error unless the table can have events and the role may make them: it needs TRIGGER, and to read every row.';


CREATE FUNCTION webhooks.check_event_type(type text, on_table regclass) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF on_table IS NULL THEN
        RAISE EXCEPTION 'invalid argument "on_table": it is NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the table to watch. An event that only webhooks.emit(event) raises has neither type nor on_table.';
    ELSIF type IS NULL OR type NOT IN ('table.recordInsert', 'table.recordUpdate', 'table.recordDelete', 'table.truncate') THEN
        RAISE EXCEPTION 'invalid argument "type": there is no %', coalesce(quote_literal(type), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give ''table.recordInsert'', ''table.recordUpdate'', ''table.recordDelete'' or ''table.truncate''.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_event_type(text, regclass) IS
'For create_event and add_event: raises an error unless the type is one that a table has.';


CREATE FUNCTION webhooks.watched_fields(type text, on_table regclass, fields text[]) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    columns text[] := ARRAY(SELECT a.attname::text FROM pg_attribute a
                            WHERE a.attrelid = on_table AND a.attnum > 0 AND NOT a.attisdropped
                            ORDER BY a.attnum);
    unknown text;
BEGIN
    IF fields IS NULL THEN
        RETURN NULL;
    ELSIF type <> 'table.recordUpdate' THEN
        RAISE EXCEPTION 'invalid argument "fields": an event of type ''%'' has none', type
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Inserts and deletes concern the whole row: leave fields out, or use condition.';
    -- array_position takes only those of one dimension.
    ELSIF array_ndims(fields) > 1 THEN
        RAISE EXCEPTION 'invalid argument "fields": it is a list of lists'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the columns to watch, such as ''{status,total}'', or leave fields out to watch all.';
    ELSIF cardinality(fields) = 0 OR array_position(fields, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "fields": it is empty or contains NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the columns to watch, or leave fields out to watch all.';
    END IF;

    SELECT field INTO unknown FROM unnest(fields) AS field WHERE field <> ALL (columns) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid argument "fields": column "%" of % does not exist', unknown, on_table
            USING ERRCODE = 'undefined_column',
                  HINT = 'Its columns are: ' || array_to_string(columns, ', ');
    END IF;

    RETURN ARRAY(SELECT DISTINCT field COLLATE "C" FROM unnest(fields) AS field ORDER BY 1);
END $$;

COMMENT ON FUNCTION webhooks.watched_fields(text, regclass, text[]) IS
'For create_event and add_event: the given fields, each once and sorted, or an error if an event cannot watch them.';
