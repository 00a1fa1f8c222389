-- The log's partitions: one a day (UTC) of messages, attempts, read positions and tallies.

CREATE VIEW webhooks.log_partition AS
SELECT parent.relname::text AS log,
       child.oid::regclass  AS partition,
       child.relname::text  AS name,
       to_date(right(child.relname, 8), 'YYYYMMDD') AS day
FROM pg_catalog.pg_inherits i
     JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent
     JOIN pg_catalog.pg_class child ON child.oid = i.inhrelid
WHERE parent.oid IN ('webhooks.message'::regclass, 'webhooks.attempt'::regclass,
                     'webhooks.read_cursor'::regclass, 'webhooks.tally'::regclass)
  AND child.relname ~ '_\d{8}$';

COMMENT ON VIEW webhooks.log_partition IS
'The partitions of the log that hold a day each: of message, attempt, read_cursor and tally.';


CREATE FUNCTION webhooks.make_partition(log text, day date) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '50ms'
AS $$
DECLARE
    name     text := log || to_char(day, '_YYYYMMDD');
    day_from text := to_char(day, 'YYYY-MM-DD 00:00:00+00');
    day_to   text := to_char(day + 1, 'YYYY-MM-DD 00:00:00+00');
    is_taken boolean;
BEGIN
    IF to_regclass('webhooks.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;

    EXECUTE format('SELECT EXISTS (SELECT FROM webhooks.%I WHERE at >= %L AND at < %L)',
                   log || '_default', day_from, day_to) INTO is_taken;
    IF is_taken THEN
        RETURN false;  -- and that day stays in the default partition as a whole
    END IF;

    -- Made on its own and then attached, because CREATE TABLE ... PARTITION OF locks out all readers of the log.
    EXECUTE format('CREATE TABLE webhooks.%I (LIKE webhooks.%I INCLUDING ALL EXCLUDING IDENTITY EXCLUDING COMMENTS)',
                   name, log);
    EXECUTE format('REVOKE ALL ON webhooks.%I FROM PUBLIC', name);
    EXECUTE format('ALTER TABLE webhooks.%I ATTACH PARTITION webhooks.%I FOR VALUES FROM (%L) TO (%L)',
                   log, name, day_from, day_to);

    -- CREATE EXTENSION and ALTER EXTENSION UPDATE adopt what they make by themselves.
    IF NOT EXISTS (SELECT FROM pg_depend d
                   WHERE d.classid = 'pg_class'::regclass AND d.objid = ('webhooks.' || name)::regclass
                     AND d.deptype = 'e') THEN
        EXECUTE format('ALTER EXTENSION webhooks ADD TABLE webhooks.%I', name);
    END IF;
    RETURN true;
EXCEPTION
    -- A row of that day came to the default partition just now; or somebody has it locked, and the next call tries again.
    WHEN check_violation OR lock_not_available THEN
        RETURN false;
END $$;

COMMENT ON FUNCTION webhooks.make_partition(text, date) IS
'For make_partitions: makes one day''s partition of one log. false where it exists or cannot be made now.';


CREATE FUNCTION webhooks.make_partitions(days_ahead int) RETURNS int
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE webhooks.make_partition(log, (now() AT TIME ZONE 'UTC')::date + ahead))::int
    FROM unnest('{message,attempt,read_cursor,tally}'::text[]) AS log, generate_series(0, days_ahead) AS ahead
$$;

COMMENT ON FUNCTION webhooks.make_partitions(int) IS
'Makes the log''s partitions for today and so many days ahead, where they are missing, and returns how many it made. The worker calls it; rows of a day without a partition go to the default one.';
