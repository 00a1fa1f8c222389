//! Waking the worker when a transaction that has something for it commits.
//!
//! There is no shared memory of ours, so that this works the same without `shared_preload_libraries`: the worker is
//! found among the server's processes by its type and woken through the latch every process has.

use std::cell::Cell;
use std::ffi::{c_void, CStr};
use std::time::Duration;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::{lock, process, versions};

thread_local! {
    static PENDING: Cell<bool> = const { Cell::new(false) };
    static START: Cell<bool> = const { Cell::new(false) };
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    /// The worker found last and its process id: tried first, so that a commit costs a comparison and no search.
    static LAST: Cell<(*mut pg_sys::PGPROC, i32)> = const { Cell::new((std::ptr::null_mut(), 0)) };
}

/// The worker of this database is woken once, if and when the current transaction commits.
pub fn at_commit() {
    PENDING.set(true);
    listen();
}

/// A worker for this database is started if and when the current transaction commits.
pub fn start_worker_at_commit() {
    START.set(true);
    listen();
}

fn listen() {
    if !LISTENING.replace(true) {
        // SAFETY: registered once per backend; the function is of the type that is asked for.
        unsafe { pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut()) };
    }
}

#[pg_guard]
extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    match event {
        XACT_EVENT_COMMIT => {
            if PENDING.replace(false) {
                wake();
            }
            if START.replace(false) {
                // Also where one is seen: it may have looked for the extension too early and be on its way out.
                // Nothing can be reported to the user any more; status() tells when there is no worker.
                process::start_worker(process::database());
            }
        }
        XACT_EVENT_ABORT | XACT_EVENT_PREPARE => {
            PENDING.set(false);
            START.set(false);
        }
        _ => {}
    }
}

/// Wakes the worker of this database now, if there is one.
fn wake() {
    let (process, pid) = LAST.get();
    // SAFETY: `process` came from the server's process array, which is never moved or freed.
    if !process.is_null() && unsafe { is_in_this_database(process, pid) } {
        // SAFETY: as above; setting the latch of a process that is gone does nothing.
        unsafe { pg_sys::SetLatch(&mut (*process).procLatch) };
        return;
    }
    // Where there are several, all but one are about to leave, and which one it is takes long to ask.
    let found: Vec<_> = workers().collect();
    for &(process, _) in &found {
        // SAFETY: as above.
        unsafe { pg_sys::SetLatch(&mut (*process).procLatch) };
    }
    if let [only] = found[..] {
        LAST.set(only);
    }
}

/// The process id of this database's worker, if one runs: of that which is here to stay, not of one that waits to see
/// whether it is needed.
pub fn worker_pid() -> Option<i32> {
    let holder = lock::holder()?;
    workers().map(|(_, pid)| pid).find(|&pid| pid == holder)
}

/// Whether a worker runs in this database, be it one that has only just been started.
pub fn has_workers() -> bool {
    workers().next().is_some()
}

/// Waits until a process that was started, or another one, is this database's worker. `None` where it leaves instead: it
/// says in the log why.
pub fn wait_for_worker(started: Option<i32>) -> Option<i32> {
    loop {
        // A process that has just been started is known to the postmaster before it is in the server's list.
        let runs = started.is_some_and(is_worker) || has_workers();
        let pid = worker_pid();
        if pid.is_some() || !runs {
            return pid;
        }
        super::wait::sleep(Duration::from_millis(5));
    }
}

/// The processes of this database that are workers of ours.
fn workers() -> impl Iterator<Item = (*mut pg_sys::PGPROC, i32)> {
    // SAFETY: ProcGlobal and its array of allProcCount processes are set up before any backend runs and stay. Fields
    // are read without a lock: a stale one costs a wake-up, which the worker's own poll makes good.
    unsafe {
        let all = pg_sys::ProcGlobal;
        (0..(*all).allProcCount as usize)
            .map(move |i| (*all).allProcs.add(i))
            .map(|process| (process, (*process).pid))
            .filter(|&(process, pid)| {
                is_in_this_database(process, pid)
                    && versions::may_be_worker(process)
                    && is_worker(pid)
            })
    }
}

unsafe fn is_in_this_database(process: *mut pg_sys::PGPROC, pid: i32) -> bool {
    // SAFETY: the caller's pointer is into the process array.
    unsafe { pid != 0 && (*process).pid == pid && (*process).databaseId == pg_sys::MyDatabaseId }
}

fn is_worker(pid: i32) -> bool {
    // SAFETY: returns null or a C string that stays until the next call.
    unsafe {
        let kind = pg_sys::GetBackgroundWorkerTypeByPid(pid);
        !kind.is_null() && CStr::from_ptr(kind) == process::WORKER_TYPE
    }
}
