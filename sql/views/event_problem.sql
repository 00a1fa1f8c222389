-- Events that their tables do not raise, although nobody has dropped them.

CREATE VIEW webhooks.event_problem AS
SELECT e.id AS event_id,
       CASE WHEN c.oid IS NULL THEN 'its table was dropped'
            WHEN t.oid IS NULL THEN 'its trigger is gone: it was dropped, or a column that it uses was'
            WHEN t.tgenabled IN ('D', 'R') THEN 'its trigger is disabled on the table'
            ELSE format('its function webhooks.event_%s is gone: somebody has renamed or moved it', e.id) END AS problem,
       c.oid IS NULL OR t.oid IS NULL AS is_dead
FROM webhooks.event e
     LEFT JOIN pg_catalog.pg_class c ON c.oid = e.on_table
     LEFT JOIN pg_catalog.pg_trigger t ON t.tgrelid = e.on_table AND t.tgname = 'webhooks_event_' || e.id
     LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = 'webhooks'::pg_catalog.regnamespace AND p.proname = 'event_' || e.id
WHERE e.dropped_at IS NULL AND e.on_table IS NOT NULL
  AND (c.oid IS NULL OR t.oid IS NULL OR t.tgenabled IN ('D', 'R')
       OR p.oid IS NULL AND coalesce(e.data, e.account, e.key) IS NOT NULL);

COMMENT ON VIEW webhooks.event_problem IS
'What is wrong with events on tables, a row for each with which something is. Those that are dead the worker drops in time; one whose trigger or function is gone is mended by alter_event(name), or for unnamed ones by add_event.';
