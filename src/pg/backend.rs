//! What the worker lets other sessions see of itself: numbers in the progress counters that every server process has.

use std::ffi::c_int;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::versions;

const IN_FLIGHT: c_int = 0;
const WAITING: c_int = 1;
const LOCKED_OUT_SINCE: c_int = 2;
const CA_FILE_IS_BAD: c_int = 3;

/// What a worker shows.
pub struct Shown {
    /// When it started.
    pub started_at: TimestampWithTimeZone,
    /// Calls that are open.
    pub in_flight: i64,
    /// Deliveries in memory that wait for their turn.
    pub waiting: i64,
    /// Since when something cannot be recorded because somebody holds a lock, in microseconds since the server's epoch.
    pub locked_out_since: Option<i64>,
    /// `webhooks.ca_file` could be used when it was last read, or is empty.
    pub trusts_ca_file: bool,
}

/// Shows the numbers of this process. They are no command's progress, so that the server leaves them alone.
pub fn show(in_flight: i64, waiting: i64, locked_out_since: Option<i64>) {
    // SAFETY: writes to this process's own entry, at indexes below PGSTAT_NUM_PROGRESS_PARAM.
    unsafe {
        pg_sys::pgstat_progress_update_param(IN_FLIGHT, in_flight);
        pg_sys::pgstat_progress_update_param(WAITING, waiting);
        pg_sys::pgstat_progress_update_param(LOCKED_OUT_SINCE, locked_out_since.unwrap_or(0));
    }
}

/// Shows whether the file of `webhooks.ca_file` could be used.
pub fn show_ca_file(is_trusted: bool) {
    // SAFETY: as in `show`.
    unsafe { pg_sys::pgstat_progress_update_param(CA_FILE_IS_BAD, (!is_trusted).into()) };
}

/// What the process with this id shows.
pub fn shown_by(pid: i32) -> Option<Shown> {
    // SAFETY: entries 1 to the count are valid until the local copy is renewed at the transaction's end.
    unsafe {
        (1..=pg_sys::pgstat_fetch_stat_numbackends())
            .map(|number| versions::shown_process(number))
            .filter(|entry| !entry.is_null())
            .map(|entry| &(*entry).backendStatus)
            .find(|status| status.st_procpid == pid)
            .map(|status| Shown {
                started_at: TimestampWithTimeZone::from_datum(
                    status.st_proc_start_timestamp.into(),
                    false,
                )
                .expect("a timestamp that is not null"),
                in_flight: status.st_progress_param[IN_FLIGHT as usize],
                waiting: status.st_progress_param[WAITING as usize],
                locked_out_since: Some(status.st_progress_param[LOCKED_OUT_SINCE as usize])
                    .filter(|&since| since != 0),
                trusts_ca_file: status.st_progress_param[CA_FILE_IS_BAD as usize] == 0,
            })
    }
}
