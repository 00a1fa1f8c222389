-- Who may do what with which webhook and which event. Functions in webhooks_plpgsql run with the privileges of the schema's
-- owner, and no role but that has any on the tables that would let it change them, so it is these functions that decide. They
-- are in PL/pgSQL, which keeps their plans: each is asked once or more by every call.

CREATE FUNCTION webhooks.caller_name() RETURNS name
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_get_userbyid(webhooks.caller());
END $$;

COMMENT ON FUNCTION webhooks.caller_name() IS
'The name of the role that called: current_user, or within a management function the one that it serves.';


CREATE FUNCTION webhooks.may_do_all(role oid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_has_role(role, n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'webhooks';
END $$;

COMMENT ON FUNCTION webhooks.may_do_all(oid) IS
'Whether a role manages every webhook, whoever made it: superusers do, and the owner of the extension.';


CREATE FUNCTION webhooks.may_see_all() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A viewer may read this table, and a manager, who sees what is their own, none.
    RETURN webhooks.may_do_all(webhooks.caller()) OR has_table_privilege(webhooks.caller(), 'webhooks.endpoint', 'SELECT');
END $$;

COMMENT ON FUNCTION webhooks.may_see_all() IS
'Whether the caller is a viewer or manages all.';


CREATE FUNCTION webhooks.my_roles() RETURNS name[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT r.rolname FROM pg_roles r WHERE pg_has_role(webhooks.caller(), r.oid, 'USAGE'));
END $$;

COMMENT ON FUNCTION webhooks.my_roles() IS
'The roles whose privileges the caller has: what one of them made is the caller''s own.';


CREATE FUNCTION webhooks.has_privileges_of(role oid, maker name) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN webhooks.may_do_all(role) OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = maker AND pg_has_role(role, r.oid, 'USAGE'));
END $$;

COMMENT ON FUNCTION webhooks.has_privileges_of(oid, name) IS
'Whether what the maker made is that role''s own.';


CREATE FUNCTION webhooks.is_mine(maker name) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN webhooks.has_privileges_of(webhooks.caller(), maker);
END $$;

COMMENT ON FUNCTION webhooks.is_mine(name) IS
'Whether what the maker made is the caller''s own.';


CREATE FUNCTION webhooks.role_of(event webhooks.event) RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- In a copy of a database roles may be missing, and anywhere one may have another name since. Who owns the function may
    -- be somebody who restored it or was given it, too: as one who manages all nobody's text is read.
    found oid := coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = event.created_by),
                          (SELECT p.proowner FROM pg_proc p
                           WHERE p.pronamespace = 'webhooks'::regnamespace AND p.proname = 'event_' || event.id
                             AND NOT webhooks.may_do_all(p.proowner)));
BEGIN
    IF found IS NOT NULL THEN
        RETURN found;
    ELSIF coalesce(event.condition, event.data, event.account, event.key) IS NULL THEN
        RETURN webhooks.caller();
    END IF;
    -- Not as the caller: that may be a superuser, and the text anybody's.
    RAISE EXCEPTION 'role "%", who made event "%", does not exist', event.created_by, event.name
        USING ERRCODE = 'undefined_object',
              HINT = 'Its expressions are read with the privileges of that role. Give it to another one with webhooks.reassign_owned(old_role, new_role), or drop it with webhooks.drop_event(name).';
END $$;

COMMENT ON FUNCTION webhooks.role_of(webhooks.event) IS
'The role with whose privileges an event is judged and computed: who made it, or, where there is no role of that name, to whom its function belongs. An error where nobody knows and it has expressions.';


CREATE FUNCTION webhooks.check_is_mine(kind text, name text, maker name, argument text = 'name') RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT webhooks.is_mine(maker) THEN
        RAISE EXCEPTION 'invalid argument "%": permission denied for % "%"', argument, kind, check_is_mine.name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('It is role %s''s: members of that role and superusers may manage it.', maker);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_is_mine(text, text, name, text) IS
'For the functions that change something: raises an error that names the argument unless it is the caller''s own.';


CREATE FUNCTION webhooks.may_read_whole(role oid, of_table regclass) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT has_schema_privilege(role, c.relnamespace, 'USAGE') AND has_table_privilege(role, c.oid, 'SELECT')
                -- Row security would keep rows from it that events tell.
                AND (NOT c.relrowsecurity OR r.rolsuper OR r.rolbypassrls
                     OR NOT c.relforcerowsecurity AND pg_has_role(role, c.relowner, 'USAGE'))
         FROM pg_class c, pg_roles r
         WHERE c.oid = of_table AND r.oid = role), false)
$$;

COMMENT ON FUNCTION webhooks.may_read_whole(oid, regclass) IS
'Whether a role may read every column of every row of a table, as who gets its events does.';


CREATE FUNCTION webhooks.may_receive(role oid, event webhooks.event) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN webhooks.may_do_all(role) THEN true
        WHEN event.name ~ '^webhook[0-9]*\.' THEN
            EXISTS (SELECT FROM webhooks.webhook w
                    WHERE w.id = webhooks.webhook_in_event_name(event.name) AND webhooks.has_privileges_of(role, w.created_by))
        WHEN event.named AND webhooks.has_privileges_of(role, event.created_by) THEN true
        -- What it computes, its maker may see.
        WHEN event.on_table IS NULL OR coalesce(event.data, event.account, event.key) IS NOT NULL THEN false
        ELSE webhooks.may_read_whole(role, event.on_table)
    END;
END $$;

COMMENT ON FUNCTION webhooks.may_receive(oid, webhooks.event) IS
'Whether a role may have a webhook told of an event: of one of its own; of rows as they are where it may read the whole table; of what becomes of its own webhooks.';


CREATE FUNCTION webhooks.check_may_receive(event webhooks.event, argument text = 'events') RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF webhooks.may_receive(webhooks.caller(), event) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'invalid argument "%": permission denied for event "%"', argument, event.name
        USING ERRCODE = 'insufficient_privilege',
              HINT = CASE
                  WHEN event.name ~ '^webhook[0-9]*\.' THEN
                      'You may have a webhook told about those of your own: of the one with the id 7 it is webhook7.errors.'
                  WHEN event.on_table IS NULL OR coalesce(event.data, event.account, event.key) IS NOT NULL THEN
                      format('What it tells is for its maker, role %s, and members of that. A superuser may subscribe your webhook.', event.created_by)
                  ELSE format('It tells whole rows, so it needs GRANT SELECT ON %s TO %I. Row security must not keep rows from that role.',
                              event.on_table, webhooks.caller_name())
              END;
END $$;

COMMENT ON FUNCTION webhooks.check_may_receive(webhooks.event, text) IS
'For subscribe and preview: raises an error unless the caller may have a webhook told of the event.';


CREATE FUNCTION webhooks.may_be_caught(role oid, event webhooks.event) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Anybody who manages may give an event a name that is about to be caught, and raise it: by name, it is chosen.
    SELECT webhooks.may_receive(role, event)
           AND (webhooks.has_privileges_of(role, event.created_by)
                OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = event.created_by AND webhooks.may_do_all(r.oid)))
$$;

COMMENT ON FUNCTION webhooks.may_be_caught(oid, webhooks.event) IS
'Whether a pattern of a role''s webhook catches an event that it matches: what the role may receive, made by itself or by somebody who manages all.';


-- Who manages all need not have them listed for every question about a log. A query of the table in its place would be as dear
-- to the planner for them as it is for who owns all: dear enough to be compiled.
CREATE FUNCTION webhooks.own_webhooks() RETURNS TABLE (id bigint)
LANGUAGE webhooks_plpgsql STABLE PARALLEL RESTRICTED ROWS 10
AS $$
#variable_conflict use_column
DECLARE
    mine name[] := webhooks.my_roles();
BEGIN
    IF NOT webhooks.may_do_all(webhooks.caller()) THEN
        RETURN QUERY SELECT w.id FROM webhooks.webhook w WHERE w.created_by = ANY (mine);
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.own_webhooks() IS
'The ids of the webhooks that the caller manages; none for who manages all, which webhooks.may_do_all tells.';


CREATE VIEW webhooks.seen_webhook AS
SELECT w.* FROM webhooks.webhook w
WHERE (SELECT webhooks.may_see_all()) OR w.created_by = ANY ((SELECT webhooks.my_roles())::name[]);

COMMENT ON VIEW webhooks.seen_webhook IS
'The webhooks that the caller manages or may look at.';


CREATE VIEW webhooks.seen_event AS
SELECT e.* FROM webhooks.event e
WHERE e.dropped_at IS NULL
  AND ((SELECT webhooks.may_see_all())
       OR e.created_by = ANY ((SELECT webhooks.my_roles())::name[])
       OR e.id IN (SELECT s.event_id FROM webhooks.subscription s WHERE s.webhook_id IN (SELECT o.id FROM webhooks.own_webhooks() o)));

COMMENT ON VIEW webhooks.seen_event IS
'The events that the caller manages, gets or may look at.';
