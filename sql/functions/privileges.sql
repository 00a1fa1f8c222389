-- Who may manage, and who may look on.

CREATE FUNCTION webhooks.privileges_to(purpose text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.privilege FROM (VALUES
        ('emit', 'USAGE ON SCHEMA webhooks'),
        ('view', 'USAGE ON SCHEMA webhooks'),
        ('manage', 'USAGE ON SCHEMA webhooks'),
        -- These show to everybody what they may see.
        ('view manage', 'SELECT ON webhooks.webhook_stats, webhooks.endpoint_stats, webhooks.event_stats, webhooks.event_definition,
                                   webhooks.attempt_log, webhooks.failed_delivery, webhooks.traffic'),
        ('view manage', 'EXECUTE ON FUNCTION webhooks.caller, webhooks.may_do_all, webhooks.may_see_all, webhooks.my_roles, webhooks.own_webhooks,
                                             webhooks.message_id, webhooks.duration_of_bucket, webhooks.unread_messages,
                                             webhooks.event_today, webhooks.event_when, webhooks.event_expressions'),
        ('view manage', 'EXECUTE ON FUNCTION webhooks.get_webhook, webhooks.export_config, webhooks.public_key, webhooks.status'),
        -- How webhooks are defined and how they do, and nothing of what was sent, no header and no secret. Where that stands
        -- in a table beside the rest, it is the other columns.
        ('view', 'SELECT ON webhooks.endpoint, webhooks.event, webhooks.subscription, webhooks.subscription_pattern,
                            webhooks.event_problem, webhooks.read_position, webhooks.origin, webhooks.home'),
        ('view', 'SELECT (id, name, description, account, signature, throttle_calls, throttle_per, batch_size, max_in_flight, ordering,
                          timeout, retry_schedule, when_exhausted, properties, errors_email, payload, state, created_at, created_by,
                          changed_at, changed_by) ON webhooks.webhook'),
        ('view', 'SELECT (webhook_id, endpoint_id, event_id, message_at, message_seq, message_xid, state, due_at)
                         ON webhooks.pending_delivery'),
        ('view', 'SELECT (at, xid, seq, event_id, account) ON webhooks.message'),
        ('view', 'SELECT (webhook_id, problem) ON webhooks.mail'),
        ('view', 'EXECUTE ON FUNCTION webhooks.message_at_of, webhooks.message_seq_of'),
        -- No table: what these functions do, they do for who calls them.
        ('manage', 'EXECUTE ON FUNCTION webhooks.create_webhook, webhooks.alter_webhook, webhooks.drop_webhook, webhooks.add_endpoint,
                                        webhooks.remove_endpoint, webhooks.enable_endpoint, webhooks.pause_webhook,
                                        webhooks.stop_webhook, webhooks.start_webhook, webhooks.rotate_secret, webhooks.reveal_secret,
                                        webhooks.test_webhook, webhooks.default_webhook, webhooks.save_webhook, webhooks.apply_config,
                                        webhooks.add_event, webhooks.create_event, webhooks.alter_event, webhooks.drop_event,
                                        webhooks.alter_table, webhooks.subscribe, webhooks.unsubscribe, webhooks.explain_message,
                                        webhooks.preview, webhooks.resend, webhooks.resend_failed, webhooks.replay, webhooks.cancel'),
        -- For the triggers of events with a condition, which are made by whom they are for.
        ('manage', 'EXECUTE ON FUNCTION webhooks.capture')
    ) AS p (purposes, privilege)
    WHERE purpose = ANY (string_to_array(p.purposes, ' '))
$$;

COMMENT ON FUNCTION webhooks.privileges_to(text) IS
'For grant_manage, grant_view and what takes them back: what a role needs to manage, view or emit, as GRANT and REVOKE take it; but for emit itself, which is granted by hand.';


CREATE FUNCTION webhooks.has_purpose(role oid, purpose text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE purpose
        WHEN 'view' THEN EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a
                                 WHERE c.oid = 'webhooks.endpoint'::regclass AND a.grantee = role AND a.privilege_type = 'SELECT')
        ELSE EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a
                     WHERE p.pronamespace = 'webhooks'::regnamespace AND a.grantee = role
                       AND p.proname = CASE purpose WHEN 'manage' THEN 'create_webhook' ELSE 'emit' END)
    END
$$;

COMMENT ON FUNCTION webhooks.has_purpose(oid, text) IS
'For revoke_manage and revoke_view: whether a role itself, not one that it is a member of, was granted to manage, view or emit.';


CREATE FUNCTION webhooks.role_named(role name, argument text = 'role') RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = role);
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION 'invalid argument "%": %', argument, CASE WHEN role = 'public' THEN 'PUBLIC is everybody'
                                                                     ELSE coalesce('role "' || role || '" does not exist', 'it is NULL') END
            USING ERRCODE = 'undefined_object',
                  HINT = 'Give the name of a role as it is stored: CREATE ROLE Ops makes ''ops''.';
    END IF;
    RETURN found;
END $$;

COMMENT ON FUNCTION webhooks.role_named(name, text) IS
'For grant_manage, grant_view, what takes them back and reassign_owned: the role of that name, or an error if there is none.';


CREATE FUNCTION webhooks.grant_purpose(role name, purpose text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee   regrole := webhooks.role_named(role);
    privilege text;
BEGIN
    FOR privilege IN SELECT webhooks.privileges_to(purpose) LOOP
        EXECUTE format('GRANT %s TO %s', privilege, grantee);
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.grant_purpose(name, text) IS
'For grant_manage and grant_view.';


CREATE FUNCTION webhooks.revoke_purpose(role name, purpose text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee   regrole := webhooks.role_named(role);
    others    text[]  := ARRAY(SELECT other FROM unnest('{emit,view,manage}'::text[]) AS other
                               WHERE other <> purpose AND webhooks.has_purpose(grantee, other));
    privilege text;
BEGIN
    FOR privilege IN SELECT webhooks.privileges_to(purpose) LOOP
        EXECUTE format('REVOKE %s FROM %s', privilege, grantee);
    END LOOP;
    -- What it was granted to another end, too, stays.
    FOR privilege IN SELECT webhooks.privileges_to(other) FROM unnest(others) AS other LOOP
        EXECUTE format('GRANT %s TO %s', privilege, grantee);
    END LOOP;
END $$;

COMMENT ON FUNCTION webhooks.revoke_purpose(name, text) IS
'For revoke_manage and revoke_view.';


CREATE FUNCTION webhooks.grant_manage(role name) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT webhooks.grant_purpose(role, 'manage') $$;

COMMENT ON FUNCTION webhooks.grant_manage(name) IS
'Lets a role, and its members, make webhooks and events, and manage and see those that it, or a role that it is a member of, has made. Events tell only what their maker may read; on tables the role needs TRIGGER and SELECT.';


CREATE FUNCTION webhooks.revoke_manage(role name) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT webhooks.revoke_purpose(role, 'manage') $$;

COMMENT ON FUNCTION webhooks.revoke_manage(name) IS
'Takes back what grant_manage gave. What the role has made stays and goes on: stop or drop what should not.';


CREATE FUNCTION webhooks.grant_view(role name) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT webhooks.grant_purpose(role, 'view') $$;

COMMENT ON FUNCTION webhooks.grant_view(name) IS
'Lets a role, and its members, see all webhooks, their endpoints, events, public keys and statistics, and status(): no secret, no header, no handshake key, nothing of what was sent or answered.';


CREATE FUNCTION webhooks.revoke_view(role name) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT webhooks.revoke_purpose(role, 'view') $$;

COMMENT ON FUNCTION webhooks.revoke_view(name) IS
'Takes back what grant_view gave. To manage, and emit, which are granted by themselves, stay.';


CREATE FUNCTION webhooks.reassign_owned(old_role name, new_role name) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reassigned bigint;
BEGIN
    PERFORM webhooks.role_named(new_role, 'new_role');
    UPDATE webhooks.webhook w SET created_by = new_role WHERE w.created_by = old_role;
    GET DIAGNOSTICS reassigned = ROW_COUNT;
    -- Of unnamed events the new role may have one in the same words, which need not mean the same.
    UPDATE webhooks.event e SET created_by = new_role
    WHERE e.created_by = old_role AND e.dropped_at IS NULL
      AND (e.named OR NOT EXISTS (SELECT FROM webhooks.event o
                                  WHERE o.created_by = new_role AND NOT o.named AND o.dropped_at IS NULL AND o.on_table = e.on_table
                                    AND o.type = e.type AND (o.fields, o.condition) IS NOT DISTINCT FROM (e.fields, e.condition)));
    PERFORM webhooks.return_event_functions(new_role);
    RETURN reassigned;
END $$;

COMMENT ON FUNCTION webhooks.reassign_owned(name, name) IS
'Makes what one role has made another one''s, also where the first was dropped or has another name since, and returns how many webhooks that are. What its events compute is computed with the privileges of the new role from then on.';
