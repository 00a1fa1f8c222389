-- What events are, for reading.

CREATE VIEW webhooks.event_definition WITH (security_barrier) AS
SELECT t.name AS event, t.named, t.type, t.on_table, t.fields, t.condition, t.data, t.account, t.key, t.description,
       t.created_at, t.created_by, p.problem
FROM webhooks.seen_event s
     JOIN webhooks.event e ON e.id = s.id
     CROSS JOIN LATERAL webhooks.event_today(e) t
     LEFT JOIN webhooks.event_problem p ON p.event_id = e.id;

COMMENT ON VIEW webhooks.event_definition IS
'One row an event, unnamed ones too: what it is on and what it computes, under the names that tables and columns have today. problem is NULL, or says why its table does not raise it.';
