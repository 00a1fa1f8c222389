-- Whether this database is the one that its definitions were made in, or a copy of it, which must not call what the original
-- calls. A dump carries origin and not home, so a restored one has an origin that is at home nowhere. CREATE DATABASE ...
-- TEMPLATE copies both, but the new database is another one. pg_upgrade, a promoted standby and a restored base backup keep
-- both and the database: they go on.

CREATE TABLE webhooks.origin (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid()
);

CREATE TABLE webhooks.home (
    origin   uuid PRIMARY KEY,
    database oid  NOT NULL
);

COMMENT ON TABLE webhooks.origin IS
'Where the definitions in this database come from: one row for each CREATE EXTENSION that they have been through. A dump carries it.';
COMMENT ON TABLE webhooks.home IS
'The origins whose webhooks may call from this database. A dump does not carry it; adopt() writes it.';
COMMENT ON COLUMN webhooks.home.database IS
'The database that the row was written in: where it is another one, this is a copy.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.origin', '');

INSERT INTO webhooks.origin DEFAULT VALUES;
INSERT INTO webhooks.home
SELECT o.id, d.oid FROM webhooks.origin o, pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();
