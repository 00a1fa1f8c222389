-- Who may do what: PUBLIC nothing. Watched tables need no grant: a trigger's function runs whoever writes the row.
-- What grant_manage and grant_view give stands in functions/privileges.sql.

REVOKE ALL ON SCHEMA webhooks FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA webhooks FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA webhooks FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA webhooks FROM PUBLIC;
REVOKE ALL ON TYPE webhooks.created_webhook FROM PUBLIC;
REVOKE ALL ON TYPE webhooks.message_place FROM PUBLIC;
REVOKE ALL ON TYPE webhooks.trouble FROM PUBLIC;
