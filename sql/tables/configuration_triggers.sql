-- Who changes the configuration, also by hand, tells every session that holds a copy of it, and the worker.

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.webhook
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.secret
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.header
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.endpoint
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.event
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.subscription
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.origin
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON webhooks.home
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks.configuration_changed();
