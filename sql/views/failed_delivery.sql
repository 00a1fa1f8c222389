-- What was given up.

CREATE VIEW webhooks.failed_delivery WITH (security_barrier) AS
SELECT webhooks.message_id(d.message_at, d.message_seq) AS message_id,
       w.name AS webhook,
       e.name AS event,
       p.url,
       d.failed_at,
       d.attempts,
       d.last_status,
       d.last_error
FROM webhooks.delivery d
     JOIN webhooks.endpoint p ON p.id = d.endpoint_id
     JOIN webhooks.seen_webhook w ON w.id = p.webhook_id
     LEFT JOIN webhooks.event e ON e.id = d.event_id
WHERE d.failed_at IS NOT NULL;

COMMENT ON VIEW webhooks.failed_delivery IS
'Messages that could not be delivered to an endpoint: the retry schedule is exhausted, or webhooks.retention passed first. One that is being sent again is shown until that succeeds, with the attempts made since. Shown for webhooks.retention.';
