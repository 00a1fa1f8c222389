-- A sales pipeline whose webhooks are ClinchPad's: all of its 33 activities with their fields, each with the user who did it,
-- the lead, its stage and its pipe.
--
--     psql -d sales -c 'CREATE EXTENSION webhooks'
--     psql -d sales -v url=https://example.com/hooks -v handshake_key=gfhkd1asfsa -f examples/clinchpad.sql
--
-- Needs a superuser or the owner of the extension. Everything but webhooks and events lives in the schema "clinchpad".

\set ON_ERROR_STOP on
\if :{?url}
\else
    \set url https://example.com/hooks
\endif
-- Optional, as there: bodies have a handshake_key only where the webhook has one.
\if :{?handshake_key}
\else
    \set handshake_key ''
\endif

BEGIN;
CREATE SCHEMA clinchpad;


-- The tables.

CREATE FUNCTION clinchpad.new_id() RETURNS text LANGUAGE sql VOLATILE
    RETURN left(replace(gen_random_uuid()::text, '-', ''), 24);

CREATE TABLE clinchpad.users  (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL, photo_url text);
CREATE TABLE clinchpad.pipes  (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL);
CREATE TABLE clinchpad.stages (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL,
                               pipe_id text NOT NULL REFERENCES clinchpad.pipes);

CREATE TABLE clinchpad.leads (
    id          text PRIMARY KEY DEFAULT clinchpad.new_id(),
    name        text NOT NULL,
    stage_id    text NOT NULL REFERENCES clinchpad.stages,
    assigned_to text REFERENCES clinchpad.users,
    size        numeric,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'won', 'lost')),
    archived    boolean NOT NULL DEFAULT false          -- leads are archived, never deleted
);

CREATE TABLE clinchpad.todos (
    id      text PRIMARY KEY DEFAULT clinchpad.new_id(),
    lead_id text NOT NULL REFERENCES clinchpad.leads,
    name    text NOT NULL,
    type    text NOT NULL DEFAULT 'Call',
    date    date,
    time    time,
    done    boolean NOT NULL DEFAULT false
);

CREATE TABLE clinchpad.notes (
    id      text PRIMARY KEY DEFAULT clinchpad.new_id(),
    lead_id text NOT NULL REFERENCES clinchpad.leads,
    content text NOT NULL
);

CREATE TABLE clinchpad.attachments (
    id       text PRIMARY KEY DEFAULT clinchpad.new_id(),
    lead_id  text NOT NULL REFERENCES clinchpad.leads,
    filename text NOT NULL,
    url      text NOT NULL
);

-- Fields of a user's own.
CREATE TABLE clinchpad.records (
    id      text PRIMARY KEY DEFAULT clinchpad.new_id(),
    lead_id text NOT NULL REFERENCES clinchpad.leads,
    name    text NOT NULL,
    value   text
);

CREATE TABLE clinchpad.emails (
    id      text PRIMARY KEY DEFAULT clinchpad.new_id(),
    lead_id text NOT NULL REFERENCES clinchpad.leads,
    subject text NOT NULL,
    body    text
);

-- What leads share: adding one to a lead is a row in the second table, removing it is that row's end.
CREATE TABLE clinchpad.contacts (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL);
CREATE TABLE clinchpad.products (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL);
CREATE TABLE clinchpad.zones    (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL);
CREATE TABLE clinchpad.sources  (id text PRIMARY KEY DEFAULT clinchpad.new_id(), name text NOT NULL);

CREATE TABLE clinchpad.lead_contacts (lead_id text REFERENCES clinchpad.leads, contact_id text REFERENCES clinchpad.contacts,
                                      PRIMARY KEY (lead_id, contact_id));
CREATE TABLE clinchpad.lead_products (lead_id text REFERENCES clinchpad.leads, product_id text REFERENCES clinchpad.products,
                                      quantity int NOT NULL DEFAULT 1, price numeric, PRIMARY KEY (lead_id, product_id));
CREATE TABLE clinchpad.lead_zones    (lead_id text REFERENCES clinchpad.leads, zone_id text REFERENCES clinchpad.zones,
                                      PRIMARY KEY (lead_id, zone_id));
CREATE TABLE clinchpad.lead_sources  (lead_id text REFERENCES clinchpad.leads, source_id text REFERENCES clinchpad.sources,
                                      PRIMARY KEY (lead_id, source_id));


-- What every message has. Bodies after BEGIN ATOMIC are parsed now, so that they mean the same whatever the search_path of who
-- writes a row.

-- Who does it is told by the application, in the transaction that does it:
--     SET LOCAL webhooks.metadata = '{"user": {"_id": "52cf8c0acce8b4c375000001"}}';
-- NULL where it does not tell, as for mail that comes in by itself.
CREATE FUNCTION clinchpad.acting_user() RETURNS jsonb LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object('_id', u.id, 'name', u.name, 'photo_url', u.photo_url)
    FROM clinchpad.users u
    WHERE u.id = nullif(current_setting('webhooks.metadata', true), '')::jsonb #>> '{user,_id}';
END;

CREATE FUNCTION clinchpad.lead(lead_id text) RETURNS jsonb LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object('_id', l.id, 'name', l.name,
                              'stage', jsonb_build_object('_id', s.id, 'name', s.name),
                              'pipe', jsonb_build_object('_id', p.id, 'name', p.name))
    FROM clinchpad.leads l JOIN clinchpad.stages s ON s.id = l.stage_id JOIN clinchpad.pipes p ON p.id = s.pipe_id
    WHERE l.id = lead_id;
END;

-- The preset "clinchpad" puts what stands under "activity" beside the activity's _id, created_at and type. Fields that are
-- there only "if applicable" are left out where they are NULL.
CREATE FUNCTION clinchpad.message(lead_id text, fields jsonb, if_applicable jsonb) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object(
        'activity', jsonb_build_object('user', clinchpad.acting_user()) || fields || jsonb_strip_nulls(if_applicable),
        'lead', clinchpad.lead(lead_id));


-- The activities: what happens to which table, which columns must change and how, and which fields tell of it. Activities
-- that are about the same lead and in the same table arrive in their order (key).

SELECT activity AS event,
       webhooks.create_event(
           activity, type, on_table, fields, condition,
           data => format('clinchpad.message(%s.%I, jsonb_build_object(%s), jsonb_build_object(%s))',
                          CASE type WHEN 'table.recordDelete' THEN 'OLD' ELSE 'NEW' END, lead, always, if_applicable),
           key => lead)
FROM (VALUES
    ('lead:created',       'clinchpad.leads'::regclass, 'id', 'table.recordInsert', NULL::text[], NULL, '', ''),
    ('lead:moved',         'clinchpad.leads', 'id', 'table.recordUpdate', '{stage_id}', NULL,
        $$'old_stage_name', (SELECT name FROM clinchpad.stages WHERE id = OLD.stage_id),
          'new_stage_name', (SELECT name FROM clinchpad.stages WHERE id = NEW.stage_id)$$, ''),
    ('lead:name_changed',  'clinchpad.leads', 'id', 'table.recordUpdate', '{name}', NULL, $$'old_lead_name', OLD.name$$, ''),
    ('lead:won',           'clinchpad.leads', 'id', 'table.recordUpdate', '{state}', $$NEW.state = 'won'$$, '', ''),
    ('lead:lost',          'clinchpad.leads', 'id', 'table.recordUpdate', '{state}', $$NEW.state = 'lost'$$, '', ''),
    ('lead:assigned',      'clinchpad.leads', 'id', 'table.recordUpdate', '{assigned_to}', 'NEW.assigned_to IS NOT NULL',
        $$'lead_assigned_to_name', (SELECT name FROM clinchpad.users WHERE id = NEW.assigned_to)$$, ''),
    ('lead:unassigned',    'clinchpad.leads', 'id', 'table.recordUpdate', '{assigned_to}', 'NEW.assigned_to IS NULL',
        $$'old_lead_assigned_to_name', (SELECT name FROM clinchpad.users WHERE id = OLD.assigned_to)$$, ''),
    ('lead:size_changed',  'clinchpad.leads', 'id', 'table.recordUpdate', '{size}', NULL,
        $$'lead_size', NEW.size$$, $$'old_lead_size', OLD.size$$),
    ('lead:restored',      'clinchpad.leads', 'id', 'table.recordUpdate', '{archived}', 'NOT NEW.archived', '', ''),

    ('todo:created',       'clinchpad.todos', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'todo_name', NEW.name, 'todo_type', NEW.type$$, $$'todo_date', NEW.date, 'todo_time', NEW.time$$),
    ('todo:name_changed',  'clinchpad.todos', 'lead_id', 'table.recordUpdate', '{name}', NULL,
        $$'todo_name', NEW.name, 'old_todo_name', OLD.name$$, ''),
    ('todo:type_changed',  'clinchpad.todos', 'lead_id', 'table.recordUpdate', '{type}', NULL,
        $$'todo_name', NEW.name, 'todo_type', NEW.type, 'old_todo_type', OLD.type$$, ''),
    ('todo:date_changed',  'clinchpad.todos', 'lead_id', 'table.recordUpdate', '{date}', NULL,
        $$'todo_name', NEW.name, 'todo_date', NEW.date$$, $$'old_todo_date', OLD.date$$),
    ('todo:time_changed',  'clinchpad.todos', 'lead_id', 'table.recordUpdate', '{time}', NULL,
        $$'todo_name', NEW.name, 'todo_time', NEW.time$$, $$'old_todo_time', OLD.time$$),
    ('todo:done_changed',  'clinchpad.todos', 'lead_id', 'table.recordUpdate', '{done}', NULL,
        $$'todo_name', NEW.name, 'todo_done', NEW.done$$, ''),
    ('todo:deleted',       'clinchpad.todos', 'lead_id', 'table.recordDelete', NULL, NULL, $$'todo_name', OLD.name$$, ''),

    ('note:created',       'clinchpad.notes', 'lead_id', 'table.recordInsert', NULL, NULL, $$'note_content', NEW.content$$, ''),
    ('note:updated',       'clinchpad.notes', 'lead_id', 'table.recordUpdate', '{content}', NULL,
        $$'note_content', NEW.content$$, ''),
    ('note:deleted',       'clinchpad.notes', 'lead_id', 'table.recordDelete', NULL, NULL, $$'note_content', OLD.content$$, ''),

    ('attachment:created', 'clinchpad.attachments', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'attachment_filename', NEW.filename, 'attachment_url', NEW.url$$, ''),
    ('attachment:deleted', 'clinchpad.attachments', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'attachment_filename', OLD.filename$$, ''),

    ('record:created',     'clinchpad.records', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'record_name', NEW.name, 'record_value', NEW.value$$, ''),
    ('record:updated',     'clinchpad.records', 'lead_id', 'table.recordUpdate', '{value}', NULL,
        $$'record_name', NEW.name, 'record_value', NEW.value$$, $$'old_record_value', OLD.value$$),
    ('record:deleted',     'clinchpad.records', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'record_name', OLD.name, 'record_value', OLD.value$$, ''),

    ('contact:added',      'clinchpad.lead_contacts', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'contact_name', (SELECT name FROM clinchpad.contacts WHERE id = NEW.contact_id)$$, ''),
    ('contact:removed',    'clinchpad.lead_contacts', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'contact_name', (SELECT name FROM clinchpad.contacts WHERE id = OLD.contact_id)$$, ''),
    ('product:added',      'clinchpad.lead_products', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'product_name', (SELECT name FROM clinchpad.products WHERE id = NEW.product_id), 'product_quantity', NEW.quantity$$,
        $$'product_price', NEW.price$$),
    ('product:removed',    'clinchpad.lead_products', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'product_name', (SELECT name FROM clinchpad.products WHERE id = OLD.product_id), 'product_quantity', OLD.quantity$$,
        ''),
    ('zone:added',         'clinchpad.lead_zones', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'zone_name', (SELECT name FROM clinchpad.zones WHERE id = NEW.zone_id)$$, ''),
    ('zone:removed',       'clinchpad.lead_zones', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'zone_name', (SELECT name FROM clinchpad.zones WHERE id = OLD.zone_id)$$, ''),
    ('source:added',       'clinchpad.lead_sources', 'lead_id', 'table.recordInsert', NULL, NULL,
        $$'source_name', (SELECT name FROM clinchpad.sources WHERE id = NEW.source_id)$$, ''),
    ('source:removed',     'clinchpad.lead_sources', 'lead_id', 'table.recordDelete', NULL, NULL,
        $$'source_name', (SELECT name FROM clinchpad.sources WHERE id = OLD.source_id)$$, ''),

    ('email:received',     'clinchpad.emails', 'lead_id', 'table.recordInsert', NULL, NULL, $$'subject', NEW.subject$$, '')
) AS activities (activity, on_table, lead, type, fields, condition, always, if_applicable);


-- The webhook: a URL, and the handshake key.

SELECT name, secret
FROM webhooks.create_webhook('pipeline', :'url', handshake_key => nullif(:'handshake_key', ''), payload => '"clinchpad"');

-- Patterns: activities that are added later are caught, too.
SELECT webhooks.subscribe('pipeline', '{lead:*,todo:*,note:*,attachment:*,record:*,contact:*,product:*,zone:*,source:*,email:*}');

COMMIT;

-- Now try, for example:
--
-- INSERT INTO clinchpad.users VALUES ('52cf8c0acce8b4c375000001', 'Webhook Testing', 'https://example.com/photo');
-- INSERT INTO clinchpad.pipes VALUES ('52cf8c0bcce8b4c375000008', 'Default');
-- INSERT INTO clinchpad.stages VALUES ('52cf8c0bcce8b4c37500000c', 'Offer', '52cf8c0bcce8b4c375000008');
-- BEGIN;
-- SET LOCAL webhooks.metadata = '{"user": {"_id": "52cf8c0acce8b4c375000001"}}';
-- INSERT INTO clinchpad.leads VALUES ('52cfa124cce8b4d113000056', 'Webhook T', '52cf8c0bcce8b4c37500000c');
-- INSERT INTO clinchpad.notes (lead_id, content) VALUES ('52cfa124cce8b4d113000056', 'Hello world!');
-- COMMIT;
-- SELECT body FROM webhooks.preview('pipeline', 'note:created');
