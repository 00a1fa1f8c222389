-- How often each event was raised and sent.

CREATE VIEW webhooks.event_stats WITH (security_barrier) AS
SELECT e.name AS event,
       coalesce(t.messages, 0) AS messages,
       coalesce(t.calls, 0) AS calls,
       coalesce(t.errors, 0) AS errors,
       coalesce(t.delivered, 0) AS delivered,
       coalesce(t.failed, 0) AS failed,
       coalesce(p.pending, 0) AS pending,
       greatest(t.last_at, p.last_at) AS last_at,
       x.problem
FROM webhooks.seen_event e
     LEFT JOIN (SELECT event_id,
                       (sum(messages) FILTER (WHERE webhook_id IS NULL))::bigint AS messages,
                       sum(calls)::bigint AS calls, sum(errors)::bigint AS errors,
                       sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed,
                       greatest(max(last_success_at), max(last_error_at)) AS last_at
                FROM webhooks.tally LEFT JOIN webhooks.own_webhooks() o ON o.id = webhook_id
                WHERE webhook_id IS NULL OR (SELECT webhooks.may_see_all()) OR o.id IS NOT NULL
                GROUP BY event_id) AS t ON t.event_id = e.id
     LEFT JOIN (SELECT event_id, count(*) AS pending, max(message_at) AS last_at
                FROM webhooks.pending_delivery LEFT JOIN webhooks.own_webhooks() o ON o.id = webhook_id
                WHERE (SELECT webhooks.may_see_all()) OR o.id IS NOT NULL
                GROUP BY event_id) AS p ON p.event_id = e.id
     LEFT JOIN webhooks.event_problem x ON x.event_id = e.id;

COMMENT ON VIEW webhooks.event_stats IS
'One row an event, unnamed ones too. A message that the worker has read counts once in messages, whoever wants it, and for each endpoint that it is for in all else; last_at is when the event''s newest pending message was recorded or its newest call made. problem is NULL, or says why its table does not raise it.';
