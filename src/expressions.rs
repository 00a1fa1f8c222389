//! The expressions of events: how a user's text becomes a part of a trigger, or a function that capture calls.
//!
//! Each has to be one expression and nothing else. Having it parsed twice makes sure of that: first on its own, where a
//! parenthesis that closes more than was opened is a syntax error, then in parentheses, where nothing but an expression
//! fits. The line break behind it keeps a trailing comment from swallowing what follows.

use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

use crate::error;
use crate::pg::computed::tie_to_table;
use crate::pg::encoding::Utf8;
use crate::pg::expression::{catalog_text, execute, with_search_path, Around, Refused};
use crate::pg::identity::{self, Identity};
use crate::pg::managed::{self, Caller};
use crate::pg::statement::column;
use crate::pg::unspoken::Unspoken;
use crate::watched::Watched;

/// What an event can compute.
const ARGUMENTS: [&str; 3] = ["data", "account", "key"];

/// What it makes of money and with `to_char` is the same in every session. Capture sees to the settings whose variables it
/// can set for less: dates, times, digits, bytes.
const SAME_EVERYWHERE: &str = "SET lc_monetary = 'C' SET lc_numeric = 'C' SET lc_time = 'C'";

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// Has the server parse and plan a condition, as a role.
    #[pg_extern]
    fn check_condition(on_table: Oid, event_type: Utf8, condition: Utf8, role: Oid) {
        let watched = Watched::of(on_table, &event_type);
        let around = Around {
            before: "SELECT ",
            expression: &condition,
            after: &format!(
                "\nFROM ONLY {0} AS old, ONLY {0} AS new LIMIT 0",
                watched.table
            ),
        };
        reading_as(role, || {
            around
                .check()
                .unwrap_or_else(|refused| raise("condition", watched.hinted(&condition, refused)))
        });
    }

    /// Runs a command around an expression, as a role.
    #[pg_extern]
    fn run_expression(argument: Utf8, before: Utf8, expression: Utf8, after: Utf8, role: Oid) {
        let around = Around {
            before: &before,
            expression: &expression,
            after: &after,
        };
        reading_as(role, || match around.run() {
            Ok(()) => {}
            // Whether the command is allowed has nothing to do with the expression.
            Err(refused) if refused.code == PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE => {
                error::raise_again(refused.code, refused.message, refused.detail, refused.hint)
            }
            Err(refused) => raise(&argument, refused),
        });
    }

    /// The relation that a name stands for, where the caller looks for it. NULL if there is none.
    #[pg_extern]
    fn relation_named(name: Option<Utf8>) -> Option<Oid> {
        let name = name?;
        let found = reading_as(managed::caller(), || {
            Spi::get_one_with_args::<Oid>(
                "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid",
                &[name.into()],
            )
        });
        found.unwrap_or_else(|error| panic!("to_regclass: {error}"))
    }

    /// Makes the function of an event that computes something, which belongs to the role. See [`crate::pg::computed`].
    #[pg_extern]
    fn make_event_function(
        event_id: i64,
        on_table: Oid,
        event_type: Utf8,
        data: Option<Utf8>,
        account: Option<Utf8>,
        key: Option<Utf8>,
        role: Oid,
    ) {
        let path = named(&Caller::current().path);
        let watched = Watched::of(on_table, &event_type);
        let expressions = [data.as_deref(), account.as_deref(), key.as_deref()];
        reading_as(role, || {
            let may_read = Spi::get_one_with_args::<bool>(
                "SELECT pg_catalog.has_table_privilege($1, 'SELECT')",
                &[on_table.into()],
            ) == Ok(Some(true));
            for (argument, expression) in ARGUMENTS.into_iter().zip(expressions) {
                // Who has lost the table since still has the event: what it computes was checked when it was made.
                if let Some(expression) = expression.filter(|_| may_read) {
                    check(argument, expression, &watched);
                }
            }
            let function = Function {
                event_id,
                watched: &watched,
                path: &path,
            };
            function.create(expressions);
        });
        let function = Spi::get_one_with_args::<Oid>(
            "SELECT p.oid FROM pg_catalog.pg_proc p
              WHERE p.pronamespace = 'webhooks'::pg_catalog.regnamespace AND p.proname = 'event_' || $1
                AND p.proowner = $2",
            &[event_id.into(), role.into()],
        );
        let function = function.ok().flatten().expect("it was made above");
        tie(function, on_table);
    }

    /// Makes functions of events go with their tables where they do not, as in a restored dump.
    #[pg_extern]
    fn tie_event_functions() {
        let untied = "
            SELECT p.oid, c.oid
              FROM webhooks.event e
              JOIN pg_catalog.pg_class c ON c.oid = e.on_table
              JOIN pg_catalog.pg_proc p ON p.pronamespace = 'webhooks'::pg_catalog.regnamespace AND p.proname = 'event_' || e.id
             WHERE e.dropped_at IS NULL
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
                                  AND d.refobjsubid = 0 AND d.deptype = 'a')";
        let pairs: Vec<(Oid, Oid)> = Spi::connect(|client| {
            let rows = client
                .select(untied, None, &[])
                .unwrap_or_else(|error| panic!("{untied}: {error}"));
            rows.map(|row| (column(&row, 1), column(&row, 2))).collect()
        });
        for (function, table) in pairs {
            tie(function, table);
        }
    }

    /// Drops the function of an event, if it has one and no trigger needs it.
    #[pg_extern]
    fn drop_event_function(event_id: i64) {
        let signature = Spi::get_one_with_args::<Utf8>(
            "SELECT pg_catalog.format('webhooks.%I(%s)', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
               FROM pg_catalog.pg_proc p
              WHERE p.pronamespace = 'webhooks'::pg_catalog.regnamespace AND p.proname = 'event_' || $1",
            &[event_id.into()],
        );
        if let Some(signature) = signature.ok().flatten() {
            // Code of the maker's may have put an aggregate in its place.
            as_schema_owner(&format!("DROP ROUTINE {}", signature.0));
        }
    }
}

/// See [`tie_to_table`]. A body, as the server has written it, only takes rows where nothing else than parameters, and whole
/// rows of tables, is of their type: what has that number elsewhere may be a value of it.
fn tie(function: Oid, table: Oid) {
    let only_takes = Spi::get_one_with_args::<bool>(
        "SELECT pg_catalog.replace(pg_catalog.replace(p.prosqlbody::pg_catalog.text,
                    ':paramtype ' || c.reltype || ' ', ''), ':vartype ' || c.reltype || ' ', '')
                !~ ('[^0-9]' || c.reltype || '[^0-9]')
           FROM pg_catalog.pg_proc p, pg_catalog.pg_class c WHERE p.oid = $1 AND c.oid = $2",
        &[function.into(), table.into()],
    );
    tie_to_table(function, table, only_takes == Ok(Some(true)));
}

/// Raises what the server says against an expression as an error about the argument.
fn raise(argument: &str, refused: Refused) -> ! {
    // A lock that could not be had, or a timeout, is not the expression's fault.
    if !matches!(&class(refused.code), b"0A" | b"22" | b"42") {
        error::raise_again(refused.code, refused.message, refused.detail, refused.hint);
    }
    let hint = match (refused.hint, refused.code) {
        (Some(hint), _) => hint,
        (None, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE) if argument == "condition" => {
            "Who makes the event needs it, and who changes rows does too: the trigger judges them."
                .to_owned()
        }
        (None, PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE) => {
            "It is evaluated with the privileges of the event's maker, who needs them.".to_owned()
        }
        (None, PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED) if argument == "condition" => {
            "A condition is judged on the row alone: put queries into a function and call that."
                .to_owned()
        }
        (None, PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION) => {
            "An insert has only NEW and a delete only OLD; an update has both.".to_owned()
        }
        (None, _) => example(argument).to_owned(),
    };
    let place = refused
        .place
        .map_or(String::new(), |place| format!(" at character {place}"));
    error::raise_again(
        refused.code,
        format!(
            "invalid argument \"{argument}\": {}{place}",
            refused.message
        ),
        refused.detail,
        Some(hint),
    )
}

/// The first two characters of an SQLSTATE, which the server keeps as digits of six bits each, from the lowest.
fn class(code: PgSqlErrorCode) -> [u8; 2] {
    let digit = |n: u32| ((code as u32 >> (6 * n)) & 0x3f) as u8 + b'0';
    [digit(0), digit(1)]
}

fn example(argument: &str) -> &'static str {
    match argument {
        "condition" => "Give one SQL expression over OLD and NEW that is true or false, such as NEW.total > 100.",
        "change" => {
            "Give what stands behind ALTER TABLE and the table's name, such as ALTER total TYPE numeric(12,2)."
        }
        "data" => {
            "Give one SQL expression over OLD and NEW (an insert has only NEW, a delete only OLD) that gives a JSON object, \
             such as jsonb_build_object('id', NEW.id)."
        }
        _ => {
            "Give a column, or one SQL expression over OLD and NEW (an insert has only NEW, a delete only OLD), such as \
             NEW.customer_id."
        }
    }
}

fn check(argument: &str, expression: &str, watched: &Watched) {
    let Watched { table, rows, .. } = watched;
    let sources: Vec<String> = rows
        .iter()
        .map(|row| format!("ONLY {table} AS {row}"))
        .collect();
    let sources = sources.join(", ");
    let ask = |before: &str, after: &str| {
        let around = Around {
            before,
            expression,
            after,
        };
        around
            .check()
            .unwrap_or_else(|refused| raise(argument, watched.hinted(expression, refused)))
    };
    let found = ask("SELECT ", &format!("\nFROM {sources} LIMIT 0"));
    // Within WHERE neither an aggregate nor a set has a place.
    ask(
        &format!("SELECT 1 FROM {sources} WHERE CAST(("),
        "\n) AS pg_catalog.text) IS NULL LIMIT 0",
    );
    if argument == "data" && found != pg_sys::JSONOID && found != pg_sys::JSONBOID {
        let name = catalog_text("SELECT format_type($1, NULL)", &[found.into()]);
        error::raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("invalid argument \"data\": it is of type {name}, not json or jsonb"),
            example(argument),
        );
    }
}

struct Function<'a> {
    event_id: i64,
    watched: &'a Watched,
    path: &'a str,
}

impl Function<'_> {
    /// Creates it as whom it is for, and then has the owner of the schema move it there, since nobody else may. Postgres
    /// runs code when it only parses an expression, such as the check of a domain for an array that is written as text, and
    /// that must not have more privileges than who gave it.
    fn create(&self, expressions: [Option<&str>; 3]) {
        let table = &self.watched.table;
        let parameters: Vec<String> = (self.watched.rows.iter())
            .map(|row| format!("{row} {table}"))
            .collect();
        let parameters = parameters.join(", ");
        let types = ["json", "text", "text"];
        let columns: Vec<String> = expressions
            .iter()
            .zip(ARGUMENTS.into_iter().zip(types))
            .map(|(expression, (name, to))| match expression {
                Some(expression) => format!("CAST(({expression}\n) AS pg_catalog.{to}) AS {name}"),
                None => format!("NULL::pg_catalog.{to} AS {name}"),
            })
            .collect();
        let name = format!("event_{}", self.event_id);
        // A name that nobody can take beforehand, to keep others from making events.
        let made_in = catalog_text(
            "SELECT format('webhooks_%s_%s', $1, left(replace(gen_random_uuid()::text, '-', ''), 16))",
            &[name.as_str().into()],
        );
        let owner = catalog_text("SELECT quote_ident(current_user)", &[]);
        as_schema_owner(&format!("CREATE SCHEMA {made_in} AUTHORIZATION {owner}"));
        let before = format!(
            "CREATE FUNCTION {made_in}.{name}({parameters}, OUT data pg_catalog.json, OUT account pg_catalog.text, OUT key pg_catalog.text) \
             LANGUAGE sql SET search_path = {} {SAME_EVERYWHERE} BEGIN ATOMIC SELECT ",
            self.path,
        );
        let around = Around {
            before: &before,
            expression: &columns.join(", "),
            after: "; END",
        };
        if let Err(refused) = around.run() {
            self.raise(&columns, expressions, refused);
        }
        as_schema_owner(&format!(
            "ALTER FUNCTION {made_in}.{name}({parameters}) SET SCHEMA webhooks"
        ));
        as_schema_owner(&format!("DROP SCHEMA {made_in}"));
        as_schema_owner(&format!(
            "REVOKE ALL ON FUNCTION webhooks.{name}({parameters}) FROM PUBLIC"
        ));
        as_schema_owner(&format!(
            "COMMENT ON FUNCTION webhooks.{name}({parameters}) IS 'What the event with this id computes for its messages, with the privileges of this function''s owner.'"
        ));
    }

    /// A row has what a table has but for the columns of the system's and names without OLD and NEW, so that is what is left to
    /// find fault with. The place is one in all columns, which have a comma and a space between.
    fn raise(&self, columns: &[String], expressions: [Option<&str>; 3], mut refused: Refused) -> ! {
        let mut begin = "CAST((".len();
        for ((argument, expression), column) in ARGUMENTS.into_iter().zip(expressions).zip(columns)
        {
            let within = refused.place.and_then(|place| place.checked_sub(begin));
            if let (Some(expression), Some(within)) = (expression, within) {
                if (1..=expression.chars().count()).contains(&within) {
                    refused.place = Some(within);
                    raise(argument, self.watched.hinted(expression, refused));
                }
            }
            begin += column.chars().count() + ", ".len();
        }
        refused.place = None;
        let given = ARGUMENTS.iter().zip(expressions);
        let names: Vec<&str> = (given.filter(|(_, given)| given.is_some()))
            .map(|(name, _)| *name)
            .collect();
        raise(&names.join("\" or \""), refused);
    }
}

/// Reads what a user gave as the role that it is to count for, with the schemas of whoever is served, as an index's
/// expression is run: the server can run the user's code when it only reads what they gave.
fn reading_as<R>(role: Oid, work: impl FnOnce() -> R) -> R {
    let caller = Caller::current();
    if !identity::may_act_as(caller.role, role) {
        let role = catalog_text("SELECT quote_ident(pg_get_userbyid($1))", &[role.into()]);
        error::raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("the event is judged and computed with the privileges of role {role}, which you do not have"),
            "Have it done by a member of that role or a superuser, or drop the event.",
        )
    }
    with_search_path(&named(&caller.path), || {
        let _unspoken = Unspoken::enter();
        let _role = Identity::assume_restricted(role);
        work()
    })
}

/// Runs a command as the owner of the schema. What the server calls for it, such as the function of an event trigger, finds
/// nothing in the schemas of whoever is served.
fn as_schema_owner(command: &str) {
    with_search_path("pg_catalog, pg_temp", || {
        let owner = Spi::get_one("SELECT nspowner FROM pg_namespace WHERE nspname = 'webhooks'");
        let owner = owner.ok().flatten();
        let _owner = Identity::assume(owner.expect("this function is in the schema"));
        execute(command);
    });
}

/// A `search_path` of these schemas, but for those of temporary objects, which must not come before what was meant.
fn named(schemas: &[Oid]) -> String {
    catalog_text(
        "SELECT concat_ws(', ', string_agg(quote_ident(n.nspname), ', ' ORDER BY s.n), 'pg_temp')
           FROM unnest($1) WITH ORDINALITY AS s (oid, n) JOIN pg_namespace n ON n.oid = s.oid
          WHERE n.nspname !~ '^pg_temp_'",
        &[schemas.to_vec().into()],
    )
}
