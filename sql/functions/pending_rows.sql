-- Taking back what waits in rows. A failed delivery that is being sent again is a failed one again, not gone.
--
-- The worker writes nothing about an endpoint that somebody has locked, and goes on with the others instead of waiting. So who
-- changes deliveries locks their endpoints first, or their webhook, and sees then all that the worker has written about them.

CREATE FUNCTION webhooks.lock_endpoints(of_webhook bigint, of_event bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM webhooks.endpoint e
    WHERE (of_webhook IS NULL OR e.webhook_id = of_webhook)
      AND (of_event IS NULL OR EXISTS (SELECT FROM webhooks.subscription s
                                       WHERE s.webhook_id = e.webhook_id AND s.event_id = of_event))
    ORDER BY e.id
    FOR KEY SHARE;
END $$;

COMMENT ON FUNCTION webhooks.lock_endpoints(bigint, bigint) IS
'For what ends subscriptions: locks the endpoints of a webhook, of those that are subscribed to an event, or both, against the worker until the transaction ends.';


CREATE FUNCTION webhooks.drop_pending(of_webhook bigint, of_event bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pending AS MATERIALIZED (
        SELECT d.endpoint_id, d.message_seq, d.message_at, d.failed_at
        FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id
        WHERE d.state <> 'failed' AND (of_webhook IS NULL OR e.webhook_id = of_webhook)
          AND (of_event IS NULL OR d.event_id = of_event)
        -- They may be of a webhook that is not subscribed any more.
        FOR KEY SHARE OF e
    ), restored AS (
        UPDATE webhooks.delivery d SET state = 'failed', due_at = NULL
        FROM pending p
        WHERE p.failed_at IS NOT NULL AND d.state <> 'failed'
          AND d.endpoint_id = p.endpoint_id AND d.message_seq = p.message_seq AND d.message_at = p.message_at
    )
    DELETE FROM webhooks.delivery d USING pending p
    WHERE p.failed_at IS NULL AND d.state <> 'failed'
      AND d.endpoint_id = p.endpoint_id AND d.message_seq = p.message_seq AND d.message_at = p.message_at
$$;

COMMENT ON FUNCTION webhooks.drop_pending(bigint, bigint) IS
'For stop_webhook, unsubscribe and drop_event: takes back what is pending in rows for a webhook, an event or both.';


-- Called by cancel itself and then by the worker, for a row that it was about to write. What was sent again since the
-- cancellation stays.
CREATE FUNCTION webhooks.drop_cancelled(mending_ids bigint[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cancelled AS MATERIALIZED (
        SELECT DISTINCT d.endpoint_id, d.message_seq, d.message_at, d.failed_at
        FROM webhooks.mending c
             JOIN webhooks.delivery d ON d.endpoint_id = c.endpoint_id
                 AND d.message_seq >= coalesce(c.message_seq, -9223372036854775808)
                 AND d.message_seq <= coalesce(c.message_seq, 9223372036854775807)
                 AND d.message_at = coalesce(c.message_at, d.message_at)
        WHERE c.id = ANY (mending_ids) AND d.state <> 'failed' AND pg_visible_in_snapshot(d.message_xid, c.cancelled)
          AND (d.resent_at IS NULL OR d.resent_at < c.at)
    ), restored AS (
        UPDATE webhooks.delivery d SET state = 'failed', due_at = NULL
        FROM cancelled c
        WHERE c.failed_at IS NOT NULL
          AND d.endpoint_id = c.endpoint_id AND d.message_seq = c.message_seq AND d.message_at = c.message_at
    )
    DELETE FROM webhooks.delivery d USING cancelled c
    WHERE c.failed_at IS NULL
      AND d.endpoint_id = c.endpoint_id AND d.message_seq = c.message_seq AND d.message_at = c.message_at
$$;

COMMENT ON FUNCTION webhooks.drop_cancelled(bigint[]) IS
'For cancel and the worker: takes back what is pending in rows as far as these rows of mending cancel it.';
