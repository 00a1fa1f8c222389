//! What SQL needs from Rust.

use pgrx::prelude::*;
use webhooks_delivery::{check_url as check, MessageId, UrlProblem};

use crate::log::{from_unix, timestamp, to_unix};
use crate::pg::encoding::{RawText, Utf8};
use crate::pg::{backend, entry, lock, managed, process, wake};
use crate::{capture, error, settings, trial};

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// A message's id on the wire: when it was recorded and its number, so that it sorts by time and stays unique when a
    /// failover hands the same numbers out again.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn message_id(at: TimestampWithTimeZone, seq: i64) -> String {
        MessageId {
            at: to_unix(at.into()),
            seq,
        }
        .to_string()
    }

    /// The number in a message's id; NULL when the text is no message id.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn message_seq_of(id: Utf8) -> Option<i64> {
        id.parse::<MessageId>().ok().map(|id| id.seq)
    }

    /// The time in a message's id; NULL when the text is no message id.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn message_at_of(id: Utf8) -> Option<TimestampWithTimeZone> {
        let at = from_unix(id.parse::<MessageId>().ok()?.at);
        TimestampWithTimeZone::try_from(at).ok()
    }

    /// Appends an emitted message to the log; the part of `webhooks.emit()` that SQL cannot do. `data` is JSON text. NULL
    /// where webhooks.capture is off.
    #[pg_extern]
    fn record_message(
        event_id: i64,
        data: Option<RawText>,
        record: Option<RawText>,
        account: Option<RawText>,
    ) -> Option<String> {
        if !settings::capture() {
            return None;
        }
        let emitted = capture::emit::Emitted {
            event_id,
            data,
            record,
            account,
        };
        match capture::emit::emitted(emitted) {
            Some(recorded) => {
                let id = MessageId {
                    at: to_unix(recorded.at),
                    seq: recorded.seq,
                };
                Some(id.to_string())
            }
            None => {
                error::raise(
                    PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                    "the extension webhooks is not installed in this database",
                    "CREATE EXTENSION webhooks;",
                );
            }
        }
    }

    /// The worker of this database, as it shows itself; no row when none runs.
    #[pg_extern]
    #[allow(clippy::type_complexity)]
    fn worker_state() -> TableIterator<
        'static,
        (
            name!(pid, i32),
            name!(started_at, TimestampWithTimeZone),
            name!(in_flight, i32),
            name!(waiting, i64),
            name!(locked_out_since, Option<TimestampWithTimeZone>),
            name!(trusts_ca_file, bool),
        ),
    > {
        let state = wake::worker_pid().and_then(|pid| {
            let shown = backend::shown_by(pid)?;
            let locked_out_since = shown.locked_out_since.map(timestamp);
            Some((
                pid,
                shown.started_at,
                shown.in_flight as i32,
                shown.waiting,
                locked_out_since,
                shown.trusts_ca_file,
            ))
        });
        TableIterator::new(state)
    }

    /// Starts this database's worker, unless one runs; gives its process id. Inside CREATE EXTENSION it is started when that
    /// commits, and the id is NULL.
    #[pg_extern]
    fn start_worker() -> Option<i32> {
        if entry::is_creating_extension() {
            wake::start_worker_at_commit();
            if !entry::is_preloaded() {
                // Not a NOTICE: CREATE EXTENSION keeps those from the user.
                warning!(
                    "the webhooks worker is started now but will not come back after a restart of the server: \
                     add webhooks to shared_preload_libraries"
                );
            }
            return None;
        }
        let pid = wake::worker_pid().or_else(|| {
            // Where somebody else has just started one, it is that one.
            let started = if wake::has_workers() {
                None
            } else {
                Some(process::start_worker_and_wait(process::database())?)
            };
            wake::wait_for_worker(started)
        });
        if pid.is_none() {
            error::raise(
                PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                "the webhooks worker could not be started",
                "Raise max_worker_processes, or look into the server's log.",
            );
        }
        pid
    }

    /// The role that called: the current user, or within a function in webhooks_plpgsql whoever called that.
    #[pg_extern(stable, parallel_restricted)]
    fn caller() -> pg_sys::Oid {
        managed::caller()
    }

    /// Waits for others that change the same part of what a table defines, and makes them wait until the transaction ends.
    #[pg_extern]
    fn lock_definitions(of_table: pg_sys::Oid, part: i32, exclusively: bool) {
        lock::until_transaction_ends(of_table, part, exclusively);
    }

    /// Calls each endpoint of a webhook with a test message and waits. See `webhooks.test_webhook`.
    #[pg_extern]
    #[allow(clippy::type_complexity)]
    fn call_to_test(
        webhook_id: i64,
    ) -> TableIterator<
        'static,
        (
            name!(url, Utf8),
            name!(status, Option<i32>),
            name!(duration_us, i64),
            name!(error, Option<String>),
            name!(response, Option<String>),
        ),
    > {
        let outcomes = trial::call(webhook_id).into_iter();
        TableIterator::new(
            outcomes.map(|o| (Utf8(o.url), o.status, o.duration_us, o.error, o.response)),
        )
    }

    /// Whether the library was loaded by shared_preload_libraries.
    #[pg_extern]
    fn is_preloaded() -> bool {
        entry::is_preloaded()
    }

    /// The version of the library that is loaded, which a preloaded one keeps until the server is restarted.
    #[pg_extern(immutable, parallel_safe)]
    fn library_version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Refuses a URL whose form or literal address the address policy does not allow. Names are judged when they are called.
    #[pg_extern]
    fn check_url(url: Option<Utf8>) {
        let Some(url) = url else {
            error::invalid_argument(
                "url",
                "it is null",
                "Give an absolute URL such as https://example.com/hooks.",
            )
        };
        if let Err(problem) = check(&url, &settings::policy()) {
            let hint = match problem {
                UrlProblem::ForbiddenAddress(_) => {
                    "Add its network to webhooks.allowed_networks, in the configuration file or with ALTER SYSTEM, and reload, \
                     if webhooks may call it."
                }
                UrlProblem::HttpNotAllowed => "Use https://, or turn webhooks.allow_http on.",
                _ => "Give an absolute URL such as https://example.com/hooks.",
            };
            error::invalid_argument("url", &problem.to_string(), hint);
        }
    }
}
