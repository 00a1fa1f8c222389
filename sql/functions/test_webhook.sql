-- Trying a webhook out.

CREATE FUNCTION webhooks.test_webhook(name text)
RETURNS TABLE (url text, status int, duration interval, error text, response text)
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.url, c.status, c.duration_us * interval '1 microsecond', c.error, c.response
    FROM webhooks.call_to_test(webhooks.webhook_id(test_webhook.name)) AS c;
END $$;

COMMENT ON FUNCTION webhooks.test_webhook(text) IS
'Calls each endpoint of a webhook now, from this session, with a signed message of type webhook.test, and waits for the answers. Also works where the webhook is paused or stopped. Nothing is recorded and nothing tried again. Cancelling the statement breaks the calls off.';


CREATE FUNCTION webhooks.verify_webhook(webhook_id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    outcome record;
BEGIN
    SELECT c.url, c.error INTO outcome FROM webhooks.call_to_test(webhook_id) AS c WHERE c.error IS NOT NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid argument "url": a test call to % was not answered with 2xx: %', outcome.url, outcome.error
            USING ERRCODE = 'external_routine_exception',
                  HINT = 'Nothing was changed. Have the receiver answer 2xx to a message of type webhook.test, or leave verify out and use webhooks.test_webhook(name) later.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.verify_webhook(bigint) IS
'For create_webhook and save_webhook with verify: an error, which undoes what was made, unless a test call is answered with 2xx.';
