-- What settings may be.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

-- What a value is refused for, and what to give.
SET webhooks.metadata = '{"user": }';
ALTER SYSTEM SET webhooks.retention = 'soon';
ALTER SYSTEM SET webhooks.retention = '1s';
ALTER SYSTEM SET webhooks.allowed_networks = '10.0.0.0/8, intranet';
