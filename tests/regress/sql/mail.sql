-- What mail has to tell, as far as the tables are concerned. The worker of this database sends nothing.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

SELECT id FROM webhooks.create_webhook('shipping', 'https://example.com/shipping', errors_email => 'ops@example.com');
SELECT id FROM webhooks.create_webhook('accounting', 'https://example.com/accounting');
CREATE VIEW pg_temp.mail AS
SELECT w.name, m.since IS NOT NULL AS tells, m.failed, m.reduced, m.last_error, m.message_ids, m.tries,
       CASE WHEN m.due_at > now() THEN m.due_at - now() END AS due_in, m.problem
FROM webhooks.mail m JOIN webhooks.webhook w ON w.id = m.webhook_id ORDER BY w.id;

-- Only where somebody is to be told, and all in one, those of state events included.
BEGIN;
SELECT webhooks.tell_errors(ARRAY[ROW(1, 2, 0, 0, false, 500, 'status: 500', '{msg_a,msg_b}'),
                                  ROW(2, 1, 0, 0, false, 404, 'status: 404', '{msg_c}')]::webhooks.trouble[]);
SELECT webhooks.tell_errors(ARRAY[ROW(1, 3, 3, 0, false, NULL, 'timeout: no answer', '{msg_d,msg_e,msg_f,msg_g}')]::webhooks.trouble[]);
SELECT webhooks.tell_errors(ARRAY[ROW(1, 0, 0, 4, false, NULL, NULL, '{msg_h}')]::webhooks.trouble[]);
SELECT webhooks.tell_errors(ARRAY(SELECT t FROM webhooks.disable_endpoints(ARRAY[1], '{}') t));
SELECT * FROM pg_temp.mail;
COMMIT;
SELECT recipient, webhook, failed, reduced, last_error, urls, states, reasons FROM webhooks.due_mail();

-- What happens while it is sent is for the next one.
SELECT told_until FROM webhooks.due_mail() \gset
BEGIN;
SELECT webhooks.tell_errors(ARRAY[ROW(1, 1, 0, 0, false, 500, 'status: 500', '{msg_i}')]::webhooks.trouble[]);
SELECT webhooks.mail_was_sent(1, :'told_until', 5, 4);
SELECT * FROM pg_temp.mail;
SELECT since = :'told_until' AS since_then FROM webhooks.mail;
SELECT count(*) FROM webhooks.due_mail();
SELECT webhooks.mail_was_sent(1, now(), 1, 0);
SELECT * FROM pg_temp.mail;
ROLLBACK;

-- What cannot be sent is tried again, then given up.
BEGIN;
SELECT webhooks.mail_was_not_sent(1, 'the mail server: no');
SELECT * FROM pg_temp.mail;
SELECT webhooks.mail_was_not_sent(1, 'the mail server: no'), webhooks.mail_was_not_sent(1, 'the mail server: no'), webhooks.mail_was_not_sent(1, 'the mail server: no'), webhooks.mail_was_not_sent(1, 'the mail server: no');
SELECT * FROM pg_temp.mail;
SELECT webhooks.mail_problem();
SELECT webhooks.note_mail_server(false), webhooks.note_mail_server(true);
SELECT webhooks.mail_problem();
SELECT webhooks.tell_errors(ARRAY[ROW(1, 1, 0, 0, false, 500, 'status: 500', '{msg_j}')]::webhooks.trouble[]);
SELECT webhooks.note_mail_server(false);
SELECT webhooks.mail_problem();
SELECT FROM webhooks.alter_webhook('shipping', errors_email => '');
SELECT webhooks.mail_problem();
SELECT FROM webhooks.alter_webhook('shipping', errors_email => 'ops@example.com');
SELECT webhooks.note_mail_server(true);
SELECT webhooks.mail_problem();
ROLLBACK;

-- Nobody is told who is not to be any more, nor of a webhook that is gone, nor of what is older than the retention.
BEGIN;
SELECT FROM webhooks.alter_webhook('shipping', errors_email => '');
SELECT count(*) FROM webhooks.due_mail();
ROLLBACK;
BEGIN;
SELECT webhooks.drop_webhook('shipping');
SELECT count(*) FROM webhooks.mail;
ROLLBACK;
UPDATE webhooks.mail SET until = now() - interval '2 days';
SELECT webhooks.drop_expired_partitions('3 days');
SELECT count(*) FROM webhooks.mail;
SELECT webhooks.drop_expired_partitions('1 day');
SELECT count(*) FROM webhooks.mail;

-- The server's URL is checked.
ALTER SYSTEM SET webhooks.smtp_url = 'smtp://ann:hush@mail.example.com';
