-- Where the worker's reading stands, and what lies beyond.

CREATE VIEW webhooks.read_position AS
SELECT c.id, c.at, c.from_snapshot, c.to_snapshot, c.up_to_seq
FROM webhooks.read_cursor c
ORDER BY c.at DESC, c.id DESC
LIMIT 1;

COMMENT ON VIEW webhooks.read_position IS
'The newest row of read_cursor: how far the worker has read.';


-- What is not visible in from_snapshot began at its xmax or later, or was in progress then: said so, the index on
-- (xid, seq) finds it. The planner has no idea how little that is: it is told not to read the whole day, and to expect few.
-- Of the window up to to_snapshot the messages up to up_to_seq are handled.
CREATE FUNCTION webhooks.unread_messages()
RETURNS TABLE (at timestamptz, xid xid8, seq bigint, event_id bigint, record text, account text)
LANGUAGE webhooks_plpgsql STABLE ROWS 10
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    sees_all    boolean := webhooks.may_see_all();
    manages_all boolean := webhooks.may_do_all(webhooks.caller());
    mine        name[]  := webhooks.my_roles();
BEGIN
    RETURN QUERY
    WITH position AS MATERIALIZED (SELECT * FROM webhooks.read_position)
    SELECT m.at, m.xid, m.seq, m.event_id, CASE WHEN c.is_own OR webhooks.is_state_event(m.event_id) THEN m.record END, m.account
    FROM webhooks.message m
         CROSS JOIN LATERAL (
             SELECT manages_all OR EXISTS (
                 SELECT FROM webhooks.subscription s JOIN webhooks.webhook w ON w.id = s.webhook_id
                 WHERE w.created_by = ANY (mine) AND s.event_id = m.event_id AND m.at >= s.since
                   AND (w.account IS NULL OR w.account = m.account)) AS is_own
         ) AS c
    WHERE (m.xid >= (SELECT pg_snapshot_xmax(p.from_snapshot) FROM position p)
           OR m.xid = ANY (ARRAY(SELECT pg_snapshot_xip(p.from_snapshot) FROM position p)))
      AND (pg_visible_in_snapshot(m.xid, (SELECT p.to_snapshot FROM position p))
           AND m.seq <= (SELECT p.up_to_seq FROM position p)) IS NOT TRUE
      AND (sees_all OR c.is_own);
END $$;

COMMENT ON FUNCTION webhooks.unread_messages() IS
'Messages beyond the position up to which the worker has read. Some of them may be delivered already: reading a large batch takes several positions. A manager is told of those that are for webhooks of their own; record is NULL for a viewer, but where it is the id of a webhook.';
