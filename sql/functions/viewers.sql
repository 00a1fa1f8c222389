-- Who may look on.

-- What viewers have: how webhooks are defined and how they do, and nothing of what was sent, no header and no secret. Where
-- that stands in a table beside the rest, they have the other columns.
CREATE FUNCTION webhooks.viewer_privileges() RETURNS SETOF text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES ('USAGE ON SCHEMA webhooks'),
           ('SELECT ON webhooks.webhook_stats, webhooks.endpoint_stats, webhooks.event_stats, webhooks.attempt_log,
                       webhooks.failed_delivery, webhooks.traffic, webhooks.event_problem, webhooks.read_position'),
           ('SELECT (webhook_id, endpoint_id, event_id, message_at, message_seq, message_xid, state, due_at)
                    ON webhooks.pending_delivery'),
           ('SELECT (id, name, description, account, signature, throttle_calls, throttle_per, batch_size, max_in_flight, ordering,
                     timeout, retry_schedule, when_exhausted, properties, errors_email, payload, state, created_at, created_by,
                     changed_at, changed_by) ON webhooks.webhook'),
           ('SELECT ON webhooks.endpoint, webhooks.event, webhooks.subscription, webhooks.subscription_pattern,
                       webhooks.origin, webhooks.home'),
           ('SELECT (at, xid, seq, event_id, account) ON webhooks.message'),
           ('SELECT (webhook_id, problem) ON webhooks.mail'),
           -- These read what a viewer may read, or the server's state.
           ('EXECUTE ON FUNCTION webhooks.webhook_id, webhooks.event_id, webhooks.nearest_names, webhooks.message_id,
                                 webhooks.message_at_of, webhooks.message_seq_of, webhooks.duration_of_bucket,
                                 webhooks.unread_messages, webhooks.is_state_event, webhooks.signature_of, webhooks.is_copy,
                                 webhooks.status, webhooks.status_problem, webhooks.worker_problem, webhooks.mail_problem,
                                 webhooks.worker_state, webhooks.is_preloaded, webhooks.library_version'),
           ('EXECUTE ON FUNCTION webhooks.get_webhook, webhooks.export_config, webhooks.webhook_document, webhooks.secret_settings,
                                 webhooks.event_list, webhooks.subscription_documents, webhooks.event_document, webhooks.event_today,
                                 webhooks.event_when, webhooks.event_expressions, webhooks.interval_text,
                                 webhooks.interval_texts'),
           -- With the owner's privileges, and gives what everybody may know.
           ('EXECUTE ON FUNCTION webhooks.public_key, webhooks.public_key_of_webhook')
$$;

COMMENT ON FUNCTION webhooks.viewer_privileges() IS
'For grant_view and revoke_view: what a viewer has, as GRANT and REVOKE take it.';


CREATE FUNCTION webhooks.quoted_role(role name) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'invalid argument "role": %', CASE WHEN role = 'public' THEN 'PUBLIC is everybody'
                                                           ELSE format('role "%s" does not exist', role) END
            USING ERRCODE = 'undefined_object',
                  HINT = 'Give the name of a role as it is stored: CREATE ROLE Ops makes ''ops''.';
    END IF;
    RETURN quote_ident(role);
END $$;

COMMENT ON FUNCTION webhooks.quoted_role(name) IS
'For grant_view and revoke_view: a role''s name as it stands in GRANT, or an error if there is none.';


CREATE FUNCTION webhooks.grant_view(role name) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee   text := webhooks.quoted_role(role);
    privilege text;
BEGIN
    FOR privilege IN SELECT webhooks.viewer_privileges() LOOP
        EXECUTE format('GRANT %s TO %s', privilege, grantee);
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.grant_view(name) IS
'Lets a role, and its members, see all webhooks, their endpoints, events, public keys and statistics, and status(): no secret, no header, no handshake key, nothing of what was sent or answered.';


CREATE FUNCTION webhooks.revoke_view(role name) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee   text := webhooks.quoted_role(role);
    privilege text;
BEGIN
    FOR privilege IN SELECT webhooks.viewer_privileges() LOOP
        EXECUTE format('REVOKE %s FROM %s', privilege, grantee);
    END LOOP;
    -- An application that emits needs the schema still.
    IF has_function_privilege(role, 'webhooks.emit(text, jsonb, text, text)', 'EXECUTE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA webhooks TO %s', grantee);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.revoke_view(name) IS
'Takes back what grant_view gave. emit, which is granted by itself, stays.';
