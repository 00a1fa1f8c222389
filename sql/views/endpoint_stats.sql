-- How each endpoint is, and what it has got so far.

CREATE VIEW webhooks.endpoint_stats WITH (security_barrier) AS
SELECT w.name AS webhook,
       e.url,
       e.state,
       e.state_reason,
       e.state_since,
       coalesce(t.calls, 0) AS calls,
       coalesce(t.errors, 0) AS errors,
       coalesce(t.delivered, 0) AS delivered,
       coalesce(t.failed, 0) AS failed,
       coalesce(p.pending, 0) AS pending,
       t.last_success_at,
       t.last_error_at,
       t.last_error
FROM webhooks.endpoint e
     JOIN webhooks.seen_webhook w ON w.id = e.webhook_id
     LEFT JOIN (SELECT endpoint_id,
                       sum(calls)::bigint AS calls, sum(errors)::bigint AS errors,
                       sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed,
                       max(last_success_at) AS last_success_at, max(last_error_at) AS last_error_at,
                       (array_agg(last_error ORDER BY last_error_at DESC)
                            FILTER (WHERE last_error_at IS NOT NULL))[1] AS last_error
                FROM webhooks.tally
                WHERE endpoint_id IS NOT NULL
                GROUP BY endpoint_id) AS t ON t.endpoint_id = e.id
     LEFT JOIN (SELECT endpoint_id, count(*) AS pending
                FROM webhooks.pending_delivery
                GROUP BY endpoint_id) AS p ON p.endpoint_id = e.id;

COMMENT ON VIEW webhooks.endpoint_stats IS
'One row an endpoint: whether it is called (enabled), waited for (disabled) or not called any more (gone), why and since when, and what it has got so far.';
