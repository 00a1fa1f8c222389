-- What two documents of export_config differ in, in lines for a person to read. No line shows what is secret.

CREATE FUNCTION webhooks.shown_value(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(
        CASE WHEN value IS NULL OR value IN ('null', '[]', '{}') THEN 'none'
             WHEN jsonb_typeof(value) = 'array' AND NOT jsonb_path_exists(value, '$[*] ? (@.type() != "string")')
                 THEN (SELECT string_agg(text, ', ' ORDER BY n) FROM jsonb_array_elements_text(value) WITH ORDINALITY AS e (text, n))
             ELSE value #>> '{}' END,
        '\s+', ' ', 'g')
$$;

COMMENT ON FUNCTION webhooks.shown_value(jsonb) IS
'For apply_config: a value in one line.';


CREATE FUNCTION webhooks.shown_event(event jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(', ', (event ->> 'name') || coalesce(' of webhook ' || (event ->> 'webhook'), ''),
                     (event ->> 'type') || ' on ' || (event ->> 'on_table'),
                     (SELECT string_agg(key || ' ' || webhooks.shown_value(event -> key), ', ' ORDER BY n)
                      FROM unnest('{fields,condition,data,account,key,description}'::text[]) WITH ORDINALITY AS k (key, n)
                      WHERE event ? key),
                     'owner ' || nullif(event ->> 'owner', webhooks.caller_name()))
$$;

COMMENT ON FUNCTION webhooks.shown_event(jsonb) IS
'For apply_config: an event in one line, with its owner where that is not the caller.';


CREATE FUNCTION webhooks.value_differences(before jsonb, after jsonb) RETURNS TABLE (key text, difference text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT key,
           CASE WHEN key NOT IN ('secret', 'headers', 'handshake_key') THEN
                    CASE WHEN webhooks.shown_value(before -> key) = webhooks.shown_value(after -> key)
                         THEN key || ' in its white space'
                         ELSE format('%s %s -> %s', key, webhooks.shown_value(before -> key), webhooks.shown_value(after -> key)) END
                WHEN webhooks.shown_value(before -> key) = 'none' THEN key || ' set'
                WHEN webhooks.shown_value(after -> key) = 'none' THEN key || ' removed'
                ELSE key || ' changed' END
    FROM jsonb_object_keys(before || after) AS key
    WHERE key NOT IN ('name', 'endpoints', 'events') AND before -> key IS DISTINCT FROM after -> key
$$;

COMMENT ON FUNCTION webhooks.value_differences(jsonb, jsonb) IS
'For apply_config: in which values two definitions differ, a row for each, without lists and without showing what is secret.';


CREATE FUNCTION webhooks.event_differences(before jsonb, after jsonb) RETURNS TABLE (sign text, difference text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH b AS (SELECT CASE jsonb_typeof(e) WHEN 'string' THEN jsonb_build_object('name', e) ELSE e END AS event
               FROM jsonb_array_elements(before) AS e),
         a AS (SELECT CASE jsonb_typeof(e) WHEN 'string' THEN jsonb_build_object('name', e) ELSE e END AS event
               FROM jsonb_array_elements(after) AS e)
    SELECT CASE WHEN b IS NULL THEN '+' WHEN a IS NULL THEN '-' ELSE '~' END,
           concat_ws(', ', 'event ' || webhooks.shown_event(coalesce(a.event, b.event)),
                     'payload ' || CASE WHEN b IS NULL THEN (SELECT webhooks.shown_value(a.event -> 'payload') WHERE a.event ? 'payload')
                                        WHEN a IS NOT NULL THEN
                                            format('%s -> %s', webhooks.shown_value(b.event -> 'payload'),
                                                   webhooks.shown_value(a.event -> 'payload')) END)
    FROM b FULL JOIN a ON a.event - 'payload' = b.event - 'payload'
    WHERE a.event IS DISTINCT FROM b.event
$$;

COMMENT ON FUNCTION webhooks.event_differences(jsonb, jsonb) IS
'For apply_config: in which events two definitions of a webhook differ, a row for each.';


CREATE FUNCTION webhooks.config_difference(before jsonb, after jsonb) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH events AS (
        SELECT coalesce(a ->> 'name', b ->> 'name') AS name, b, a
        FROM jsonb_array_elements(before -> 'events') AS b FULL JOIN jsonb_array_elements(after -> 'events') AS a
             ON a ->> 'name' = b ->> 'name'
        WHERE a IS DISTINCT FROM b
    ), webhooks AS (
        -- A new one differs from the default; that it has a secret goes without saying.
        SELECT coalesce(a ->> 'name', b ->> 'name') AS name, b, a, CASE WHEN b IS NULL THEN '+' ELSE '~' END AS sign,
               coalesce(b, webhooks.default_webhook() - '{id,verify}'::text[] || jsonb_build_object('secret', a -> 'secret')) AS compared
        FROM jsonb_array_elements(before -> 'webhooks') AS b FULL JOIN jsonb_array_elements(after -> 'webhooks') AS a
             ON a ->> 'name' = b ->> 'name'
        WHERE a IS DISTINCT FROM b
    ), lines AS (
        SELECT 1 AS part, e.name, 1 AS n, CASE WHEN b IS NULL THEN '+ event ' || webhooks.shown_event(a) ELSE '- event ' || e.name END AS line
        FROM events e WHERE a IS NULL OR b IS NULL
        UNION ALL
        SELECT 1, e.name, 1, format('~ event %s: %s', e.name, d.difference)
        FROM events e, webhooks.value_differences(b, a) d
        UNION ALL
        SELECT 2, w.name, 1, CASE WHEN b IS NULL THEN '+ webhook ' ELSE '- webhook ' END || w.name
        FROM webhooks w WHERE a IS NULL OR b IS NULL
        UNION ALL
        SELECT 2, w.name, 2, format('%s webhook %s: %s', w.sign, w.name, d.difference)
        FROM webhooks w, webhooks.value_differences(w.compared, a) d
        WHERE a IS NOT NULL AND (d.key <> 'owner' OR a ->> 'owner' IS DISTINCT FROM webhooks.caller_name())
        UNION ALL
        SELECT 2, w.name, 3, format('%s webhook %s: endpoint %s', CASE WHEN present THEN '-' ELSE '+' END, w.name, url)
        FROM webhooks w,
             LATERAL (SELECT url, true AS present FROM jsonb_array_elements_text(w.compared -> 'endpoints') AS url
                      WHERE NOT a -> 'endpoints' ? url
                      UNION ALL
                      SELECT url, false FROM jsonb_array_elements_text(a -> 'endpoints') AS url
                      WHERE NOT w.compared -> 'endpoints' ? url) AS u
        WHERE a IS NOT NULL
        UNION ALL
        SELECT 2, w.name, 4, format('%s webhook %s: %s', d.sign, w.name, d.difference)
        FROM webhooks w, webhooks.event_differences(w.compared -> 'events', a -> 'events') d WHERE a IS NOT NULL
    )
    SELECT line FROM lines ORDER BY part, name COLLATE "C", n, line COLLATE "C"
$$;

COMMENT ON FUNCTION webhooks.config_difference(jsonb, jsonb) IS
'For apply_config: what two documents of export_config differ in, a line each: + for what is new, - for what is gone, ~ for what is another.';
