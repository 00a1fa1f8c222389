\set ECHO none
-- Every test begins with an extension of its own: ids start at 1 and the log is empty. scripts/regress has the
-- server send nothing, so that what is recorded stays as it is.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS webhooks CASCADE;
CREATE EXTENSION webhooks;
RESET client_min_messages;
\set SHOW_CONTEXT never

-- What a statement is told: SQLSTATE, message and HINT.
CREATE FUNCTION pg_temp.complaint(statement text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;

-- The log, as far as it is the same each time.
CREATE VIEW pg_temp.log AS
SELECT e.name AS event, m.operation AS op, m.record, m.changed, m.data, m.old
FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id
ORDER BY m.seq;
\set ECHO all
