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


CREATE FUNCTION webhooks.adopt() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO webhooks.home (origin, database)
    SELECT o.id, d.oid FROM webhooks.origin o, pg_database d WHERE d.datname = current_database()
    ON CONFLICT (origin) DO UPDATE SET database = excluded.database;
    SELECT webhooks.tie_event_functions();
$$;

COMMENT ON FUNCTION webhooks.adopt() IS
'Lets a copy of a database, such as a restored dump, send: from now on its webhooks call their endpoints, and what has waited goes out. Stop or change first what must not call. Without effect where nothing was copied.';
