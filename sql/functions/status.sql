-- How the worker of this database is, in one row.

CREATE FUNCTION webhooks.status_problem(
    state text, preloaded boolean, is_copy boolean, library_version text, extension_version text, not_enabled bigint,
    not_raised bigint, others text
)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(concat_ws(E'\n',
        CASE WHEN is_copy THEN
            'NOTHING IS SENT: these webhooks were made in another database, of which this is a copy, and would call what it calls. Messages are kept. Stop or change what must not be called from here, then run SELECT webhooks.adopt().'
        END,
        CASE WHEN state = 'disabled' THEN
            'Nothing is sent: webhooks.enabled is off. Messages are kept; set it on to send them.'
        WHEN state = 'not running' AND preloaded THEN
            'No worker runs in this database. It is started again by itself within moments; if this stays, the server log says why, and max_worker_processes may be too low.'
        WHEN state = 'not running' THEN
            'No worker runs in this database: nothing is sent, messages are kept. Start one with SELECT webhooks.start_worker().'
        END,
        CASE WHEN NOT preloaded AND state <> 'standby' THEN
            'The worker will not come back by itself after a server restart: add webhooks to shared_preload_libraries.'
        END,
        CASE WHEN library_version <> extension_version THEN
            format('The library is version %s and the extension in this database is %s: run ALTER EXTENSION webhooks UPDATE, or restart the server if the library is the older one.',
                   library_version, extension_version)
        END,
        CASE WHEN not_enabled > 0 THEN
            format('Endpoints that are not called: %s. webhooks.endpoint_stats tells which (state) and why; webhooks.enable_endpoint(webhook, url) has one called again.',
                   not_enabled)
        END,
        CASE WHEN not_raised > 0 THEN
            format('Events that their tables do not raise: %s. webhooks.event_stats tells which and why (problem). Make them anew, or drop them with webhooks.drop_event(name).',
                   not_raised)
        END,
        others), '')
$$;

COMMENT ON FUNCTION webhooks.status_problem(text, boolean, boolean, text, text, bigint, bigint, text) IS
'For status: what is wrong and what to do about it, a line each, or NULL.';


CREATE FUNCTION webhooks.worker_problem() RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(concat_ws(E'\n',
        CASE WHEN s.locked_out_since < clock_timestamp() - interval '5 seconds' THEN
            format('Since %s what comes of calls to some endpoints cannot be recorded, and they get no retries: an open transaction has changed or dropped a webhook, or sends messages again, and should be ended. pg_stat_activity tells which are open (xact_start). Other webhooks do not wait for it, until what is kept for it uses up its share of webhooks.queue_memory.',
                   date_trunc('second', s.locked_out_since))
        END,
        CASE WHEN NOT s.trusts_ca_file THEN
            format('webhooks.ca_file "%s" could not be used when it was last read; the server log says why. What was trusted before still is, or, if the worker has started since, only public authorities. Mend it and reload the configuration with SELECT pg_reload_conf().',
                   current_setting('webhooks.ca_file', true))
        END), '')
    FROM webhooks.worker_state() AS s
$$;

COMMENT ON FUNCTION webhooks.worker_problem() IS
'For status: what hinders the worker that runs, a line each, or NULL.';


CREATE FUNCTION webhooks.status(
    OUT worker_pid        int,
    OUT state             text,
    OUT preloaded         boolean,
    OUT started_at        timestamptz,
    OUT backlog           bigint,
    OUT oldest_pending    timestamptz,
    OUT in_flight         int,
    OUT library_version   text,
    OUT extension_version text,
    OUT problem           text
)
LANGUAGE webhooks_plpgsql STABLE
AS $$
DECLARE
    is_copy  boolean := webhooks.is_copy();
    sees_all boolean := webhooks.may_see_all();
BEGIN
    SELECT s.pid, s.started_at, s.in_flight INTO worker_pid, started_at, in_flight FROM webhooks.worker_state() AS s;
    SELECT count(*), min(p.message_at) INTO backlog, oldest_pending FROM webhooks.pending_delivery p
    WHERE sees_all OR p.webhook_id IN (SELECT o.id FROM webhooks.own_webhooks() o);

    preloaded := webhooks.is_preloaded();
    library_version := webhooks.library_version();
    extension_version := (SELECT x.extversion FROM pg_extension x WHERE x.extname = 'webhooks');
    state := CASE
        WHEN pg_is_in_recovery() THEN 'standby'
        WHEN NOT current_setting('webhooks.enabled')::boolean THEN 'disabled'
        WHEN worker_pid IS NULL THEN 'not running'
        WHEN is_copy THEN 'not adopted'
        ELSE 'running'
    END;
    problem := webhooks.status_problem(state, preloaded, is_copy, library_version, extension_version,
                                       (SELECT count(*) FROM webhooks.endpoint e JOIN webhooks.seen_webhook w ON w.id = e.webhook_id
                                        WHERE e.state <> 'enabled'),
                                       (SELECT count(*) FROM webhooks.event_problem p JOIN webhooks.seen_event e ON e.id = p.event_id),
                                       nullif(concat_ws(E'\n', webhooks.worker_problem(), webhooks.mail_problem()), ''));
END $$;

COMMENT ON FUNCTION webhooks.status() IS
'How this database''s worker is: state is running, not running, disabled (webhooks.enabled is off), not adopted (a copy: see adopt) or standby. backlog counts what is still to be delivered, each message once for each endpoint, whether the worker runs or not; a manager is told of what is their own. problem is NULL, or says what is wrong and what to do.';
