//! The worker's one place to wait: for its latch, for the sender threads, for a time, for the postmaster's end. And a
//! session's, for a test call.

use std::os::fd::AsRawFd;
use std::time::Duration;

use pgrx::pg_sys;

use super::versions;

/// What the worker waits on.
pub struct WaitSet(*mut pg_sys::WaitEventSet);

impl WaitSet {
    /// Waits on the process's latch and on a descriptor becoming readable; the process exits with its postmaster.
    pub fn new(readable: &impl AsRawFd) -> Self {
        // SAFETY: the set lives as long as the process; the descriptor is kept open by the
        // caller for as long.
        unsafe {
            let set = versions::wait_event_set(3);
            let none = std::ptr::null_mut();
            let no_socket = -1;
            pg_sys::AddWaitEventToSet(set, pg_sys::WL_LATCH_SET, no_socket, pg_sys::MyLatch, none);
            pg_sys::AddWaitEventToSet(
                set,
                pg_sys::WL_EXIT_ON_PM_DEATH,
                no_socket,
                std::ptr::null_mut(),
                none,
            );
            let descriptor = readable.as_raw_fd();
            pg_sys::AddWaitEventToSet(
                set,
                pg_sys::WL_SOCKET_READABLE,
                descriptor,
                std::ptr::null_mut(),
                none,
            );
            Self(set)
        }
    }

    /// Sleeps until something happens or the time is over; `deaf` leaves the descriptor out of it.
    pub fn wait(&self, at_most: Duration, deaf: bool) {
        // SAFETY: reads the state of this process.
        let in_transaction = unsafe { pg_sys::IsTransactionState() };
        // While calls are open nothing may be held that could keep a VACUUM or anyone else waiting.
        assert!(
            !in_transaction,
            "the worker would sleep inside a transaction"
        );
        if deaf {
            return sleep(at_most);
        }
        let mut event = pg_sys::WaitEvent::default();
        // SAFETY: the set is valid, there is room for the one event asked for, and the latch is this process's.
        unsafe {
            pg_sys::WaitEventSetWait(
                self.0,
                milliseconds(at_most),
                &mut event,
                1,
                pg_sys::PG_WAIT_EXTENSION,
            );
            pg_sys::ResetLatch(pg_sys::MyLatch);
        }
        pgrx::check_for_interrupts!();
    }
}

/// Waits on the process's latch alone.
pub fn sleep(at_most: Duration) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    // SAFETY: the latch is this process's.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as i32,
            milliseconds(at_most),
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    pgrx::check_for_interrupts!();
}

/// Waits, in a session, until the descriptor is readable. Whatever ends a statement ends the wait, by an error.
pub fn until_readable(readable: &impl AsRawFd) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_SOCKET_READABLE | pg_sys::WL_EXIT_ON_PM_DEATH;
    loop {
        // SAFETY: the latch is this process's, the descriptor is open as long as it is borrowed.
        let happened = unsafe {
            let happened = pg_sys::WaitLatchOrSocket(
                pg_sys::MyLatch,
                events as i32,
                readable.as_raw_fd(),
                -1,
                pg_sys::PG_WAIT_EXTENSION,
            );
            pg_sys::ResetLatch(pg_sys::MyLatch);
            happened
        };
        pgrx::check_for_interrupts!();
        if happened & pg_sys::WL_SOCKET_READABLE as i32 != 0 {
            return;
        }
    }
}

/// Rounded up: a rest of less than a millisecond must not turn into a busy loop.
fn milliseconds(time: Duration) -> std::ffi::c_long {
    time.as_nanos().div_ceil(1_000_000).min(60_000) as std::ffi::c_long
}
