-- What events say today. A trigger and a function follow what is renamed, the texts that were given do not.

CREATE FUNCTION webhooks.event_today(event webhooks.event) RETURNS webhooks.event
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given    text[]  := ARRAY[event.condition, event.data, event.account, event.key];
    computes boolean := coalesce(event.data, event.account, event.key) IS NOT NULL;
    computed text[]  := '{}';
    today    text[];
    said     record;
BEGIN
    IF computes THEN
        computed := ARRAY(SELECT convert_from(expression, getdatabaseencoding())
                          FROM unnest(webhooks.event_expressions(event.id)) WITH ORDINALITY AS e (expression, n) ORDER BY n);
    END IF;
    SELECT ARRAY(SELECT a.attname::text COLLATE "C" FROM pg_attribute a
                 WHERE a.attrelid = event.on_table AND a.attnum = ANY (w.columns) ORDER BY 1) AS fields,
           convert_from(w.condition, getdatabaseencoding()) AS condition,
           -- The same whatever is renamed, until the trigger is another one.
           md5(t.tgqual::text) AS clause
    INTO said
    FROM pg_trigger t,
         webhooks.event_when(t.oid, computes, event.type = 'table.recordUpdate', event.condition IS NOT NULL) w
    WHERE t.tgrelid = event.on_table AND t.tgname = 'webhooks_event_' || event.id AND t.tgqual IS NOT NULL;
    -- Without its trigger, or with one that somebody has made otherwise, what was given is all there is. Who has TRIGGER on the
    -- table can put another one in its place, and what that says must not be read for the event's maker.
    IF NOT FOUND OR event.understood IS NOT NULL AND said.clause IS DISTINCT FROM event.understood[5]
                    AND said.condition IS DISTINCT FROM event.understood[1] THEN
        RETURN event;
    END IF;

    IF event.fields IS NOT NULL THEN
        event.fields := said.fields;
    END IF;
    today := ARRAY(SELECT CASE WHEN text IS NOT NULL THEN (said.condition || computed)[n] END
                   FROM unnest(given) WITH ORDINALITY AS g (text, n) ORDER BY n);
    IF event.understood IS NOT NULL THEN
        given := ARRAY(SELECT CASE WHEN today[n] IS DISTINCT FROM event.understood[n] THEN today[n] ELSE text END
                       FROM unnest(given) WITH ORDINALITY AS g (text, n) ORDER BY n);
    END IF;
    event.condition := given[1];
    event.data := given[2];
    event.account := given[3];
    event.key := given[4];
    event.understood := today || said.clause;
    RETURN event;
END $$;

COMMENT ON FUNCTION webhooks.event_today(webhooks.event) IS
'An event with its fields and expressions under the names of today. An expression in which nothing was renamed stays as it was given.';


CREATE FUNCTION webhooks.refresh_events(of_table regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    outdated webhooks.event[] := ARRAY(
        SELECT t FROM webhooks.event e, webhooks.event_today(e) t
        WHERE e.on_table = of_table AND e.dropped_at IS NULL
          AND (e.fields, e.condition, e.data, e.account, e.key, e.understood)
              IS DISTINCT FROM (t.fields, t.condition, t.data, t.account, t.key, t.understood)
        ORDER BY e.id
        FOR NO KEY UPDATE OF e SKIP LOCKED);
BEGIN
    -- Two columns may have taken each other's names, and no two unnamed events have the same words, not even in between.
    UPDATE webhooks.event e SET condition = 'event ' || e.id FROM unnest(outdated) AS t WHERE e.id = t.id AND NOT e.named;
    UPDATE webhooks.event e
    SET fields = t.fields, condition = t.condition, data = t.data, account = t.account, key = t.key, understood = t.understood
    FROM unnest(outdated) AS t
    WHERE e.id = t.id;
EXCEPTION WHEN unique_violation THEN
    -- One has become what another one that is locked was: the texts stay what they were, and event_today knows better.
    NULL;
END $$;

COMMENT ON FUNCTION webhooks.refresh_events(regclass) IS
'For add_event and alter_table: writes the names of today into the events of a table, where those of yesterday would be in the way.';
