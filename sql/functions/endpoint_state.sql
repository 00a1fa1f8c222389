-- enabled -> disabled -> enabled: what happens in between waits, and is sent then.
-- enabled -> gone -> enabled: what happens in between is not sent, and what waited before has failed.

CREATE FUNCTION webhooks.disable_endpoints(asked bigint[], dead bigint[]) RETURNS SETOF webhooks.trouble
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.endpoint e
    SET state = 'disabled', state_since = now(),
        state_reason = CASE WHEN e.id = ANY (asked) THEN 'the receiver asked for no more calls'
                            ELSE 'nothing reached it while a delivery was tried for as long as its schedule says' END
    FROM webhooks.webhook w
    WHERE w.id = e.webhook_id AND e.state = 'enabled'
      AND (e.id = ANY (asked) OR e.id = ANY (dead) AND w.when_exhausted = 'disable')
    RETURNING e.id, 0::bigint, 0::bigint, 0::bigint, true, NULL::int, NULL::text, NULL::text[]
$$;

COMMENT ON FUNCTION webhooks.disable_endpoints(bigint[], bigint[]) IS
'For the worker: disables endpoints that asked for it, and dead ones of webhooks whose when_exhausted says so. Their messages wait. Gives a row for each that it has disabled, for tell_errors.';


CREATE FUNCTION webhooks.retire_endpoints(gone bigint[]) RETURNS SETOF webhooks.trouble
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    UPDATE webhooks.endpoint e
    SET state = 'gone', state_since = now(), state_reason = 'it answered 410'
    WHERE e.id = ANY (gone) AND e.state <> 'gone'
    RETURNING e.id, 0::bigint, 0::bigint, 0::bigint, true, NULL::int, NULL::text, NULL::text[];

    RETURN QUERY
    WITH failed AS (
        UPDATE webhooks.delivery d
        SET state = 'failed', due_at = NULL, failed_at = now(), last_error = 'status: 410, the endpoint is gone'
        WHERE d.endpoint_id = ANY (gone) AND d.state <> 'failed'
        RETURNING d.endpoint_id, d.event_id, d.message_at, d.message_seq
    ), tallied AS (
        INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, failed)
        SELECT now(), e.webhook_id, f.endpoint_id, f.event_id, count(*)
        FROM failed f JOIN webhooks.endpoint e ON e.id = f.endpoint_id
        GROUP BY e.webhook_id, f.endpoint_id, f.event_id
    )
    SELECT f.endpoint_id, count(*), count(*) FILTER (WHERE v.type LIKE 'webhook.%'), 0::bigint, false,
           410, 'status: 410, the endpoint is gone',
           array_agg(webhooks.message_id(f.message_at, f.message_seq)) FILTER (WHERE f.n <= 5)
    FROM (SELECT *, row_number() OVER (PARTITION BY endpoint_id ORDER BY message_seq) AS n FROM failed) AS f
         JOIN webhooks.event v ON v.id = f.event_id
    GROUP BY f.endpoint_id;

    UPDATE webhooks.webhook w
    SET state = 'stopped', changed_at = now()
    WHERE w.state <> 'stopped'
      AND w.id IN (SELECT e.webhook_id FROM webhooks.endpoint e WHERE e.id = ANY (gone))
      AND NOT EXISTS (SELECT FROM webhooks.endpoint e WHERE e.webhook_id = w.id AND e.state <> 'gone');
END $$;

COMMENT ON FUNCTION webhooks.retire_endpoints(bigint[]) IS
'For the worker: endpoints that have answered 410 get no more calls, and what waits for them has failed. A webhook that has no other is stopped. Gives what has gone wrong, for tell_errors.';


CREATE FUNCTION webhooks.set_enabled(of_endpoint bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.endpoint e
    SET state = 'enabled', state_since = now(), state_reason = NULL,
        since = CASE WHEN e.state = 'gone' THEN transaction_timestamp() ELSE e.since END
    WHERE e.id = of_endpoint
$$;

COMMENT ON FUNCTION webhooks.set_enabled(bigint) IS
'For enable_endpoint and alter_webhook: an endpoint is called from now on, whatever was before. What was not kept for it while it was gone is not sent.';


CREATE FUNCTION webhooks.enable_endpoint(webhook text, url text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    endpoint_id bigint := webhooks.endpoint_id(webhook, url);
    old_state   text;
BEGIN
    SELECT e.state INTO old_state FROM webhooks.endpoint e WHERE e.id = endpoint_id FOR NO KEY UPDATE;
    IF old_state = 'enabled' THEN
        RETURN;
    END IF;
    PERFORM webhooks.set_enabled(endpoint_id);
    PERFORM webhooks.note_change(webhooks.webhook_id(webhook, 'webhook'));
END $$;

COMMENT ON FUNCTION webhooks.enable_endpoint(text, text) IS
'Calls an endpoint again that was disabled or gone. What waited for a disabled one is sent. Does nothing to one that is enabled. A webhook that was stopped because none was left has to be started, too.';
