-- Mail about webhooks, as far as the tables are concerned. The worker calls these and does the sending in between.

CREATE FUNCTION webhooks.due_mail(OUT webhook_id bigint, OUT recipient text, OUT webhook text, OUT database text,
                                  OUT since text, OUT until text, OUT told_until timestamptz, OUT failed bigint, OUT reduced bigint, OUT last_error text,
                                  OUT message_ids text[], OUT urls text[], OUT states text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
    SELECT w.id, w.errors_email, w.name, current_database(), date_trunc('second', m.since)::text, date_trunc('second', m.until)::text, m.until,
           m.failed, m.reduced, m.last_error, m.message_ids,
           ARRAY(SELECT e.url FROM webhooks.endpoint e WHERE e.webhook_id = w.id AND e.state <> 'enabled' ORDER BY e.id),
           ARRAY(SELECT e.state FROM webhooks.endpoint e WHERE e.webhook_id = w.id AND e.state <> 'enabled' ORDER BY e.id),
           ARRAY(SELECT e.state_reason FROM webhooks.endpoint e WHERE e.webhook_id = w.id AND e.state <> 'enabled' ORDER BY e.id)
    FROM webhooks.mail m JOIN webhooks.webhook w ON w.id = m.webhook_id
    WHERE m.since IS NOT NULL AND w.errors_email IS NOT NULL AND m.due_at <= clock_timestamp()
    ORDER BY m.due_at, m.since
    LIMIT 1
$$;

COMMENT ON FUNCTION webhooks.due_mail() IS
'For the worker: what the mail says that is to be sent now; no row if there is none.';


CREATE FUNCTION webhooks.mail_was_sent(webhook_id bigint, told_until timestamptz, failed bigint, reduced bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- What has happened while it was being sent is for the next one.
    UPDATE webhooks.mail m
    SET since = CASE WHEN m.until > told_until THEN told_until END,
        failed = m.failed - mail_was_sent.failed, reduced = m.reduced - mail_was_sent.reduced,
        message_ids = CASE WHEN m.until > told_until THEN m.message_ids ELSE '{}' END,
        last_error = CASE WHEN m.until > told_until THEN m.last_error END,
        due_at = now() + interval '15 minutes', tries = 0, sent_at = now(), problem = NULL
    WHERE m.webhook_id = mail_was_sent.webhook_id
$$;

COMMENT ON FUNCTION webhooks.mail_was_sent(bigint, timestamptz, bigint, bigint) IS
'For the worker: a mail that told this much has been sent. The next one about the webhook is due in 15 minutes at the earliest.';


CREATE FUNCTION webhooks.mail_was_not_sent(webhook_id bigint, why text) RETURNS boolean
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.mail m
    SET tries = CASE WHEN m.tries < 4 THEN m.tries + 1 ELSE 0 END,
        due_at = now() + (ARRAY['1 minute', '5 minutes', '15 minutes', '1 hour', '15 minutes'])[m.tries + 1]::interval,
        since = CASE WHEN m.tries < 4 THEN m.since END,
        failed = CASE WHEN m.tries < 4 THEN m.failed ELSE 0 END, reduced = CASE WHEN m.tries < 4 THEN m.reduced ELSE 0 END,
        message_ids = CASE WHEN m.tries < 4 THEN m.message_ids ELSE '{}' END,
        problem = why
    WHERE m.webhook_id = mail_was_not_sent.webhook_id
    RETURNING m.since IS NOT NULL
$$;

COMMENT ON FUNCTION webhooks.mail_was_not_sent(bigint, text) IS
'For the worker: a mail could not be sent. It is tried again after 1, 5 and 15 minutes and an hour; then what it had to tell is given up and the result is false. failed_delivery has it all the same.';


CREATE FUNCTION webhooks.note_mail_server(is_there boolean) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE webhooks.mail m SET problem = CASE WHEN is_there THEN NULL ELSE 'webhooks.smtp_url is empty' END
    WHERE CASE WHEN is_there THEN m.problem = 'webhooks.smtp_url is empty'
               ELSE m.since IS NOT NULL AND m.problem IS DISTINCT FROM 'webhooks.smtp_url is empty' END
$$;

COMMENT ON FUNCTION webhooks.note_mail_server(boolean) IS
'For the worker: whether there is a server to send mail through. Without one, mail waits until its retention is over, and status() says so.';


CREATE FUNCTION webhooks.mail_problem() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('Mail to the errors_email of webhook "%s"%s is not sent: %s.', min(w.name),
                  CASE WHEN count(*) > 1 THEN format(' and %s others', count(*) - 1) ELSE '' END,
                  (array_agg(m.problem ORDER BY w.name))[1])
    FROM webhooks.mail m JOIN webhooks.seen_webhook w ON w.id = m.webhook_id
    WHERE m.problem IS NOT NULL AND w.errors_email IS NOT NULL
    HAVING count(*) > 0
$$;

COMMENT ON FUNCTION webhooks.mail_problem() IS
'For status: which mail is not sent, and why, or NULL.';
