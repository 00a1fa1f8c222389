-- What the parameters of a webhook may be.

CREATE FUNCTION webhooks.check_webhook(max_in_flight int, ordering text, timeout interval, retry_schedule interval[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF max_in_flight IS NULL OR max_in_flight NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'invalid argument "max_in_flight": % is out of range', coalesce(max_in_flight::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the number of calls that may be open at once to an endpoint: 1 to 1000.';
    END IF;

    IF ordering IS NULL OR ordering NOT IN ('record', 'strict', 'none') THEN
        RAISE EXCEPTION 'invalid argument "ordering": there is no %', coalesce(quote_literal(ordering), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give ''record'' (in order for each record), ''strict'' (one after the other) or ''none''.';
    END IF;

    IF timeout IS NULL OR timeout < interval '1 millisecond' OR timeout > interval '1 hour' THEN
        RAISE EXCEPTION 'invalid argument "timeout": % is out of range', coalesce(timeout::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give how long a call may take: 1 millisecond to 1 hour, such as ''15 seconds''.';
    END IF;

    IF retry_schedule IS NULL OR array_position(retry_schedule, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'invalid argument "retry_schedule": it is NULL or contains NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the waits before further attempts, such as ''{5s,1m,5m}''; ''{}'' is a single attempt.';
    ELSIF cardinality(retry_schedule) > 100 THEN
        RAISE EXCEPTION 'invalid argument "retry_schedule": it has % waits', cardinality(retry_schedule)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give at most 100 waits.';
    ELSIF NOT (interval '0' <= ALL (retry_schedule) AND interval '365 days' >= ALL (retry_schedule)) THEN
        RAISE EXCEPTION 'invalid argument "retry_schedule": a wait in % is out of range', retry_schedule
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A wait is 0 to 365 days long.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_webhook(int, text, interval, interval[]) IS
'For the functions of this schema: raises an error that names the parameter unless a webhook may have these.';
