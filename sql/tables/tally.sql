-- Counters as an append-only table: what happened since the row before, for each endpoint and event. The views sum
-- them. Days that are dropped leave their sums behind in rows dated -infinity.

CREATE TABLE webhooks.tally (
    at              timestamptz NOT NULL,
    webhook_id      bigint,
    endpoint_id     bigint,
    event_id        bigint,
    messages        bigint      NOT NULL DEFAULT 0,
    calls           bigint      NOT NULL DEFAULT 0,
    errors          bigint      NOT NULL DEFAULT 0,
    delivered       bigint      NOT NULL DEFAULT 0,
    failed          bigint      NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    last_error_at   timestamptz,
    last_error      text,
    durations       int[]
) PARTITION BY RANGE (at);

CREATE TABLE webhooks.tally_default (LIKE webhooks.tally INCLUDING ALL);
ALTER TABLE webhooks.tally ATTACH PARTITION webhooks.tally_default DEFAULT;

COMMENT ON TABLE webhooks.tally IS
'What the worker counted, a row for each recording, endpoint and event with activity. The views webhook_stats and event_stats sum it.';
COMMENT ON TABLE webhooks.tally_default IS
'Counts of days that no partition was made for, and the sums of days that were dropped.';
COMMENT ON COLUMN webhooks.tally.messages IS 'Messages for the webhook, each counted once however many endpoints get it; in rows without an endpoint. In rows without a webhook either: messages of the event, whoever wants them.';
COMMENT ON COLUMN webhooks.tally.durations IS
'How many calls took how long: element i counts those of at most 0.1 ms * 1.25 ^ (i - 1), and more than the element before.';
