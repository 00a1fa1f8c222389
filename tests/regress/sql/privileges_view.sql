-- What a viewer sees, and what nobody but a manager does.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE ROLE regress_webhooks_viewer;
CREATE ROLE regress_webhooks_other;
CREATE TABLE public.orders (id int PRIMARY KEY, status text);
ALTER TABLE orders OWNER TO regress_webhooks_other;
SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/hooks', signature => 'standard-ed25519',
    headers => '{"authorization": "Bearer hidden"}', handshake_key => 'hidden');
SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders') \g /dev/null
SELECT FROM webhooks.create_event('lead:won');
SELECT FROM webhooks.subscribe('shipping', '{lead:won}');
INSERT INTO orders VALUES (1, 'hidden');
SELECT webhooks.emit('lead:won', '{"a": "hidden"}', 'hidden') \g /dev/null
INSERT INTO webhooks.attempt
SELECT now(), m.at, m.seq, m.event_id, e.id, e.webhook_id, 1, 500, 1000, 'status', 'hidden', false
FROM webhooks.message m, webhooks.endpoint e;

SELECT * FROM pg_temp.complaint($$SELECT webhooks.grant_view('nobody_of_that_name')$$) \gx
SELECT * FROM pg_temp.complaint($$SELECT webhooks.grant_view('public')$$) \gx
SELECT FROM webhooks.grant_view('regress_webhooks_viewer');

-- All that can be tried, by each who tries. The message is what is refused; 'none' is not.
CREATE TABLE pg_temp.tried (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO pg_temp.tried (statement) VALUES
    ('SELECT secret FROM webhooks.secret'), ('SELECT value FROM webhooks.header'),
    ('SELECT handshake_key FROM webhooks.webhook'), ('SELECT * FROM webhooks.webhook'), ('SELECT w FROM webhooks.webhook w'),
    ('SELECT data FROM webhooks.message'), ('SELECT old FROM webhooks.message'), ('SELECT record FROM webhooks.message'),
    ('SELECT metadata FROM webhooks.message'), ('SELECT data FROM webhooks.message_default'),
    ('SELECT response FROM webhooks.attempt'), ('SELECT webhooks.public_key_of(secret) FROM webhooks.secret'), ('SELECT record FROM webhooks.delivery'),
    ('SELECT record FROM webhooks.pending_delivery'),
    ($$SELECT webhooks.reveal_secret('shipping')$$), ($$SELECT * FROM webhooks.preview('shipping', 'lead:won')$$),
    ($$SELECT webhooks.rotate_secret('shipping')$$), ($$SELECT * FROM webhooks.test_webhook('shipping')$$),
    ($$SELECT webhooks.resend(id) FROM webhooks.message_id(now(), 1) AS id$$), ($$SELECT webhooks.cancel('shipping')$$),
    ($$SELECT webhooks.stop_webhook('shipping')$$), ($$SELECT webhooks.create_webhook('mine', 'https://example.com/')$$),
    ($$SELECT webhooks.create_event('mine')$$), ($$SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders')$$),
    ($$SELECT webhooks.subscribe('shipping', '{lead:won}')$$), ($$SELECT webhooks.drop_event('lead:won')$$),
    ($$SELECT webhooks.emit('lead:won')$$), ($$SELECT webhooks.record_message(1, '{}', NULL, NULL)$$),
    ($$UPDATE webhooks.webhook SET name = 'mine'$$), ($$INSERT INTO webhooks.subscription (webhook_id, event_id) VALUES (1, 1)$$),
    ($$DELETE FROM webhooks.endpoint$$), ($$INSERT INTO webhooks.message (seq) VALUES (1)$$),
    ($$CREATE TRIGGER forge AFTER INSERT ON pg_temp.own FOR EACH ROW EXECUTE FUNCTION webhooks.capture('1')$$),
    ($$SELECT webhooks.grant_view('regress_webhooks_other')$$), ($$SELECT webhooks.adopt()$$);
GRANT SELECT ON pg_temp.tried TO PUBLIC;
CREATE FUNCTION pg_temp.attempts() RETURNS TABLE (statement text, state text, message text) LANGUAGE plpgsql AS $$
DECLARE
    next record;
BEGIN
    CREATE TEMPORARY TABLE own (id int);
    FOR next IN SELECT t.* FROM pg_temp.tried t ORDER BY t.n LOOP
        RETURN QUERY SELECT next.statement, c.state, c.message FROM pg_temp.complaint(next.statement) AS c;
    END LOOP;
    DROP TABLE own;
END $$;
SET ROLE regress_webhooks_viewer;
SELECT * FROM pg_temp.attempts();
-- A definition as JSON comes without what is hidden.
SELECT jsonb_object_agg(key, value) FROM jsonb_each(webhooks.get_webhook('shipping'))
WHERE key IN ('name', 'state', 'signature', 'secret', 'headers', 'handshake_key');
SELECT webhooks.get_webhook('shipping')::text || webhooks.export_config()::text ~ 'hidden|whs' AS shows_it;
-- The owner of a watched table has nothing of its messages, as anybody else.
SET ROLE regress_webhooks_other;
SELECT state, count(*) FROM pg_temp.attempts() GROUP BY state;
SELECT * FROM webhooks.webhook_stats;

-- What a viewer sees
SET ROLE regress_webhooks_viewer;
SELECT webhook, state, messages, pending FROM webhooks.webhook_stats;
SELECT webhook, url, state, pending FROM webhooks.endpoint_stats;
SELECT event, pending FROM webhooks.event_stats ORDER BY event;
SELECT webhook, event, status, error, response FROM webhooks.attempt_log ORDER BY event;
SELECT count(*) FROM webhooks.failed_delivery;
SELECT count(*) FROM webhooks.traffic;
SELECT backlog, extension_version = library_version AS same_version FROM webhooks.status();
SELECT webhooks.public_key('shipping') LIKE 'whpk\_%' AS public_key;
SELECT name, account, payload, created_by = current_user AS own FROM webhooks.webhook;
SELECT record FROM webhooks.unread_messages();
-- and no other function reads anything for it.
SELECT p.oid::regprocedure AS function, p.prosecdef AS as_owner FROM pg_proc p
WHERE p.pronamespace = 'webhooks'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.proname;
RESET ROLE;
SELECT webhook, event, response FROM webhooks.attempt_log ORDER BY event;

-- Its members see what it sees.
GRANT regress_webhooks_viewer TO regress_webhooks_other;
SET ROLE regress_webhooks_other;
SELECT webhook, pending FROM webhooks.webhook_stats;
SELECT state, count(*) FROM pg_temp.attempts() GROUP BY state;
RESET ROLE;

-- It ends, and emit, which is another's grant, does not end with it.
SELECT FROM webhooks.revoke_view('regress_webhooks_viewer');
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'webhooks'::regnamespace AND a.grantee = 'regress_webhooks_viewer'::regrole;
SELECT count(*) FROM pg_attribute t, aclexplode(t.attacl) AS a WHERE a.grantee = 'regress_webhooks_viewer'::regrole;
SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) AS a WHERE a.grantee = 'regress_webhooks_viewer'::regrole;
SELECT has_schema_privilege('regress_webhooks_viewer', 'webhooks', 'USAGE') AS schema;
GRANT USAGE ON SCHEMA webhooks TO regress_webhooks_viewer;
GRANT EXECUTE ON FUNCTION webhooks.emit TO regress_webhooks_viewer;
SELECT FROM webhooks.grant_view('regress_webhooks_viewer');
SELECT FROM webhooks.revoke_view('regress_webhooks_viewer');
SET ROLE regress_webhooks_viewer;
SELECT webhooks.emit('lead:won') IS NOT NULL AS emitted;
SELECT * FROM webhooks.webhook_stats;
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY regress_webhooks_viewer CASCADE;
DROP TABLE orders;
DROP ROLE regress_webhooks_viewer, regress_webhooks_other;
