-- A copy of a database sends nothing until somebody says that it may.

CREATE FUNCTION webhooks.is_copy() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM webhooks.origin o
        WHERE NOT EXISTS (SELECT FROM webhooks.home h
                          JOIN pg_database d ON d.oid = h.database
                          WHERE h.origin = o.id AND d.datname = current_database()))
$$;

COMMENT ON FUNCTION webhooks.is_copy() IS
'Whether definitions in this database come from another one, by a dump or CREATE DATABASE ... TEMPLATE, and have not been adopted: then nothing is sent.';


CREATE FUNCTION webhooks.return_event_functions(to_maker name = NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    computing record;
BEGIN
    FOR computing IN
        SELECT e.name, e.created_by, p.oid::regprocedure AS function, p.proowner::regrole AS owner, r.oid IS NOT NULL AS is_known
        FROM webhooks.event e
             JOIN pg_proc p ON p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || e.id
             LEFT JOIN pg_roles r ON r.rolname = e.created_by
        WHERE p.proowner IS DISTINCT FROM r.oid AND (to_maker IS NULL OR e.created_by = to_maker)
        ORDER BY e.name
    LOOP
        IF computing.is_known THEN
            EXECUTE format('ALTER FUNCTION %s OWNER TO %I', computing.function, computing.created_by);
        ELSE
            RAISE WARNING 'event "%" computes with the privileges of role %, since there is no role "%", which made it',
                computing.name, computing.owner, computing.created_by
                USING HINT = 'Give what it has made to another role with webhooks.reassign_owned(old_role, new_role), or drop the event.';
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.return_event_functions(name) IS
'For adopt and reassign_owned: has events, all or those of one maker, compute with the privileges of who made them, as a dump that was restored without owners does not. A WARNING names those whose maker is missing.';


CREATE FUNCTION webhooks.recognize_event_triggers() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.event e SET understood = t.understood
    FROM webhooks.event w, webhooks.event_today(w) t
    WHERE w.id = e.id AND e.dropped_at IS NULL
      AND t.understood[5] <> e.understood[5] AND t.understood[1:4] IS NOT DISTINCT FROM e.understood[1:4]
$$;

COMMENT ON FUNCTION webhooks.recognize_event_triggers() IS
'For adopt: knows triggers that a dump has made anew, where they say what they said, so that names can be followed from then on.';


CREATE FUNCTION webhooks.adopt() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO webhooks.home (origin, database)
    SELECT o.id, d.oid FROM webhooks.origin o, pg_database d WHERE d.datname = current_database()
    ON CONFLICT (origin) DO UPDATE SET database = excluded.database;
    SELECT webhooks.tie_event_functions();
    SELECT webhooks.return_event_functions();
    SELECT webhooks.recognize_event_triggers();
$$;

COMMENT ON FUNCTION webhooks.adopt() IS
'Lets a copy of a database, such as a restored dump, send: from now on its webhooks call their endpoints, and what has waited goes out. Stop or change first what must not call. What events compute is computed with the privileges of their makers again, where it was restored without owners. Without effect where nothing was copied.';
