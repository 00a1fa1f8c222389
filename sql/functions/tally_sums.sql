-- Totals outlive the days that they were counted on.

CREATE FUNCTION webhooks.fold_tally(day_partition regclass, day_to timestamptz) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- One statement, so what is deleted is what is summed. Histograms are not kept: percentiles are about recent calls.
    WITH folded AS (
        DELETE FROM webhooks.tally_default t WHERE t.at < day_to
    )
    INSERT INTO webhooks.tally
        (at, webhook_id, endpoint_id, event_id, messages, calls, errors, delivered, failed,
         last_success_at, last_error_at, last_error)
    SELECT '-infinity', t.webhook_id, t.endpoint_id, t.event_id,
           sum(t.messages), sum(t.calls), sum(t.errors), sum(t.delivered), sum(t.failed),
           max(t.last_success_at), max(t.last_error_at),
           (array_agg(t.last_error ORDER BY t.last_error_at DESC) FILTER (WHERE t.last_error_at IS NOT NULL))[1]
    FROM webhooks.tally t
    WHERE t.at < day_to AND t.tableoid IN (day_partition, 'webhooks.tally_default'::regclass)
    GROUP BY t.webhook_id, t.endpoint_id, t.event_id
$$;

COMMENT ON FUNCTION webhooks.fold_tally(regclass, timestamptz) IS
'For drop_expired_partitions: adds a day that is about to be dropped to the sums, which are rows dated -infinity.';
