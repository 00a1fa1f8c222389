//! The files of `sql/` in the order in which `CREATE EXTENSION` runs them.

use pgrx::prelude::*;

extension_sql!(
    r#"
CREATE FUNCTION webhooks.capture() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_capture';
CREATE FUNCTION webhooks.configuration_changed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'webhooks_configuration_changed';
"#,
    name = "trigger_functions",
    bootstrap
);

extension_sql_file!(
    "../sql/tables/webhook.sql",
    requires = ["trigger_functions"]
);
extension_sql_file!("../sql/tables/endpoint.sql", requires = ["webhook"]);
extension_sql_file!("../sql/tables/event.sql", requires = ["endpoint"]);
extension_sql_file!("../sql/tables/subscription.sql", requires = ["event"]);
extension_sql_file!("../sql/tables/message.sql", requires = ["subscription"]);
extension_sql_file!("../sql/tables/attempt.sql", requires = ["message"]);
extension_sql_file!("../sql/tables/delivery.sql", requires = ["attempt"]);
extension_sql_file!("../sql/tables/read_cursor.sql", requires = ["delivery"]);
extension_sql_file!("../sql/tables/tally.sql", requires = ["read_cursor"]);
extension_sql_file!(
    "../sql/tables/configuration_triggers.sql",
    requires = ["tally"]
);
