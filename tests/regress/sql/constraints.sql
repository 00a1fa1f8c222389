-- What the tables themselves do not let in, whoever writes to them.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT FROM webhooks.create_event('a');
SELECT id FROM webhooks.create_webhook('one', 'https://example.com/one');
CREATE FUNCTION pg_temp.broken(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN integrity_constraint_violation THEN
    GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
    RETURN broken;
END $$;
\pset format unaligned
\pset tuples_only on

SELECT pg_temp.broken(format('UPDATE webhooks.webhook SET %s', change)) FROM unnest(ARRAY[
    'name = $$$$', 'signature = $$md5$$', 'max_in_flight = 0', 'max_in_flight = 1001', 'ordering = $$Record$$', 'timeout = $$0$$', 'timeout = $$2 hours$$',
    'retry_schedule = $${1s,-1s}$$', 'retry_schedule = $${NULL}$$', 'retry_schedule = array_fill(interval $$1s$$, $${101}$$)',
    'state = $$sleeping$$', 'retry_schedule = $${}$$']) AS change;

SELECT pg_temp.broken(format('INSERT INTO webhooks.event (name, named, type, on_table, object_schema, object_name, fields, condition) VALUES (%s)', v)) FROM unnest(ARRAY[
    '$$$$, true, $$$$, NULL, NULL, NULL, NULL, NULL',
    '$$a*$$, true, $$a*$$, NULL, NULL, NULL, NULL, NULL',
    '$$a$$, true, $$a$$, NULL, NULL, NULL, NULL, NULL',
    '$$b$$, false, $$b$$, NULL, NULL, NULL, NULL, NULL',
    '$$b$$, true, $$c$$, NULL, NULL, NULL, NULL, NULL',
    '$$b$$, true, $$b$$, NULL, NULL, NULL, NULL, $$true$$',
    '$$b$$, true, $$b$$, $$pg_class$$, $$s$$, $$t$$, NULL, NULL',
    '$$b$$, true, $$table.recordInsert$$, $$pg_class$$, NULL, NULL, NULL, NULL',
    '$$b$$, true, $$table.recordInsert$$, $$pg_class$$, $$s$$, $$t$$, $${x}$$, NULL',
    '$$b$$, true, $$table.recordUpdate$$, $$pg_class$$, $$s$$, $$t$$, $${}$$, NULL',
    '$$b$$, false, $$table.recordUpdate$$, $$pg_class$$, $$s$$, $$t$$, $${x,y}$$, $$true$$',
    '$$c$$, false, $$table.recordUpdate$$, $$pg_class$$, $$s$$, $$t$$, $${x,y}$$, $$true$$']) AS v;

SELECT pg_temp.broken(format('INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, state, attempts, due_at, failed_at) VALUES (%s)', v)) FROM unnest(ARRAY[
    '9, 1, now(), $$1$$, 1, $$waiting$$, 0, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$sleeping$$, 0, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$waiting$$, -1, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$waiting$$, 0, now(), NULL',
    '1, 1, now(), $$1$$, 1, $$retrying$$, 1, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$retrying$$, 0, now(), NULL',
    '1, 1, now(), $$1$$, 1, $$retrying$$, 1, now(), now()',
    '1, 1, now(), $$1$$, 1, $$failed$$, 1, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$waiting$$, 0, NULL, NULL',
    '1, 1, now(), $$1$$, 1, $$waiting$$, 0, NULL, NULL',
    '1, 2, now(), $$1$$, 1, $$retrying$$, 1, now(), NULL',
    '1, 3, now(), $$1$$, 1, $$failed$$, 1, NULL, now()']) AS v;

SELECT pg_temp.broken($$INSERT INTO webhooks.endpoint (webhook_id, url) VALUES (1, 'https://example.com/one')$$);
SELECT pg_temp.broken($$INSERT INTO webhooks.subscription VALUES (1, 9)$$);
SELECT pg_temp.broken($$INSERT INTO webhooks.read_cursor (at, from_snapshot, to_snapshot) VALUES (now(), '1:1:', '1:1:')$$);
