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
                  HINT = 'Leave it out, or give one SQL expression over OLD and NEW, such as NEW.total > 100.';
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
