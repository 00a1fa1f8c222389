//! How a worker begins: connected, with a session of its own making, alone in its database.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use webhooks_delivery::Pool;

use super::authorities;
use super::configuration::Configuration;
use super::deliveries::Deliveries;
use super::mail::Post;
use super::{outcomes, Worker};
use crate::log::cursor;
use crate::log::reader::Reader;
use crate::pg::wait::{self, WaitSet};
use crate::pg::{catalog, interrupt, lock, process, transaction};
use crate::settings;

/// How long a worker that holds it may take to leave.
const PREDECESSOR_LEAVES: Duration = Duration::from_secs(5);

/// Connects to the database and takes its work over, unless there is none: then `None`.
pub fn begin(database: pg_sys::Oid) -> Option<Worker> {
    if !process::database_has_files(database) {
        return None;
    }
    interrupt::listen();
    process::connect(Some(database));
    own_settings();
    if !become_the_only_one() {
        return None;
    }
    match take_over() {
        Ok(Some(worker)) => {
            log!("webhooks: the worker is running");
            Some(worker)
        }
        Ok(None) => None,
        Err(problem) => give_up(&problem),
    }
}

fn give_up(problem: &str) -> ! {
    warning!("webhooks: the worker could not begin and will try again: {problem}");
    process::exit(1)
}

/// What the worker relies on, whatever `ALTER DATABASE` or `ALTER ROLE … SET` say: it is an application's database.
fn own_settings() {
    for (name, value) in [
        (c"role", c"none"),
        (c"search_path", c"pg_catalog"),
        (c"default_transaction_isolation", c"read committed"),
        (c"default_transaction_read_only", c"off"),
        (c"default_transaction_deferrable", c"off"),
        (c"session_replication_role", c"origin"),
        (c"row_security", c"off"),
        (c"statement_timeout", c"0"),
        (c"idle_in_transaction_session_timeout", c"0"),
        // A lock that is held for long, as by an open DROP EXTENSION, must not keep the loop from turning.
        (c"lock_timeout", c"300ms"),
        // What is lost with the server is sent again; waiting for the disk would make every receiver wait.
        (c"synchronous_commit", c"off"),
        // The statements are few and known, and the best plan for each is the same for every table size.
        (c"plan_cache_mode", c"force_generic_plan"),
        (c"enable_seqscan", c"off"),
        (c"enable_hashjoin", c"off"),
        (c"enable_mergejoin", c"off"),
        (c"jit", c"off"),
        (c"max_parallel_workers_per_gather", c"0"),
    ] {
        process::set(name, value);
    }
}

/// Takes the lock, before anything is looked at: whoever holds it may be a worker that found no extension a moment ago
/// and is about to end, and then this one must look again. `false` when another worker is there to stay.
fn become_the_only_one() -> bool {
    let deadline = Instant::now() + PREDECESSOR_LEAVES;
    loop {
        match transaction::run(lock::become_the_only_one) {
            Ok(true) => return true,
            Ok(false) if interrupt::shutdown_requested() || Instant::now() >= deadline => {
                return false
            }
            Ok(false) => wait::sleep(Duration::from_millis(50)),
            Err(error) => give_up(&error.message),
        }
    }
}

/// Everything a worker starts with, from the tables; `None` where the extension is not installed.
fn take_over() -> Result<Option<Worker>, String> {
    let extension = transaction::run(catalog::extension).map_err(|error| error.message)?;
    let Some(extension) = extension else {
        return Ok(None);
    };

    let (sender_events, wake) = UnixStream::pair().map_err(|error| error.to_string())?;
    sender_events
        .set_nonblocking(true)
        .map_err(|error| error.to_string())?;
    wake.set_nonblocking(true)
        .map_err(|error| error.to_string())?;

    let mut deliveries = Deliveries::default();
    let loaded = transaction::run(|| {
        let retries = Spi::connect(|client| deliveries.load(client));
        let configuration = Configuration::load();
        let throttled = configuration.throttled(configuration.endpoints.keys().copied());
        let calls = Spi::connect(|client| outcomes::calls_that_count(client, throttled));
        (cursor::load(), configuration, retries, calls)
    });
    let (position, configuration, retries, calls) = loaded.map_err(|error| error.message)?;

    configuration.warn_of_copy();
    let enabled = settings::enabled() && !configuration.is_copy;
    let threads = settings::max_in_flight();
    // A byte that does not fit is not needed: then the main thread has not yet read the ones before it.
    let post = Post::new(wake.try_clone().map_err(|error| error.to_string())?);
    let waker = move || drop((&wake).write(&[1]));
    let authorities = authorities::read_at_start();
    let delivery = settings::delivery(authorities.clone());
    let pool = interrupt::with_signals_blocked(|| Pool::start(delivery, threads, waker))
        .map_err(|error| format!("sender threads: {error}"))?;
    pool.scheduler(|scheduler| {
        scheduler.set_max_in_flight(if enabled { threads } else { 0 });
        scheduler.configure(configuration.endpoints.values().cloned().collect());
        for call in calls {
            scheduler.remember(call.endpoint_id, call.ended);
        }
        for retry in &retries {
            if let Some(event) = configuration.events.get(&retry.event_id) {
                scheduler.block(retry.endpoint_id, event, retry.record.as_deref());
            }
        }
    });
    for retry in retries {
        deliveries.retry_later(retry.id(), retry.event_id, retry.record);
    }
    Ok(Some(Worker {
        extension,
        pool,
        authorities,
        wait_set: WaitSet::new(&sender_events),
        sender_events,
        paused: configuration.paused.clone(),
        configuration,
        reader: Reader::new(position.clone()),
        position,
        messages: Default::default(),
        deliveries,
        mending: Default::default(),
        feed: Default::default(),
        recording: Default::default(),
        housekeeping: Default::default(),
        post,
        enabled,
        next_poll: Instant::now(),
    }))
}
