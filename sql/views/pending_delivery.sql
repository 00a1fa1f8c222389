-- What is still to be delivered, counted from the tables alone: right whether a worker runs or not.

CREATE VIEW webhooks.pending_delivery AS
SELECT e.webhook_id, e.id AS endpoint_id, m.event_id, m.at AS message_at, m.seq AS message_seq, m.xid AS message_xid, m.record,
       'new'::text AS state, NULL::timestamptz AS due_at
FROM webhooks.unread_messages() m
     JOIN webhooks.subscription s ON s.event_id = m.event_id AND m.at >= s.since
     JOIN webhooks.webhook w ON w.id = s.webhook_id AND w.state <> 'stopped' AND (w.account IS NULL OR w.account = m.account)
          AND NOT (m.record IS NOT DISTINCT FROM w.id::text
                   AND EXISTS (SELECT FROM webhooks.event v WHERE v.id = m.event_id AND v.type LIKE 'webhook.%'))
     JOIN webhooks.endpoint e ON e.webhook_id = w.id AND e.state <> 'gone' AND m.at >= e.since
WHERE NOT EXISTS (SELECT FROM webhooks.attempt a
                  WHERE a.message_seq = m.seq AND a.message_at = m.at AND a.endpoint_id = e.id AND a.delivered
                    -- An attempt follows its message. An hour is for clocks that were set; it spares older partitions.
                    AND a.at > m.at - interval '1 hour' AND a.at < now() + interval '1 hour')
  AND NOT EXISTS (SELECT FROM webhooks.delivery d
                  WHERE d.endpoint_id = e.id AND d.message_seq = m.seq AND d.message_at = m.at)
  AND NOT EXISTS (SELECT FROM webhooks.mending c
                  WHERE c.endpoint_id = e.id AND pg_visible_in_snapshot(m.xid, c.cancelled)
                    AND (c.message_seq IS NULL OR c.message_seq = m.seq AND c.message_at = m.at))
UNION ALL
SELECT e.webhook_id, d.endpoint_id, d.event_id, d.message_at, d.message_seq, d.message_xid, d.record, d.state, d.due_at
FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id
WHERE d.state <> 'failed'
  -- The worker may have written it just after it was cancelled, and takes it back.
  AND NOT EXISTS (SELECT FROM webhooks.mending c
                  WHERE c.endpoint_id = d.endpoint_id AND pg_visible_in_snapshot(d.message_xid, c.cancelled)
                    AND (c.message_seq IS NULL OR c.message_seq = d.message_seq AND c.message_at = d.message_at)
                    AND (d.resent_at IS NULL OR d.resent_at < c.at));

COMMENT ON VIEW webhooks.pending_delivery IS
'Each message and endpoint that it is still to reach: new ones, those waiting for their turn, those waiting for their next attempt.';
