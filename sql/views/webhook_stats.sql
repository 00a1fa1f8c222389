-- What each webhook has done so far.

CREATE FUNCTION webhooks.duration_of_bucket(bucket bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$ SELECT round((0.1 * 1.25 ^ (bucket - 1))::numeric, 2) $$;

COMMENT ON FUNCTION webhooks.duration_of_bucket(bigint) IS
'The upper bound, in milliseconds, of that element of tally.durations.';


CREATE VIEW webhooks.duration_percentile AS
SELECT webhook_id,
       webhooks.duration_of_bucket(min(bucket) FILTER (WHERE up_to >= 0.50 * calls)) AS p50_ms,
       webhooks.duration_of_bucket(min(bucket) FILTER (WHERE up_to >= 0.95 * calls)) AS p95_ms
FROM (SELECT t.webhook_id, d.bucket,
             sum(sum(d.calls)) OVER (PARTITION BY t.webhook_id ORDER BY d.bucket) AS up_to,
             sum(sum(d.calls)) OVER (PARTITION BY t.webhook_id) AS calls
      FROM webhooks.tally t, unnest(t.durations) WITH ORDINALITY AS d (calls, bucket)
      WHERE d.calls > 0
      GROUP BY t.webhook_id, d.bucket) AS histogram
GROUP BY webhook_id;

COMMENT ON VIEW webhooks.duration_percentile IS
'For webhook_stats: how long calls took, in steps of a quarter, over the days that webhooks.retention keeps.';


CREATE VIEW webhooks.webhook_stats WITH (security_barrier) AS
SELECT w.name AS webhook,
       w.state,
       coalesce(t.messages, 0) AS messages,
       coalesce(t.calls, 0) AS calls,
       coalesce(t.errors, 0) AS errors,
       coalesce(t.delivered, 0) AS delivered,
       coalesce(t.failed, 0) AS failed,
       coalesce(p.pending, 0) AS pending,
       p.oldest_pending,
       t.last_success_at,
       t.last_error_at,
       t.last_error,
       d.p50_ms,
       d.p95_ms
FROM webhooks.seen_webhook w
     LEFT JOIN (SELECT webhook_id,
                       sum(messages)::bigint AS messages, sum(calls)::bigint AS calls, sum(errors)::bigint AS errors,
                       sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed,
                       max(last_success_at) AS last_success_at, max(last_error_at) AS last_error_at,
                       (array_agg(last_error ORDER BY last_error_at DESC)
                            FILTER (WHERE last_error_at IS NOT NULL))[1] AS last_error
                FROM webhooks.tally
                WHERE webhook_id IS NOT NULL
                GROUP BY webhook_id) AS t ON t.webhook_id = w.id
     LEFT JOIN (SELECT webhook_id, count(*) AS pending, min(message_at) AS oldest_pending
                FROM webhooks.pending_delivery
                GROUP BY webhook_id) AS p ON p.webhook_id = w.id
     LEFT JOIN webhooks.duration_percentile d ON d.webhook_id = w.id;

COMMENT ON VIEW webhooks.webhook_stats IS
'One row a webhook. A message counts once, however many endpoints get it, in messages, and for each endpoint in all else; errors are calls that were not answered with 2xx; pending is exact whether the worker runs or not; p50_ms and p95_ms are upper bounds of the median and the 95th percentile of calls within webhooks.retention.';
