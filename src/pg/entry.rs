//! Where the server enters this library: when it is loaded, and as the main functions of background workers.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;

use super::process;
use crate::{settings, worker};

static PRELOADED: AtomicBool = AtomicBool::new(false);

/// Whether the library was loaded by `shared_preload_libraries`.
pub fn is_preloaded() -> bool {
    PRELOADED.load(Relaxed)
}

/// Called by the server when it loads the library. No thread is started here.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    if process::is_preloading() {
        PRELOADED.store(true, Relaxed);
        if !process::is_binary_upgrade() {
            process::register_launcher();
        }
    }
}

/// The main function of a database's worker.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn webhooks_worker_main(database: Datum) {
    worker::main(Oid::from(database.value() as u32));
}

/// The main function of the launcher.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn webhooks_launcher_main(_argument: Datum) {
    worker::launcher::main();
}

/// Whether `CREATE EXTENSION` is running.
pub fn is_creating_extension() -> bool {
    // SAFETY: a flag of this backend.
    unsafe { pg_sys::creating_extension }
}
