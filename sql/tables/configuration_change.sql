-- Which webhooks and events somebody has changed and the worker has not read again yet. A worker that begins reads all of
-- them, so that a crash may empty it.

CREATE UNLOGGED TABLE webhooks.configuration_change (
    xid        xid8 NOT NULL,
    webhook_id bigint,
    event_id   bigint
);

-- What was read is dead, and may stay for as long as somebody has a transaction open: it is not looked at again.
CREATE INDEX configuration_change_xid_idx ON webhooks.configuration_change (xid);

COMMENT ON TABLE webhooks.configuration_change IS
'One row for each row of the configuration that was written, until the worker has read again what it belongs to. The tables'' triggers write it.';
COMMENT ON COLUMN webhooks.configuration_change.webhook_id IS
'The webhook that was changed, in its own row or in one of its endpoints, secrets, headers or subscriptions. Where this and event_id are NULL, anything may have.';

-- A change is noted in its transaction, and so counts when that commits. Who makes one also tells every session that
-- holds a copy, and the worker.

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.webhook
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.webhook
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('webhook_id', 'id');

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.secret
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.secret
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('webhook_id', 'webhook_id');

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.header
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.header
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('webhook_id', 'webhook_id');

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.endpoint
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.endpoint
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('webhook_id', 'webhook_id');

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.event
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.event
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('event_id', 'id');

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.subscription
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
CREATE TRIGGER configuration_noted AFTER INSERT OR UPDATE OR DELETE ON webhooks.subscription
    FOR EACH ROW EXECUTE FUNCTION webhooks.configuration_changed('webhook_id', 'webhook_id');

-- Whether this is a copy is looked at after every change.

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.origin
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.home
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
