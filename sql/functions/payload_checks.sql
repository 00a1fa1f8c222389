-- What a payload may be, alone and for an event. A template that names a column which the table does not have would send
-- nulls for ever, so that it is refused while somebody is there to read why.

CREATE FUNCTION webhooks.check_payload(payload jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- In a webhook's JSON it says that nothing is said.
    IF payload = 'null' THEN
        RAISE EXCEPTION 'invalid argument "payload": it is null in JSON'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the name of a preset, such as ''"default"'', or a template, or leave payload out.';
    END IF;
    PERFORM webhooks.payload_columns(convert_to(payload::text, 'UTF8'));
END $$;

COMMENT ON FUNCTION webhooks.check_payload(jsonb) IS
'For the functions of this schema: raises an error that says where, unless the JSON is the name of a preset or a template. NULL passes.';


CREATE FUNCTION webhooks.check_payload_for_event(payload jsonb, event_id bigint, of_webhook text = NULL) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    event   webhooks.event;
    columns text[];
    unknown record;
BEGIN
    SELECT e.* INTO STRICT event FROM webhooks.event e WHERE e.id = event_id;
    -- What is emitted has an object of any shape.
    IF event.on_table IS NULL THEN
        RETURN;
    END IF;

    columns := ARRAY(SELECT a.attname::text FROM pg_attribute a
                     WHERE a.attrelid = event.on_table AND a.attnum > 0 AND NOT a.attisdropped);
    SELECT convert_from(used.column_name, 'UTF8') AS name, used.place INTO unknown
    FROM webhooks.payload_columns(convert_to(payload::text, 'UTF8')) WITH ORDINALITY AS used (column_name, is_old, place, position)
    -- An event's own data stands in place of the row and has any shape too; what an update changed are columns all the same.
    WHERE (used.is_old OR event.data IS NULL) AND convert_from(used.column_name, 'UTF8') <> ALL (columns)
    ORDER BY used.position LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid argument "payload": column "%" of % does not exist, %', unknown.name, event.on_table, unknown.place
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Its columns, the nearest first: ' || coalesce(webhooks.nearest_names(unknown.name, columns), 'none') || '.',
                  DETAIL = format('The event "%s" is on that table%s.', event.name,
                                  ', and the payload is the one of webhook "' || of_webhook || '"');
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_payload_for_event(jsonb, bigint, text) IS
'For the functions of this schema: raises an error that says where, unless the event''s table has every column that the payload names, as [@field:...] where the event has no data of its own and as [@old:...]. NULL passes. A webhook is named where the caller does not know whose payload it is.';
