-- Expressions as a user gives them: condition, data, account and key. How they are checked and become part of a trigger or a
-- function is told in src/expressions.rs.

CREATE FUNCTION webhooks.trimmed_expression(argument text, expression text, type text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    expression := btrim(expression, E' \t\r\n');
    IF expression = '' THEN
        RAISE EXCEPTION 'invalid argument "%": it is empty', argument
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Leave it out, or give one SQL expression over OLD and NEW, such as %s.',
                                CASE argument WHEN 'condition' THEN 'NEW.total > 100' WHEN 'data' THEN 'jsonb_build_object(''id'', NEW.id)'
                                              ELSE 'NEW.customer_id' END);
    ELSIF length(expression) > 10000 THEN
        RAISE EXCEPTION 'invalid argument "%": it is % characters long', argument, length(expression)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Put the logic into a function and call that.';
    ELSIF type = 'table.truncate' AND expression IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "%": an event of type ''table.truncate'' has no row', argument
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave it out: one message tells that all rows are gone.';
    END IF;
    RETURN expression;
END $$;

COMMENT ON FUNCTION webhooks.trimmed_expression(text, text, text) IS
'For create_event and its kin: the expression as it is stored and compared. NULL stays NULL.';


CREATE FUNCTION webhooks.row_expression(argument text, expression text, type text, on_table regclass) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trimmed text := webhooks.trimmed_expression(argument, expression, type);
    column_name name;
BEGIN
    SELECT a.attname INTO column_name FROM pg_attribute a
    WHERE a.attrelid = on_table AND a.attnum > 0 AND NOT a.attisdropped AND trimmed IN (a.attname::text, quote_ident(a.attname))
    ORDER BY a.attname::text = trimmed DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN trimmed;
    END IF;
    RETURN format(CASE type WHEN 'table.recordDelete' THEN 'OLD.%I' ELSE 'NEW.%I' END, column_name);
END $$;

COMMENT ON FUNCTION webhooks.row_expression(text, text, text, regclass) IS
'For create_event and alter_event: the expression, where a column''s name alone stands for that column of the row.';


CREATE FUNCTION webhooks.check_used_objects(argument text, class regclass, object oid, role oid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    used record;
BEGIN
    SELECT o.type, o.name, o.identity, o.schema ~ '^pg_temp(_|$)' AS is_temporary INTO used
    FROM pg_depend d, pg_identify_object(d.refclassid, d.refobjid, 0) o
    WHERE d.classid = class AND d.objid = object
      AND CASE WHEN o.schema ~ '^pg_temp(_|$)' THEN true
               WHEN o.type = 'sequence' THEN NOT has_sequence_privilege(role, d.refobjid, 'USAGE, SELECT, UPDATE') END
    ORDER BY is_temporary DESC, o.type, o.identity LIMIT 1;
    IF used.is_temporary THEN
        RAISE EXCEPTION 'invalid argument "%": it uses temporary % %', argument, used.type, used.identity
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'That is there for this session alone, and the event for all: use what stays.';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'invalid argument "%": permission denied for sequence %', argument, used.name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = CASE argument
                      WHEN 'condition' THEN 'Who makes the event needs it, and who changes rows does too: the trigger judges them.'
                      ELSE 'It is evaluated with the privileges of the event''s maker, who needs them.' END;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_used_objects(text, regclass, oid, oid) IS
'For create_event and its kin: raises an error about the argument if what was made of an expression, a function or a trigger, uses temporary objects, which other sessions do not have, or sequences that the role must not.';
