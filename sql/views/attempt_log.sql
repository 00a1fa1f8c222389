-- Every call, with names.

CREATE VIEW webhooks.attempt_log WITH (security_barrier) AS
SELECT a.at,
       webhooks.message_id(a.message_at, a.message_seq) AS message_id,
       w.name AS webhook,
       e.name AS event,
       p.url,
       a.attempt,
       a.status,
       a.duration_us * interval '1 microsecond' AS duration,
       a.error,
       CASE WHEN (SELECT webhooks.may_do_all(webhooks.caller())) OR o.id IS NOT NULL
            THEN a.response END AS response
FROM webhooks.attempt a
     LEFT JOIN webhooks.webhook w ON w.id = a.webhook_id
     LEFT JOIN webhooks.event e ON e.id = a.event_id
     LEFT JOIN webhooks.endpoint p ON p.id = a.endpoint_id
     LEFT JOIN webhooks.own_webhooks() o ON o.id = a.webhook_id
WHERE (SELECT webhooks.may_see_all()) OR o.id IS NOT NULL;

COMMENT ON VIEW webhooks.attempt_log IS
'Each call and message: when it was started, what was answered and how long it took. Kept for webhooks.retention; webhook and url are NULL where they have been dropped since, and response is NULL for viewers: an answer can repeat what was sent.';
