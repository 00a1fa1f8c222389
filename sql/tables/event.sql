-- An event: what to tell about. Either a change in a table, then a trigger named webhooks_event_<id> stands for it there,
-- or a name that is raised with emit(), or one that the product raises (sql/functions/state_events.sql).

CREATE TABLE webhooks.event (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL,
    named         boolean     NOT NULL,
    type          text        NOT NULL,
    on_table      regclass,
    object_schema text,
    object_name   text,
    fields        text[],
    condition     text,
    data          text,
    account       text,
    key           text,
    understood    text[],
    description   text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    name        NOT NULL DEFAULT pg_get_userbyid(webhooks.caller()),
    dropped_at    timestamptz,
    tells_since   timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT event_name_is_given CHECK (name <> '' AND strpos(name, '*') = 0),
    CONSTRAINT event_unnamed_is_on_table CHECK (named OR on_table IS NOT NULL),
    CONSTRAINT event_on_table_or_emitted CHECK (
        CASE WHEN on_table IS NULL
             THEN type = regexp_replace(name, '^webhook[0-9]+\.', 'webhook.') AND object_schema IS NULL AND object_name IS NULL AND condition IS NULL
                  AND data IS NULL AND account IS NULL AND key IS NULL
             ELSE type IN ('table.recordInsert', 'table.recordUpdate', 'table.recordDelete', 'table.truncate')
                  AND object_schema IS NOT NULL AND object_name IS NOT NULL END),
    -- An unnamed event is shared by all who ask for the same; what it computes would be computed for one of them.
    CONSTRAINT event_unnamed_computes_nothing CHECK (named OR data IS NULL AND account IS NULL AND key IS NULL),
    CONSTRAINT event_truncate_has_no_row CHECK (
        type <> 'table.truncate' OR condition IS NULL AND data IS NULL AND account IS NULL AND key IS NULL),
    CONSTRAINT event_fields_of_update CHECK (
        fields IS NULL OR type = 'table.recordUpdate' AND cardinality(fields) > 0)
);

CREATE UNIQUE INDEX event_name_key ON webhooks.event (name) WHERE dropped_at IS NULL;

-- Webhooks that want the same share one event, even where two sessions add it at once. Hashes, since an index entry
-- has no room for a long condition. What a condition says depends on who gives it: two that say the same are found out when
-- the second one is made.
CREATE UNIQUE INDEX event_unnamed_key ON webhooks.event
    (on_table, type, coalesce(hash_array_extended(fields, 0), 0), hashtextextended(coalesce(condition, ''), 0),
     (CASE WHEN condition IS NULL THEN '' ELSE created_by END))
    WHERE NOT named AND dropped_at IS NULL;

COMMENT ON TABLE webhooks.event IS
'What can be subscribed to. Change them with create_event, add_event and drop_event. A dropped event keeps its row, because messages that were recorded before refer to it.';
COMMENT ON COLUMN webhooks.event.named IS
'false: made by add_event, which generated the name.';
COMMENT ON COLUMN webhooks.event.type IS
'The eventType of the payload: table.recordInsert, table.recordUpdate, table.recordDelete, table.truncate, or the name of an event that is only emitted; of webhook<id>.started, .stopped and .errors webhook.started and so on.';
COMMENT ON COLUMN webhooks.event.fields IS
'The columns that an update must change one of, sorted. NULL: any column. This and the expressions are as they were given, or under the names of a later day; event_definition has those of today.';
COMMENT ON COLUMN webhooks.event.data IS
'An expression for what is sent in place of the row. It is evaluated by the function event_<id>, where today''s names stand; the same goes for account and key.';
COMMENT ON COLUMN webhooks.event.account IS
'An expression for the account that a message belongs to. NULL: to none.';
COMMENT ON COLUMN webhooks.event.key IS
'An expression for the record that messages are kept in order by. NULL: the primary key.';
COMMENT ON COLUMN webhooks.event.understood IS
'condition, data, account and key as Postgres wrote them when they were given. What it writes today is different if a column, a table or a function was renamed. Then a hash of the trigger''s clause, which tells whether somebody has made the trigger another one since.';
COMMENT ON COLUMN webhooks.event.created_by IS
'Who made it. Its condition is read, and what it computes is computed, with the privileges of this role.';
COMMENT ON COLUMN webhooks.event.dropped_at IS
'NULL while the event can be raised.';
COMMENT ON COLUMN webhooks.event.tells_since IS
'Since when its messages tell what they tell now. Those from before tell what it was about, which somebody who may have it now may not have.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.event', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.event_id_seq', '');
