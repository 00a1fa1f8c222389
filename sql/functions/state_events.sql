-- Events that the product raises itself, about webhooks: webhook.started, webhook.stopped and webhook.errors, each also as
-- webhook<id>.... for one webhook. Their rows are made when somebody subscribes, so that they cost nothing before. The
-- record of their messages is the id of the webhook that they are about; it is never told itself.

CREATE TYPE webhooks.trouble AS (
    endpoint_id bigint,
    failed      bigint,
    untold      bigint,
    reduced     bigint,
    is_ended    boolean,
    last_status int,
    last_error  text,
    message_ids text[]
);

COMMENT ON TYPE webhooks.trouble IS
'For tell_errors: what has gone wrong at an endpoint: how many deliveries failed for good, how many of them of state events, of which no event tells, how many of its messages were too large, whether it is called no more, the newest error, and the ids of some of the messages.';


CREATE FUNCTION webhooks.is_state_event(event_id bigint) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM webhooks.event e
                   WHERE e.id = event_id AND e.type LIKE 'webhook.%')
$$;

COMMENT ON FUNCTION webhooks.is_state_event(bigint) IS
'Whether the product raises that event itself: then the record of its messages is the id of a webhook, which they are about and do not go to.';


CREATE FUNCTION webhooks.check_not_state_event(argument text, name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF check_not_state_event.name ~ '^webhook[0-9]*\.' THEN
        RAISE EXCEPTION 'invalid argument "%": "%" is raised by the product alone', argument, check_not_state_event.name
            USING ERRCODE = 'reserved_name',
                  HINT = 'It tells how webhooks are: subscribe to it and unsubscribe. An event of your own has another name.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_not_state_event(text, text) IS
'For emit, alter_event and drop_event: raises an error for the name of an event that the product raises itself.';


CREATE FUNCTION webhooks.webhook_in_event_name(name text) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT substring(name FROM '^webhook([1-9][0-9]{0,17})\.')::bigint $$;

COMMENT ON FUNCTION webhooks.webhook_in_event_name(text) IS
'The 7 of webhook7.errors, or of a pattern such as webhook7.*. NULL if a name or pattern does not begin so.';


CREATE FUNCTION webhooks.make_state_events(webhook_id bigint, wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    about bigint := webhooks.webhook_in_event_name(wanted);
BEGIN
    IF wanted !~ '^webhook' THEN
        RETURN;
    END IF;
    IF about IS NOT NULL THEN
        -- Against a session that drops it just now, with its events.
        PERFORM FROM webhooks.webhook w WHERE w.id = about FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'invalid argument "events": "%": there is no webhook with the id %', wanted, about
                USING ERRCODE = 'undefined_object',
                      HINT = 'create_webhook returned the id; webhooks.webhook has it.';
        ELSIF about = webhook_id THEN
            RAISE NOTICE 'webhook "%" will never get "%"', (SELECT w.name FROM webhooks.webhook w WHERE w.id = about), wanted
                USING HINT = 'A webhook is never told about itself: subscribe another one.';
        END IF;
    END IF;

    INSERT INTO webhooks.event (name, named, type, created_by)
    SELECT 'webhook' || about_one || happened, true, 'webhook' || happened,
           (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'webhooks')
    FROM unnest(ARRAY['', about::text]) AS about_one, unnest(ARRAY['.started', '.stopped', '.errors']) AS happened
    WHERE webhooks.is_caught('webhook' || about_one || happened, wanted)
    ON CONFLICT (name) WHERE dropped_at IS NULL DO NOTHING;
END $$;

COMMENT ON FUNCTION webhooks.make_state_events(bigint, text) IS
'For subscribe: makes the state events of this name, or that this pattern matches, where nobody has subscribed to them before. An error where they are of a webhook that does not exist.';


CREATE FUNCTION webhooks.raise_state_event(about webhooks.webhook, happened text, details json) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT webhooks.record_message(e.id, details::text, about.id::text, about.account)
    FROM webhooks.event e
    WHERE e.name IN ('webhook.' || happened, format('webhook%s.%s', about.id, happened)) AND e.dropped_at IS NULL
      AND EXISTS (SELECT FROM webhooks.subscription s WHERE s.event_id = e.id AND s.webhook_id <> about.id)
    ORDER BY e.name
$$;

COMMENT ON FUNCTION webhooks.raise_state_event(webhooks.webhook, text, json) IS
'Raises webhook.... and webhook<id>.... about a webhook, in this transaction, where another one is subscribed. The messages are of the webhook''s account.';


CREATE FUNCTION webhooks.webhook_state_changed() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM webhooks.raise_state_event(NEW, NEW.state, json_build_object(
        'webhook', NEW.name, 'webhookId', NEW.id::text, 'state', NEW.state, 'stateBefore', OLD.state,
        'endpoints', (SELECT json_agg(json_build_object('url', e.url, 'state', e.state, 'reason', e.state_reason) ORDER BY e.id)
                      FROM webhooks.endpoint e WHERE e.webhook_id = NEW.id)));
    RETURN NULL;
END $$;

COMMENT ON FUNCTION webhooks.webhook_state_changed() IS
'The trigger function of webhook: raises webhook.started and webhook.stopped, whoever changes the state. A pause raises nothing; the start that ends it does.';

CREATE TRIGGER state_changed AFTER UPDATE OF state ON webhooks.webhook
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state IN ('started', 'stopped'))
    EXECUTE FUNCTION webhooks.webhook_state_changed();


CREATE FUNCTION webhooks.tell_errors(troubles webhooks.trouble[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH at_endpoint AS (
        SELECT e.webhook_id, e.id, e.url, e.state, e.state_reason,
               sum(t.failed)::bigint AS failed, sum(t.failed - t.untold)::bigint AS told, sum(t.reduced)::bigint AS reduced,
               sum(t.failed - t.untold) > 0 OR sum(t.reduced) > 0 OR bool_or(t.is_ended) AS is_news,
               max(t.n) FILTER (WHERE t.last_error IS NOT NULL) AS n,
               (array_agg(t.last_status ORDER BY t.n DESC) FILTER (WHERE t.last_error IS NOT NULL))[1] AS last_status,
               (array_agg(t.last_error ORDER BY t.n DESC) FILTER (WHERE t.last_error IS NOT NULL))[1] AS last_error
        FROM unnest(troubles) WITH ORDINALITY AS t (endpoint_id, failed, untold, reduced, is_ended, last_status, last_error, message_ids, n)
             JOIN webhooks.endpoint e ON e.id = t.endpoint_id
        GROUP BY e.id
    ), of_webhook AS (
        SELECT a.webhook_id, sum(a.failed)::bigint AS failed, sum(a.told)::bigint AS told, sum(a.reduced)::bigint AS reduced,
               (array_agg(a.last_status ORDER BY a.n DESC NULLS LAST))[1] AS last_status,
               (array_agg(a.last_error ORDER BY a.n DESC NULLS LAST))[1] AS last_error,
               ARRAY(SELECT DISTINCT m.id FROM unnest(troubles) AS t, unnest(t.message_ids) AS m (id)
                     WHERE t.endpoint_id = ANY (array_agg(a.id)) ORDER BY m.id LIMIT 10) AS message_ids,
               json_agg(json_build_object('url', a.url, 'state', a.state, 'reason', a.state_reason, 'failed', a.told,
                                          'reduced', a.reduced, 'lastStatus', a.last_status, 'lastError', a.last_error)
                        ORDER BY a.id) FILTER (WHERE a.is_news) AS endpoints
        FROM at_endpoint a
        GROUP BY a.webhook_id
    ), mailed AS (
        INSERT INTO webhooks.mail AS m (webhook_id, since, until, failed, reduced, last_error, message_ids)
        SELECT o.webhook_id, now(), now(), o.failed, o.reduced, o.last_error, o.message_ids[:5]
        FROM of_webhook o JOIN webhooks.webhook w ON w.id = o.webhook_id AND w.errors_email IS NOT NULL
        ORDER BY o.webhook_id
        ON CONFLICT (webhook_id) DO UPDATE
            SET since = coalesce(m.since, excluded.since), until = excluded.until,
                failed = m.failed + excluded.failed, reduced = m.reduced + excluded.reduced,
                last_error = coalesce(excluded.last_error, m.last_error),
                message_ids = (m.message_ids || excluded.message_ids)[:5]
    )
    SELECT webhooks.raise_state_event(w, 'errors', json_build_object(
        'webhook', w.name, 'webhookId', w.id::text, 'state', w.state, 'failed', o.told, 'reduced', o.reduced,
        'lastStatus', o.last_status, 'lastError', o.last_error, 'messageIds', o.message_ids, 'endpoints', o.endpoints))
    FROM of_webhook o JOIN webhooks.webhook w ON w.id = o.webhook_id
    WHERE o.endpoints IS NOT NULL
    ORDER BY w.id
$$;

COMMENT ON FUNCTION webhooks.tell_errors(webhooks.trouble[]) IS
'Raises webhook.errors, once for each webhook however much has gone wrong, and puts it down for mail where the webhook has an errors_email. Of failed deliveries of state events no event tells, only mail: two webhooks that watch each other would go on for ever.';
