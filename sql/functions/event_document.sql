-- Events as JSON. Where export_config and get_webhook say what an event is, and where apply_config and save_webhook compare
-- it with what they were given, it is with these words.

CREATE FUNCTION webhooks.shown_owner(maker name) RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = maker AND webhooks.may_do_all(r.oid)) THEN maker END;
END $$;

COMMENT ON FUNCTION webhooks.shown_owner(name) IS
'The key owner of a definition: who made it. NULL for who manages all, for which it matters to nobody which of them it was.';


CREATE FUNCTION webhooks.event_document(event webhooks.event) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'name', CASE WHEN today.named THEN today.name END,
        'type', CASE WHEN today.on_table IS NOT NULL THEN today.type END,
        -- With its schema, whatever the reader's search_path. Of a table that was dropped, its last name.
        'on_table', CASE WHEN today.on_table IS NOT NULL THEN
            coalesce((SELECT format('%I.%I', n.nspname, c.relname)
                      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = today.on_table),
                     format('%I.%I', today.object_schema, today.object_name)) END,
        'fields', today.fields,
        'condition', today.condition,
        'data', today.data,
        'account', today.account,
        'key', today.key,
        'description', today.description,
        -- An unnamed event without a condition is everybody's who asks for it.
        'owner', CASE WHEN today.named OR today.condition IS NOT NULL THEN webhooks.shown_owner(today.created_by) END))
    FROM webhooks.event_today(event) AS today;
END $$;

COMMENT ON FUNCTION webhooks.event_document(webhooks.event) IS
'An event as JSON: the parameters that create_event makes it with, or add_event, where it has no name, under the names that columns have today, and its owner. What it has not is left out.';


CREATE FUNCTION webhooks.subscription_documents(of_webhook bigint) RETURNS TABLE (event text, document jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.name,
           CASE WHEN e.named THEN jsonb_build_object('name', e.name) ELSE webhooks.event_document(e) END
               || CASE WHEN s.payload IS NULL THEN '{}' ELSE jsonb_build_object('payload', s.payload) END
    FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id
    WHERE s.webhook_id = of_webhook AND s.by_name
    UNION ALL
    SELECT p.pattern,
           jsonb_build_object('name', p.pattern)
               || CASE WHEN p.payload IS NULL THEN '{}' ELSE jsonb_build_object('payload', p.payload) END
               || CASE WHEN p.any_event THEN '{}'
                       ELSE jsonb_strip_nulls(jsonb_build_object('owner', webhooks.shown_owner(w.created_by))) END
    FROM webhooks.subscription_pattern p JOIN webhooks.webhook w ON w.id = p.webhook_id
    WHERE p.webhook_id = of_webhook;
END $$;

COMMENT ON FUNCTION webhooks.subscription_documents(bigint) IS
'What a webhook has asked for, by name, pattern or as an unnamed event, as JSON: {"name", "payload"} or the definition of the unnamed event; payload only where it is of the subscription''s own, owner where a pattern or condition is not of one who manages all. event is what unsubscribe takes.';


CREATE FUNCTION webhooks.portable_subscription(document jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    about_id bigint := webhooks.webhook_in_event_name(document ->> 'name');
BEGIN
    IF about_id IS NULL THEN
        RETURN document;
    END IF;
    RETURN document || jsonb_build_object('name', regexp_replace(document ->> 'name', '^webhook[0-9]+', 'webhook'), 'webhook', w.name)
    FROM webhooks.webhook w WHERE w.id = about_id;
END $$;

COMMENT ON FUNCTION webhooks.portable_subscription(jsonb) IS
'For export_config: what a webhook has asked for, with another webhook''s name in place of its number, which is another''s in another database: webhook7.errors as {"name": "webhook.errors", "webhook": "parcels"}. NULL for a pattern that is left of one that is no more.';


CREATE FUNCTION webhooks.local_subscription(document jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    about_id bigint := (SELECT w.id FROM webhooks.webhook w WHERE w.name = document ->> 'webhook');
BEGIN
    IF NOT document ? 'webhook' THEN
        RETURN document;
    ELSIF about_id IS NULL THEN
        RAISE EXCEPTION 'invalid argument "events": webhook "%" does not exist', document ->> 'webhook'
            USING ERRCODE = 'undefined_object',
                  HINT = format('Name a webhook that there is, or leave "webhook" out: %s is told about every webhook.', document ->> 'name');
    END IF;
    RETURN document - 'webhook'
           || jsonb_build_object('name', regexp_replace(document ->> 'name', '^webhook', 'webhook' || about_id));
END $$;

COMMENT ON FUNCTION webhooks.local_subscription(jsonb) IS
'For save_webhook and apply_config: what portable_subscription was given.';


CREATE FUNCTION webhooks.event_list(of_webhook bigint, portable boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A name alone, where there is nothing else to say. Named ones first; generated names, which have numbers, order nothing.
    RETURN coalesce(jsonb_agg(CASE WHEN d.document - 'name' = '{}' THEN d.document -> 'name' ELSE d.document END
                              ORDER BY d.document ->> 'name' COLLATE "C", d.document ->> 'on_table' COLLATE "C",
                                       d.document ->> 'type' COLLATE "C", d.document::text COLLATE "C"), '[]')
    FROM (SELECT CASE WHEN NOT portable THEN s.document - 'owner'
                      WHEN s.event LIKE 'webhook%' THEN webhooks.portable_subscription(s.document)
                      ELSE s.document END AS document
          FROM webhooks.subscription_documents(of_webhook) s
          -- Put together once, not wherever it is sorted by.
          OFFSET 0) AS d
    WHERE d.document IS NOT NULL;
END $$;

COMMENT ON FUNCTION webhooks.event_list(bigint, boolean) IS
'The key events of a webhook''s definition: names and patterns, as objects where they have a payload of their own, then unnamed events.';
