-- How much was sent, minute by minute.

CREATE VIEW webhooks.traffic WITH (security_barrier) AS
SELECT t.minute,
       w.name AS webhook,
       t.calls,
       t.errors,
       d.p50_ms,
       d.p95_ms
FROM (SELECT date_trunc('minute', at) AS minute, webhook_id, sum(calls)::bigint AS calls, sum(errors)::bigint AS errors
      FROM webhooks.tally
      WHERE calls > 0 AND at > '-infinity'
      GROUP BY 1, 2) AS t
     JOIN webhooks.seen_webhook w ON w.id = t.webhook_id
     LEFT JOIN (SELECT minute, webhook_id,
                       webhooks.duration_of_bucket(min(bucket) FILTER (WHERE up_to >= 0.50 * calls)) AS p50_ms,
                       webhooks.duration_of_bucket(min(bucket) FILTER (WHERE up_to >= 0.95 * calls)) AS p95_ms
                FROM (SELECT date_trunc('minute', t.at) AS minute, t.webhook_id, d.bucket,
                             sum(sum(d.calls)) OVER (PARTITION BY date_trunc('minute', t.at), t.webhook_id
                                                     ORDER BY d.bucket) AS up_to,
                             sum(sum(d.calls)) OVER (PARTITION BY date_trunc('minute', t.at), t.webhook_id) AS calls
                      FROM webhooks.tally t, unnest(t.durations) WITH ORDINALITY AS d (calls, bucket)
                      WHERE d.calls > 0
                      GROUP BY 1, 2, 3) AS histogram
                GROUP BY minute, webhook_id) AS d ON d.minute = t.minute AND d.webhook_id = t.webhook_id;

COMMENT ON VIEW webhooks.traffic IS
'One row a webhook and minute with calls, within webhooks.retention: a call counts in the minute in which its outcome was recorded. Errors are calls that were not answered with 2xx; p50_ms and p95_ms are upper bounds of the median and the 95th percentile of how long calls took.';
