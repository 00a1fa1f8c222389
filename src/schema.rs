//! The files of `sql/` in the order in which `CREATE EXTENSION` runs them. They are ASCII: a database may be in any encoding.

use pgrx::prelude::*;

extension_sql!(
    r#"
CREATE SCHEMA webhooks;
COMMENT ON SCHEMA webhooks IS 'Webhooks: row changes arrive as signed HTTP calls. \df+ webhooks.* reads like a manual.';

CREATE FUNCTION webhooks.capture() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_capture';
COMMENT ON FUNCTION webhooks.capture() IS
'The trigger function of every event on a table: records the row''s change. add_event and create_event make its triggers.';

CREATE FUNCTION webhooks.configuration_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_configuration_changed';
COMMENT ON FUNCTION webhooks.configuration_changed() IS
'The trigger function of the configuration tables: tells every session and the worker that they changed.';

CREATE FUNCTION webhooks.call_plpgsql() RETURNS language_handler LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_plpgsql';
COMMENT ON FUNCTION webhooks.call_plpgsql() IS
'The handler of the language webhooks_plpgsql.';

CREATE LANGUAGE webhooks_plpgsql HANDLER webhooks.call_plpgsql VALIDATOR pg_catalog.plpgsql_validator;
COMMENT ON LANGUAGE webhooks_plpgsql IS
'PL/pgSQL with the privileges of the function''s owner, as SECURITY DEFINER has them, where webhooks.caller() still tells who called.';
"#,
    name = "trigger_functions",
    bootstrap
);

extension_sql!(
    r#"
CREATE FUNCTION webhooks.deliveries_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_deliveries_changed';
COMMENT ON FUNCTION webhooks.deliveries_changed() IS
'The trigger function of mending: tells the worker that somebody has changed deliveries.';
"#,
    name = "mending_trigger_function",
    requires = ["trigger_functions"]
);

extension_sql!(
    r#"
CREATE FUNCTION webhooks.message_bytes(data json, old json, metadata json) RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'webhooks_message_bytes';
COMMENT ON FUNCTION webhooks.message_bytes(json, json, json) IS
'For the worker: how many bytes a message''s values take in memory. Reads none of those that are stored apart.';
"#,
    name = "message_bytes",
    requires = ["mending_trigger_function"]
);

extension_sql_file!(
    "../sql/tables/webhook.sql",
    requires = ["trigger_functions", caller]
);
extension_sql_file!("../sql/tables/secret.sql", requires = ["webhook"]);
extension_sql_file!("../sql/tables/header.sql", requires = ["secret"]);
extension_sql_file!("../sql/tables/endpoint.sql", requires = ["header"]);
extension_sql_file!("../sql/tables/event.sql", requires = ["endpoint"]);
extension_sql_file!("../sql/tables/subscription.sql", requires = ["event"]);
extension_sql_file!(
    "../sql/tables/subscription_pattern.sql",
    requires = ["subscription"]
);
extension_sql_file!(
    "../sql/tables/origin.sql",
    requires = ["subscription_pattern"]
);
extension_sql_file!("../sql/tables/message.sql", requires = ["origin"]);
extension_sql_file!("../sql/tables/attempt.sql", requires = ["message"]);
extension_sql_file!("../sql/tables/delivery.sql", requires = ["attempt"]);
extension_sql_file!(
    "../sql/tables/mending.sql",
    requires = ["delivery", "message_bytes"]
);
extension_sql_file!("../sql/tables/mail.sql", requires = ["mending"]);
extension_sql_file!("../sql/tables/read_cursor.sql", requires = ["mail"]);
extension_sql_file!("../sql/tables/tally.sql", requires = ["read_cursor"]);
extension_sql_file!(
    "../sql/tables/configuration_change.sql",
    requires = ["tally"]
);
extension_sql_file!(
    "../sql/functions/ownership.sql",
    requires = ["configuration_change", caller]
);
extension_sql_file!(
    "../sql/functions/argument_checks.sql",
    requires = [
        "ownership",
        message_id,
        message_seq_of,
        message_at_of,
        record_message,
        worker_state,
        start_worker,
        is_preloaded,
        library_version,
        check_url,
        check_signature,
        generate_secret,
        check_secret,
        public_key_of,
        check_headers,
        payload_columns,
        preview_call,
        call_to_test,
        lock_definitions,
        check_condition,
        run_expression,
        relation_named,
        make_event_function,
        drop_event_function,
        tie_event_functions,
        event_when,
        triggers_alike,
        event_expressions
    ]
);
extension_sql_file!(
    "../sql/functions/library_comments.sql",
    requires = ["argument_checks"]
);
extension_sql_file!(
    "../sql/functions/state_events.sql",
    requires = ["library_comments"]
);
extension_sql_file!(
    "../sql/functions/partitions.sql",
    requires = ["state_events"]
);
extension_sql_file!("../sql/views/read_position.sql", requires = ["partitions"]);
extension_sql_file!(
    "../sql/views/pending_delivery.sql",
    requires = ["read_position"]
);
extension_sql_file!(
    "../sql/functions/pending_rows.sql",
    requires = ["pending_delivery"]
);
extension_sql_file!(
    "../sql/functions/tally_sums.sql",
    requires = ["pending_rows"]
);
extension_sql_file!(
    "../sql/functions/expired_messages.sql",
    requires = ["tally_sums"]
);
extension_sql_file!(
    "../sql/functions/expiry.sql",
    requires = ["expired_messages"]
);
extension_sql_file!("../sql/functions/payload_checks.sql", requires = ["expiry"]);
extension_sql_file!(
    "../sql/functions/webhook_checks.sql",
    requires = ["payload_checks"]
);
extension_sql_file!(
    "../sql/functions/secrets.sql",
    requires = ["webhook_checks"]
);
extension_sql_file!("../sql/functions/headers.sql", requires = ["secrets"]);
extension_sql_file!("../sql/functions/test_webhook.sql", requires = ["headers"]);
extension_sql_file!(
    "../sql/functions/webhook_definition.sql",
    requires = ["test_webhook"]
);
extension_sql_file!(
    "../sql/functions/webhook_state.sql",
    requires = ["webhook_definition"]
);
extension_sql_file!(
    "../sql/functions/event_names.sql",
    requires = ["webhook_state"]
);
extension_sql_file!(
    "../sql/functions/event_patterns.sql",
    requires = ["event_names"]
);
extension_sql_file!(
    "../sql/functions/watched_table.sql",
    requires = ["event_patterns"]
);
extension_sql_file!(
    "../sql/functions/event_expression.sql",
    requires = ["watched_table"]
);
extension_sql_file!(
    "../sql/functions/event_trigger.sql",
    requires = ["event_expression"]
);
extension_sql_file!(
    "../sql/functions/event_today.sql",
    requires = ["event_trigger"]
);
extension_sql_file!("../sql/views/event_problem.sql", requires = ["event_today"]);
extension_sql_file!(
    "../sql/views/event_definition.sql",
    requires = ["event_problem"]
);
extension_sql_file!(
    "../sql/functions/event_making.sql",
    requires = ["event_definition"]
);
extension_sql_file!(
    "../sql/functions/endpoints.sql",
    requires = ["event_making"]
);
extension_sql_file!(
    "../sql/functions/endpoint_state.sql",
    requires = ["endpoints"]
);
extension_sql_file!(
    "../sql/functions/subscriptions.sql",
    requires = ["endpoint_state"]
);
extension_sql_file!("../sql/functions/events.sql", requires = ["subscriptions"]);
extension_sql_file!("../sql/functions/alter_table.sql", requires = ["events"]);
extension_sql_file!(
    "../sql/functions/event_document.sql",
    requires = ["alter_table"]
);
extension_sql_file!(
    "../sql/functions/webhook_document.sql",
    requires = ["event_document"]
);
extension_sql_file!(
    "../sql/functions/document_checks.sql",
    requires = ["webhook_document"]
);
extension_sql_file!(
    "../sql/functions/save_webhook.sql",
    requires = ["document_checks"]
);
extension_sql_file!(
    "../sql/functions/config_difference.sql",
    requires = ["save_webhook"]
);
extension_sql_file!(
    "../sql/functions/config.sql",
    requires = ["config_difference"]
);
extension_sql_file!("../sql/functions/emit.sql", requires = ["config"]);
extension_sql_file!("../sql/functions/preview.sql", requires = ["emit"]);
extension_sql_file!(
    "../sql/functions/logged_message.sql",
    requires = ["preview"]
);
extension_sql_file!(
    "../sql/functions/send_again.sql",
    requires = ["logged_message"]
);
extension_sql_file!("../sql/functions/cancel.sql", requires = ["send_again"]);
extension_sql_file!("../sql/views/attempt_log.sql", requires = ["cancel"]);
extension_sql_file!(
    "../sql/views/failed_delivery.sql",
    requires = ["attempt_log"]
);
extension_sql_file!(
    "../sql/views/webhook_stats.sql",
    requires = ["failed_delivery"]
);
extension_sql_file!("../sql/views/traffic.sql", requires = ["webhook_stats"]);
extension_sql_file!("../sql/views/endpoint_stats.sql", requires = ["traffic"]);
extension_sql_file!(
    "../sql/views/event_stats.sql",
    requires = ["endpoint_stats"]
);
extension_sql_file!("../sql/functions/adopt.sql", requires = ["event_stats"]);
extension_sql_file!("../sql/functions/send_mail.sql", requires = ["adopt"]);
extension_sql_file!("../sql/functions/status.sql", requires = ["send_mail"]);
extension_sql_file!(
    "../sql/functions/explain_message.sql",
    requires = ["status"]
);
extension_sql_file!(
    "../sql/functions/privileges.sql",
    requires = ["explain_message"]
);
extension_sql_file!("../sql/first_partitions.sql", requires = ["privileges"]);
extension_sql_file!("../sql/grants.sql", requires = ["first_partitions"]);
extension_sql!(
    "SELECT webhooks.start_worker();",
    name = "worker",
    requires = ["grants"],
    finalize
);
