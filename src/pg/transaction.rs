//! Units of work of the worker, each a transaction of its own.

use std::ffi::CStr;
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;

/// Why a unit of work was rolled back.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// The error's message, as the server would log it.
    pub message: String,
}

/// Runs a unit of work and commits it. An error rolls it back and is returned: it must not end the worker.
pub fn run<R>(work: impl FnOnce() -> R) -> Result<R, RolledBack> {
    // SAFETY: the worker is connected and not inside a transaction; the snapshot pushed is popped before the commit,
    // or by the abort.
    let result = PgTryBuilder::new(AssertUnwindSafe(|| unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let value = work();
        pg_sys::PopActiveSnapshot();
        pg_sys::CommitTransactionCommand();
        Ok(value)
    }))
    .catch_others(|error| Err(rolled_back(&error)))
    .catch_rust_panic(|error| Err(rolled_back(&error)))
    .execute();
    // SAFETY: after an error the transaction must be aborted, whatever state it is in; statistics are reported
    // between transactions.
    unsafe {
        if result.is_err() {
            pg_sys::AbortCurrentTransaction();
        }
        pg_sys::pgstat_report_stat(false);
    }
    result
}

fn rolled_back(error: &CaughtError) -> RolledBack {
    let message = match error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
            report.message().to_owned()
        }
        CaughtError::RustPanic { ereport, .. } => ereport.message().to_owned(),
    };
    RolledBack { message }
}

/// Works under a snapshot taken now, inside a transaction.
pub fn with_fresh_snapshot<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: what is pushed is popped here, or by the abort when `work` fails.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let result = work();
        pg_sys::PopActiveSnapshot();
        result
    }
}

/// What the current transaction sees, in the text form of `pg_snapshot`. The same snapshot that read-only queries of
/// this unit of work use.
pub fn current_snapshot() -> String {
    // SAFETY: both are built-in functions of the types they are called with; the active snapshot is set by `run`.
    unsafe {
        let snapshot =
            pg_sys::OidFunctionCall0Coll(pg_sys::F_PG_CURRENT_SNAPSHOT.into(), pg_sys::InvalidOid);
        let text = pg_sys::OidOutputFunctionCall(pg_sys::F_PG_SNAPSHOT_OUT.into(), snapshot);
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

/// Makes everything that can be seen now durable. With `synchronous_commit = off` a row is visible before it is on
/// disk, and what was sent must not be undone by a crash.
pub fn flush_wal() {
    // SAFETY: positions in the log are numbers. Right behind a page's header the insert position is past the end of
    // what was written, so it is taken back to the page's start.
    unsafe {
        let position = pg_sys::GetXLogInsertRecPtr();
        let within_page = position % u64::from(pg_sys::XLOG_BLCKSZ);
        let end = if within_page <= LONG_PAGE_HEADER {
            position - within_page
        } else {
            position
        };
        pg_sys::XLogFlush(end);
    }
}

/// Size of the longer of the two headers a WAL page can have.
const LONG_PAGE_HEADER: u64 = 40;
