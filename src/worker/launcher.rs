//! The launcher: where the library is preloaded, it sees to it that each database with the extension has a worker.
//!
//! A worker that finds no extension ends for good, and `CREATE EXTENSION` starts one; so each database need be tried
//! only once, when the server starts or the database appears. Workers that fail are started again by the postmaster.

use std::collections::HashSet;
use std::time::Duration;

use pgrx::prelude::*;

use crate::pg::{interrupt, process, transaction, wait};

const INTERVAL: Duration = Duration::from_secs(5);

/// The launcher's main function.
pub fn main() -> ! {
    interrupt::listen();
    process::connect(None);
    let mut known = HashSet::new();
    let mut told = false;
    while !interrupt::shutdown_requested() {
        interrupt::reload_configuration();
        match transaction::run(process::databases) {
            Ok(databases) => {
                let databases: HashSet<_> = databases.into_iter().collect();
                known.retain(|database| databases.contains(database));
                for database in databases {
                    if !known.contains(&database) && process::start_worker(database) {
                        known.insert(database);
                    } else if !known.contains(&database) && !told {
                        told = true;
                        warning!("webhooks: not every database has a worker yet; raise max_worker_processes");
                    }
                }
            }
            Err(error) => warning!(
                "webhooks: the databases could not be listed: {}",
                error.message
            ),
        }
        wait::sleep(INTERVAL);
    }
    process::exit(1)
}
