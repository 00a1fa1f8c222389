-- The log's partitions: one a day, in UTC, made ahead.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SET TimeZone = 'Pacific/Kiritimati';
-- In one transaction, so that the worker, which makes partitions too, does not see what is missing meanwhile.
BEGIN;
SELECT (now() AT TIME ZONE 'UTC')::date AS today \gset

-- A new log has today's and some more, all of them the extension's own.
SELECT log, count(*) AS days, min(day) = :'today' AS from_today, max(day) - :'today'::date AS ahead FROM webhooks.log_partition GROUP BY log ORDER BY log;
SELECT bool_and(EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.partition AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')) AS members FROM webhooks.log_partition p;

-- Whoever holds a lock for a moment, such as the worker when it starts, only delays what is expected.
CREATE FUNCTION pg_temp.make_partitions(days_ahead int, expected int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    done int := 0;
BEGIN
    WHILE done < expected AND clock_timestamp() < now() + interval '30 seconds' LOOP
        done := done + webhooks.make_partitions(days_ahead);
    END LOOP;
    RETURN done;
END $$;

-- What is there is not made again; what is missing is.
SELECT webhooks.make_partitions(7);
SELECT pg_temp.make_partitions(9, expected => 8);
SELECT webhooks.make_partitions(9);
SELECT bool_and(EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.partition AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')) AS members FROM webhooks.log_partition p;
SELECT count(*) AS misnamed FROM webhooks.log_partition WHERE name <> log || to_char(day, '_YYYYMMDD');

-- A partition is what its parent is: indexes, compression, no more privileges.
SELECT p.log, count(i.indexrelid) AS indexes, bool_and(i.indexrelid IN (SELECT inhrelid FROM pg_inherits)) AS attached
FROM webhooks.log_partition p LEFT JOIN pg_index i ON i.indrelid = p.partition GROUP BY p.log ORDER BY p.log;
SELECT count(*) AS other FROM webhooks.log_partition p JOIN pg_attribute a ON a.attrelid = p.partition
JOIN pg_attribute b ON b.attrelid = ('webhooks.' || p.log)::regclass AND b.attnum = a.attnum
WHERE (a.attname, a.atttypid, a.attnotnull, a.attcompression, a.attstorage) IS DISTINCT FROM (b.attname, b.atttypid, b.attnotnull, b.attcompression, b.attstorage);

-- Days begin at midnight UTC, whatever the session's zone.
SELECT pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES FROM (%L) TO (%L)', (:'today'::date)::timestamp AT TIME ZONE 'UTC', (:'today'::date + 1)::timestamp AT TIME ZONE 'UTC') AS bounds
FROM pg_class c WHERE c.oid = ('webhooks.message_' || to_char(:'today'::date, 'YYYYMMDD'))::regclass;

-- Messages go to their day's partition, and to the default one where there is none.
SELECT FROM webhooks.create_event('a');
SELECT webhooks.emit('a') \g /dev/null
SELECT tableoid::regclass::text = 'webhooks.message_' || to_char(at AT TIME ZONE 'UTC', 'YYYYMMDD') AS in_its_day FROM webhooks.message;
DO $$
DECLARE p regclass;
BEGIN
    FOR p IN SELECT partition FROM webhooks.log_partition WHERE log = 'message' LOOP
        EXECUTE format('ALTER EXTENSION webhooks DROP TABLE %s', p);
        EXECUTE format('DROP TABLE %s', p);
    END LOOP;
END $$;
SELECT webhooks.emit('a') \g /dev/null
SELECT tableoid::regclass, count(*) FROM webhooks.message GROUP BY 1;

-- A day that has begun in the default partition stays there; the days to come are made.
SELECT pg_temp.make_partitions(3, expected => 3);
SELECT min(day) - :'today'::date AS from_day, max(day) - :'today'::date AS to_day FROM webhooks.log_partition WHERE log = 'message';
SELECT webhooks.make_partitions(3);
SELECT webhooks.emit('a') \g /dev/null
SELECT tableoid::regclass, count(*) FROM webhooks.message GROUP BY 1;

-- As soon as it is empty, its partition can be made, and is used at once.
DELETE FROM webhooks.message;
SELECT pg_temp.make_partitions(0, expected => 1);
SELECT webhooks.emit('a') \g /dev/null
SELECT tableoid::regclass <> 'webhooks.message_default'::regclass AS in_its_day FROM webhooks.message;
ROLLBACK;
