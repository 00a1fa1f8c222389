-- What settings may be, and who sets them where.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

-- Those that only the worker goes by are the server's: in a session they would say what is not so.
SELECT name, context FROM pg_settings WHERE name LIKE 'webhooks.%' ORDER BY name COLLATE "C";
SELECT * FROM pg_temp.complaint('SET webhooks.enabled = on') \gx

-- What a value is refused for, and what to give.
SET webhooks.metadata = '{"user": }';
ALTER SYSTEM SET webhooks.retention = 'soon';
ALTER SYSTEM SET webhooks.retention = '1s';
ALTER SYSTEM SET webhooks.allowed_networks = '10.0.0.0/8, intranet';
