//! Signals: what a worker does when it is told to end or to read its configuration again, and how its threads are kept
//! out of it.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use pgrx::pg_sys;

use super::versions;

static SHUTDOWN: AtomicBool = AtomicBool::new(false);
static INTERRUPTIBLE: AtomicBool = AtomicBool::new(false);

/// Takes SIGTERM and SIGHUP, and lets signals through. Called once, when nothing of the process has started yet.
pub fn listen() {
    // SAFETY: installs handlers that only set flags and the latch.
    unsafe {
        versions::handle_signal(pg_sys::SIGTERM as c_int, Some(terminate));
        versions::handle_signal(pg_sys::SIGHUP as c_int, Some(reload));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// SIGTERM ends the worker between two units of work, so that calls that have ended are recorded first. Inside
/// [`interruptible`] it ends the unit of work too, as it does in every backend.
extern "C-unwind" fn terminate(_signal: c_int) {
    SHUTDOWN.store(true, SeqCst);
    // SAFETY: these are the flags and the latch that the server's own handler sets; errno is put back for whomever
    // the signal interrupted.
    unsafe {
        let errno = *libc::__errno_location();
        if INTERRUPTIBLE.load(SeqCst) {
            pg_sys::InterruptPending = 1;
            pg_sys::ProcDiePending = 1;
        }
        pg_sys::SetLatch(pg_sys::MyLatch);
        *libc::__errno_location() = errno;
    }
}

/// SIGHUP: the configuration is read again at the next turn.
extern "C-unwind" fn reload(_signal: c_int) {
    // SAFETY: as in `terminate`.
    unsafe {
        let errno = *libc::__errno_location();
        pg_sys::ConfigReloadPending = 1;
        pg_sys::SetLatch(pg_sys::MyLatch);
        *libc::__errno_location() = errno;
    }
}

/// Whether the worker was told to end.
pub fn shutdown_requested() -> bool {
    SHUTDOWN.load(SeqCst)
}

/// Work that can take long: being told to end does not wait for it.
pub fn interruptible<R>(work: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INTERRUPTIBLE.store(false, SeqCst);
        }
    }
    INTERRUPTIBLE.store(true, SeqCst);
    let _leave = Leave;
    if shutdown_requested() {
        // SAFETY: as the handler does, which came too early to see that this work began.
        unsafe {
            pg_sys::InterruptPending = 1;
            pg_sys::ProcDiePending = 1;
        }
    }
    work()
}

/// Reads the configuration files again if that was asked for; true if so.
pub fn reload_configuration() -> bool {
    // SAFETY: flags of this process; the function is called outside of any transaction.
    unsafe {
        if pg_sys::ConfigReloadPending == 0 {
            return false;
        }
        pg_sys::ConfigReloadPending = 0;
        pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
    }
    true
}

/// Runs something with every signal blocked, so that threads it starts never take one: a signal handler of the
/// server's on another thread than the main one is undefined behaviour.
pub fn with_signals_blocked<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: both sets are initialised before they are read, the first by sigfillset, the second by the call.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = work();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}
