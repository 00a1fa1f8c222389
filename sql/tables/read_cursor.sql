-- How far the worker has read the message log: a position is a snapshot, so that a transaction that commits late is
-- never skipped. A new position is a new row; only the newest one counts.

CREATE TABLE webhooks.read_cursor (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    at            timestamptz NOT NULL,
    from_snapshot pg_snapshot NOT NULL,
    to_snapshot   pg_snapshot,
    up_to_seq     bigint,

    CONSTRAINT read_cursor_window_is_whole CHECK ((to_snapshot IS NULL) = (up_to_seq IS NULL))
) PARTITION BY RANGE (at);

CREATE INDEX read_cursor_at_id_idx ON webhooks.read_cursor (at, id);

CREATE TABLE webhooks.read_cursor_default (LIKE webhooks.read_cursor INCLUDING ALL EXCLUDING IDENTITY);
ALTER TABLE webhooks.read_cursor ATTACH PARTITION webhooks.read_cursor_default DEFAULT;

COMMENT ON TABLE webhooks.read_cursor IS
'How far the worker has read the message log. Messages that are visible in from_snapshot are handled; of those that to_snapshot adds, the ones up to up_to_seq.';
COMMENT ON TABLE webhooks.read_cursor_default IS
'Positions of days that no partition was made for.';
