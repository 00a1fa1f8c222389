-- The message log: one row for each occurrence of an event, written by capture() and emit() in the transaction that
-- raised it. Rows are never changed; whole days are dropped. capture() writes straight to the heap and the one index,
-- so there are no constraints here, and the order of the columns is part of its contract.

CREATE SEQUENCE webhooks.message_seq CACHE 1;

COMMENT ON SEQUENCE webhooks.message_seq IS
'Orders messages: a number is taken while the row''s lock is held, so that numbers of one record rise in commit order.';

CREATE TABLE webhooks.message (
    at          timestamptz,
    xid         xid8,
    seq         bigint,
    event_id    bigint,
    operation   "char",
    record      text,
    changed     text[],
    data        json,
    old         json,
    account     text,
    metadata    json,
    omitted     int,
    primary_key text
) PARTITION BY RANGE (at);

CREATE INDEX message_xid_seq_idx ON webhooks.message (xid, seq);

DO $$
BEGIN
    ALTER TABLE webhooks.message ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN old SET COMPRESSION lz4,
                                 ALTER COLUMN metadata SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;  -- a server built without lz4 compresses with pglz
END $$;

CREATE TABLE webhooks.message_default (LIKE webhooks.message INCLUDING ALL);
ALTER TABLE webhooks.message ATTACH PARTITION webhooks.message_default DEFAULT;

COMMENT ON TABLE webhooks.message IS
'One row for each occurrence of an event, in a partition for each day (UTC). Kept for webhooks.retention, and until every webhook''s worker has dealt with it.';
COMMENT ON TABLE webhooks.message_default IS
'Messages of days that no partition was made for, as when the worker has been off for long.';
COMMENT ON COLUMN webhooks.message.at IS 'The clock when the row was captured.';
COMMENT ON COLUMN webhooks.message.xid IS 'The transaction that wrote it. The worker finds what is new by it.';
COMMENT ON COLUMN webhooks.message.operation IS 'i insert, u update, d delete, t truncate, e emitted.';
COMMENT ON COLUMN webhooks.message.record IS
'Which record it is about: the event''s key, else the primary key as text, a JSON array where it has several columns, or what emit() was given.';
COMMENT ON COLUMN webhooks.message.primary_key IS
'The primary key, written as record is, where the event''s key stands there. NULL elsewhere.';
COMMENT ON COLUMN webhooks.message.changed IS 'Names of the columns that an update changed.';
COMMENT ON COLUMN webhooks.message.data IS 'The row, for a delete the deleted one, or what the event''s data made of it; what emit() was given.';
COMMENT ON COLUMN webhooks.message.old IS 'The changed columns of an update, before it.';
COMMENT ON COLUMN webhooks.message.account IS 'The account that it belongs to: what the event''s account expression gave, or emit() was given.';
COMMENT ON COLUMN webhooks.message.metadata IS 'What webhooks.metadata was.';
COMMENT ON COLUMN webhooks.message.omitted IS 'NULL, or how many bytes data and old would have had: more than webhooks.max_message_bytes, so that data holds the primary key alone and old nothing.';
