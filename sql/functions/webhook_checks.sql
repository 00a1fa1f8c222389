-- What the parameters of a webhook may be.

CREATE FUNCTION webhooks.check_range(argument text, value bigint, lowest bigint, highest bigint, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR value NOT BETWEEN lowest AND highest THEN
        RAISE EXCEPTION 'invalid argument "%": % is out of range', argument, coalesce(value::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Give %s: %s to %s.', what, lowest, highest);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_range(text, bigint, bigint, bigint, text) IS
'For the functions of this schema: raises an error that names the argument unless the number lies in the range.';


CREATE FUNCTION webhooks.check_range(argument text, value interval, lowest interval, highest interval, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR value NOT BETWEEN lowest AND highest THEN
        RAISE EXCEPTION 'invalid argument "%": % is out of range', argument, coalesce(value::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_range(text, interval, interval, interval, text) IS
'For the functions of this schema: raises an error that names the argument unless the interval lies in the range.';


CREATE FUNCTION webhooks.check_choice(argument text, value text, choices text[], hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR value <> ALL (choices) THEN
        RAISE EXCEPTION 'invalid argument "%": there is no %', argument, coalesce(quote_literal(value), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_choice(text, text, text[], text) IS
'For the functions of this schema: raises an error that names the argument unless the text is one of the choices.';


CREATE FUNCTION webhooks.check_retry_schedule(retry_schedule interval[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- array_position takes only those of one dimension.
    IF array_ndims(retry_schedule) > 1 THEN
        RAISE EXCEPTION 'invalid argument "retry_schedule": it is a list of lists'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the waits before further attempts, such as ''{5s,1m,5m}''; ''{}'' is a single attempt.';
    ELSIF retry_schedule IS NULL OR array_position(retry_schedule, NULL) IS NOT NULL THEN
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

COMMENT ON FUNCTION webhooks.check_retry_schedule(interval[]) IS
'For the functions of this schema: raises an error unless a webhook may have this schedule.';


CREATE FUNCTION webhooks.place_in_account(account text) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    highest  int := current_setting('webhooks.max_webhooks_per_account')::int;
    existing int;
BEGIN
    IF account IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO existing FROM webhooks.webhook w WHERE w.account = place_in_account.account;
    IF existing >= highest THEN
        RAISE EXCEPTION 'invalid argument "account": "%" has % webhooks already', account, existing
            USING ERRCODE = 'configuration_limit_exceeded',
                  HINT = 'Drop one of them, or raise webhooks.max_webhooks_per_account.';
    END IF;
    RETURN min(place) FROM generate_series(1, existing + 1) AS place
    WHERE NOT EXISTS (SELECT FROM webhooks.webhook w
                      WHERE w.account = place_in_account.account AND w.account_place = place);
END $$;

COMMENT ON FUNCTION webhooks.place_in_account(text) IS
'For create_webhook and alter_webhook: the lowest place among an account''s webhooks that is free, or an error if it has as many as webhooks.max_webhooks_per_account allows. Another session may take the place first: then there is another one, or none.';


CREATE FUNCTION webhooks.check_webhook(webhook webhooks.webhook) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM webhooks.check_name('name', webhook.name);
    IF webhook.account IS NOT NULL THEN
        PERFORM webhooks.check_name('account', webhook.account);
    END IF;
    PERFORM webhooks.check_signature(webhook.signature);
    IF length(webhook.handshake_key) > 1000 THEN
        RAISE EXCEPTION 'invalid argument "handshake_key": it is % characters long', length(webhook.handshake_key)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give at most 1000 characters.';
    END IF;
    IF webhook.throttle_calls IS NOT NULL THEN
        PERFORM webhooks.check_range('throttle_calls', webhook.throttle_calls, 1, 100000,
            'how many calls an endpoint gets in any interval of throttle_per, or 0 for no bound');
    END IF;
    PERFORM webhooks.check_range('throttle_per', webhook.throttle_per, interval '1 millisecond', interval '1 day',
        'Give the interval for throttle_calls: 1 millisecond to 1 day, such as ''1 minute''.');
    PERFORM webhooks.check_range('batch_size', webhook.batch_size, 1, 1000, 'how many messages may go in one call');
    PERFORM webhooks.check_range('max_in_flight', webhook.max_in_flight, 1, 1000,
        'the number of calls that may be open at once to an endpoint');
    PERFORM webhooks.check_choice('ordering', webhook.ordering, '{record,strict,none}',
        'Give ''record'' (in order for each record), ''strict'' (one after the other) or ''none''.');
    PERFORM webhooks.check_range('timeout', webhook.timeout, interval '1 millisecond', interval '1 hour',
        'Give how long a call may take: 1 millisecond to 1 hour, such as ''15 seconds''.');
    PERFORM webhooks.check_retry_schedule(webhook.retry_schedule);
    PERFORM webhooks.check_choice('when_exhausted', webhook.when_exhausted, '{disable,keep}',
        'Give ''disable'' (an endpoint that nothing has reached meanwhile) or ''keep''.');
    IF jsonb_typeof(webhook.properties) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'invalid argument "properties": it is not a JSON object'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give an object of your own, such as ''{"team": "shipping"}'', or leave it out.';
    ELSIF length(webhook.errors_email) > 254 OR webhook.errors_email !~ '^[^@[:space:][:cntrl:]<>,;"]+@[^@[:space:][:cntrl:]<>,;"]+$' THEN
        RAISE EXCEPTION 'invalid argument "errors_email": %', quote_literal(webhook.errors_email)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give one address, such as ''ops@example.com'', of at most 254 characters.';
    ELSIF webhook.payload IS NULL THEN
        RAISE EXCEPTION 'invalid argument "payload": it is NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the name of a preset, such as ''"default"'', or a template.';
    END IF;
    PERFORM webhooks.check_payload(webhook.payload);
END $$;

COMMENT ON FUNCTION webhooks.check_webhook(webhooks.webhook) IS
'For create_webhook and alter_webhook: raises an error that names the parameter unless a webhook may be like this.';
