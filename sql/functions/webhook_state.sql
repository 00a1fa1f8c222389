-- started -> paused -> started: what happens in between is sent later.
-- started -> stopped -> started: what happens in between is not sent at all.

CREATE FUNCTION webhooks.set_webhook_state(name text, new_state text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed_id bigint := webhooks.webhook_id(set_webhook_state.name);
    old_state  text;
BEGIN
    -- Also against the worker, as lock_endpoints.
    SELECT w.state INTO old_state FROM webhooks.webhook w WHERE w.id = changed_id FOR NO KEY UPDATE;
    IF old_state = new_state THEN
        RETURN;
    END IF;

    IF new_state <> 'stopped'
       AND NOT EXISTS (SELECT FROM webhooks.endpoint e WHERE e.webhook_id = changed_id AND e.state <> 'gone') THEN
        RAISE EXCEPTION 'invalid argument "name": webhook "%" has no endpoint that may be called', set_webhook_state.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'All have answered 410: use webhooks.enable_endpoint(webhook, url) or webhooks.add_endpoint(webhook, url) first.';
    END IF;

    UPDATE webhooks.webhook w SET state = new_state, changed_at = now(), changed_by = webhooks.caller_name() WHERE w.id = changed_id;

    IF new_state = 'stopped' THEN
        PERFORM webhooks.drop_pending(changed_id, NULL);
    ELSIF old_state = 'stopped' THEN
        UPDATE webhooks.subscription s SET since = transaction_timestamp() WHERE s.webhook_id = changed_id;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.set_webhook_state(text, text) IS
'For pause_webhook, stop_webhook and start_webhook.';


CREATE FUNCTION webhooks.pause_webhook(name text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$ BEGIN PERFORM webhooks.set_webhook_state(name, 'paused'); END $$;

COMMENT ON FUNCTION webhooks.pause_webhook(text) IS
'Sends nothing for this webhook until start_webhook, and keeps its messages until then. Calls that are open are finished.';


CREATE FUNCTION webhooks.stop_webhook(name text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$ BEGIN PERFORM webhooks.set_webhook_state(name, 'stopped'); END $$;

COMMENT ON FUNCTION webhooks.stop_webhook(text) IS
'Sends nothing for this webhook until start_webhook and keeps nothing for it: its pending deliveries are deleted. Failed ones stay.';


CREATE FUNCTION webhooks.start_webhook(name text) RETURNS void
LANGUAGE webhooks_plpgsql
AS $$ BEGIN PERFORM webhooks.set_webhook_state(name, 'started'); END $$;

COMMENT ON FUNCTION webhooks.start_webhook(text) IS
'Ends pause_webhook, and what waited is sent; or stop_webhook, and only what happens from now on is sent.';
