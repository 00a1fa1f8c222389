//! Waking the worker when a transaction that has something for it commits.
//!
//! There is no shared memory of ours, so that this works the same without `shared_preload_libraries`: the worker is
//! found among the server's processes by its type and woken through the latch every process has.

use std::cell::Cell;
use std::ffi::{c_void, CStr};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::process;

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
    } else if let Some((process, pid)) = find() {
        LAST.set((process, pid));
        // SAFETY: as above.
        unsafe { pg_sys::SetLatch(&mut (*process).procLatch) };
    }
}

/// The process id of this database's worker, if one runs.
pub fn worker_pid() -> Option<i32> {
    find().map(|(_, pid)| pid)
}

fn find() -> Option<(*mut pg_sys::PGPROC, i32)> {
    // SAFETY: ProcGlobal and its array of allProcCount processes are set up before any backend runs and stay. Fields
    // are read without a lock: a stale one costs a wake-up, which the worker's own poll makes good.
    unsafe {
        let all = pg_sys::ProcGlobal;
        (0..(*all).allProcCount as usize)
            .map(|i| (*all).allProcs.add(i))
            .map(|process| (process, (*process).pid))
            .find(|&(process, pid)| {
                is_in_this_database(process, pid) && (*process).isBackgroundWorker && is_worker(pid)
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
