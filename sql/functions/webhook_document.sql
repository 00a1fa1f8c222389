-- Webhooks as JSON, to read. The keys are the names of create_webhook's parameters.

CREATE FUNCTION webhooks.interval_text(value interval) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(string_agg(trim_scale(number) || ' ' || unit || CASE WHEN number = 1 THEN '' ELSE 's' END, ' ' ORDER BY n), '0 seconds')
    FROM (VALUES (1, extract(year FROM value), 'year'), (2, extract(month FROM value), 'month'),
                 (3, extract(day FROM value), 'day'), (4, extract(hour FROM value), 'hour'),
                 (5, extract(minute FROM value), 'minute'), (6, extract(second FROM value), 'second')) AS part (n, number, unit)
    WHERE number <> 0;
END $$;

COMMENT ON FUNCTION webhooks.interval_text(interval) IS
'An interval in words, such as 15 seconds, whatever IntervalStyle is.';


CREATE FUNCTION webhooks.interval_texts("values" interval[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT webhooks.interval_text(value) FROM unnest("values") WITH ORDINALITY AS v (value, n) ORDER BY n);
END $$;

COMMENT ON FUNCTION webhooks.interval_texts(interval[]) IS
'The same for several.';


CREATE FUNCTION webhooks.secret_settings(of_webhook bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Who views a webhook and does not manage it is not told them.
    IF NOT webhooks.is_mine((SELECT w.created_by FROM webhooks.webhook w WHERE w.id = of_webhook)) THEN
        RETURN '{}';
    END IF;
    RETURN jsonb_build_object(
        'secret', (SELECT s.secret FROM webhooks.secret s WHERE s.webhook_id = of_webhook AND s.ends_at IS NULL),
        'headers', (SELECT coalesce(jsonb_object_agg(h.name, h.value), '{}') FROM webhooks.header h WHERE h.webhook_id = of_webhook),
        'handshake_key', (SELECT w.handshake_key FROM webhooks.webhook w WHERE w.id = of_webhook));
END $$;

COMMENT ON FUNCTION webhooks.secret_settings(bigint) IS
'The part of a webhook''s definition that not everybody may see: secret, headers and handshake_key. Nothing for who may not read them.';


CREATE FUNCTION webhooks.webhook_document(of_webhook bigint, portable boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
               'name', w.name,
               'description', w.description,
               'account', w.account,
               'signature', w.signature,
               'throttle_calls', w.throttle_calls,
               'throttle_per', webhooks.interval_text(w.throttle_per),
               'batch_size', w.batch_size,
               'max_in_flight', w.max_in_flight,
               'ordering', w.ordering,
               'timeout', webhooks.interval_text(w.timeout),
               'retry_schedule', webhooks.interval_texts(w.retry_schedule),
               'when_exhausted', w.when_exhausted,
               'properties', w.properties,
               'errors_email', w.errors_email,
               'payload', w.payload,
               'state', w.state,
               'endpoints', (SELECT coalesce(jsonb_agg(e.url ORDER BY e.url COLLATE "C"), '[]')
                             FROM webhooks.endpoint e WHERE e.webhook_id = w.id),
               'events', webhooks.event_list(w.id, portable))
           || CASE WHEN portable THEN jsonb_strip_nulls(jsonb_build_object('owner', webhooks.shown_owner(w.created_by))) ELSE '{}' END
           || webhooks.secret_settings(w.id)
    FROM webhooks.webhook w
    WHERE w.id = of_webhook;
END $$;

COMMENT ON FUNCTION webhooks.webhook_document(bigint, boolean) IS
'For get_webhook and export_config: what somebody has decided about a webhook, as JSON that is the same in every database. Portable it has no number of another webhook, and says of what is not of one who manages all whose it is.';


CREATE FUNCTION webhooks.default_webhook() RETURNS jsonb
LANGUAGE webhooks_plpgsql STABLE
AS $$
DECLARE
    -- create_webhook's own defaults, so that there is no second list of them.
    created  pg_proc := (SELECT p FROM pg_proc p WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'create_webhook');
    defaults jsonb;
BEGIN
    EXECUTE (
        SELECT format('SELECT jsonb_build_object(%s)', string_agg(
            format('%L, ', parameter.name)
                || format(CASE parameter.type WHEN 'interval'::regtype THEN 'webhooks.interval_text(%s)'
                                              WHEN 'interval[]'::regtype THEN 'webhooks.interval_texts(%s)'
                                              ELSE '%s' END,
                          pg_get_function_arg_default(created.oid, parameter.n::int)), ', '))
        FROM unnest(created.proargnames, created.proargtypes::oid[]) WITH ORDINALITY AS parameter (name, type, n)
        WHERE parameter.n > created.pronargs - created.pronargdefaults)
    INTO defaults;
    RETURN defaults || '{"id": null, "name": null, "endpoints": [], "events": [], "state": "started"}';
END $$;

COMMENT ON FUNCTION webhooks.default_webhook() IS
'A webhook''s definition as JSON, to fill in and give to save_webhook: a name and endpoints are needed, all else has the defaults of create_webhook.';


CREATE FUNCTION webhooks.get_webhook(name text) RETURNS jsonb
LANGUAGE webhooks_plpgsql STABLE
AS $$
DECLARE
    seen_id bigint := webhooks.webhook_id(get_webhook.name, to_look => true);
BEGIN
    RETURN webhooks.webhook_document(w.id, portable => false)
           || jsonb_build_object(
               'id', w.id,
               'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object('url', e.url, 'state', e.state, 'state_since', e.state_since,
                                                                          'state_reason', e.state_reason, 'created_at', e.created_at)
                                                       ORDER BY e.url COLLATE "C"), '[]')
                             FROM webhooks.endpoint e WHERE e.webhook_id = w.id),
               'created_at', w.created_at,
               'created_by', w.created_by,
               'changed_at', w.changed_at,
               'changed_by', w.changed_by)
    FROM webhooks.webhook w
    WHERE w.id = seen_id;
END $$;

COMMENT ON FUNCTION webhooks.get_webhook(text) IS
'A webhook''s whole definition as JSON: the parameters of create_webhook, with intervals in words; endpoints, each with its url and how it is; events: names, patterns, or objects with a payload of their own, and unnamed events with their type, on_table, fields and condition; state; id; who made and changed it last and when. save_webhook takes it. Without secret, headers and handshake_key for who may not see them.';
