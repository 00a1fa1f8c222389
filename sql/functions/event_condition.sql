-- A condition becomes part of a trigger's WHEN clause, so it has to be one expression and nothing else. Having it parsed
-- twice makes sure of that. First on its own, between SELECT and FROM: there a parenthesis that closes more than was
-- opened is a syntax error, and opening a cursor refuses a second statement. Then in parentheses, by CREATE TRIGGER: there
-- nothing but an expression fits. The line break keeps a trailing comment from swallowing what follows.

CREATE FUNCTION webhooks.check_condition_alone(on_table regclass, condition text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    parsed refcursor;
BEGIN
    -- With the caller's search_path, so that it finds what CREATE TRIGGER will find.
    OPEN parsed FOR EXECUTE pg_catalog.format(E'SELECT %1$s\nFROM ONLY %2$s AS old, ONLY %2$s AS new LIMIT 0',
                                              condition, on_table);
    CLOSE parsed;
END $$;

COMMENT ON FUNCTION webhooks.check_condition_alone(regclass, text) IS
'For create_event and add_event: has Postgres parse a condition without parentheses around it. Runs nothing of it.';


CREATE FUNCTION webhooks.trimmed_condition(condition text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    condition := btrim(condition, E' \t\r\n');
    IF condition = '' THEN
        RAISE EXCEPTION 'invalid argument "condition": it is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave it out, or give one SQL expression over OLD and NEW, such as NEW.total > 100.';
    ELSIF length(condition) > 10000 THEN
        RAISE EXCEPTION 'invalid argument "condition": it is % characters long', length(condition)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Put the logic into a function and call that.';
    END IF;
    RETURN condition;
END $$;

COMMENT ON FUNCTION webhooks.trimmed_condition(text) IS
'For create_event and add_event: the condition as it is stored and compared. NULL stays NULL.';


CREATE FUNCTION webhooks.raise_bad_condition(code text, message text, hint text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'invalid argument "condition": %', message
        USING ERRCODE = code,
              HINT = CASE
                  WHEN hint <> '' THEN
                      hint
                  WHEN code = '0A000' THEN
                      'A condition is judged on the row alone: put queries into a function and call that.'
                  WHEN code = '42P17' THEN
                      'An insert has only NEW and a delete only OLD; an update has both.'
                  ELSE
                      'Give one SQL expression over OLD and NEW that is true or false, such as NEW.total > 100.'
              END;
END $$;

COMMENT ON FUNCTION webhooks.raise_bad_condition(text, text, text) IS
'For create_event and add_event: raises what Postgres said about a condition, with the argument''s name and a HINT.';
