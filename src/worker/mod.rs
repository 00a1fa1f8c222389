//! The background worker: reads the log, hands deliveries to the lanes, records what came of them.
//!
//! The main thread is the only one that knows Postgres. Calls are made by the sender threads of [`Pool`], which take
//! their work from the lanes themselves, so that no call waits for a turn of this loop, and no transaction, snapshot or
//! lock is held while one is open.

pub mod authorities;
mod backlog;
pub mod configuration;
mod deliveries;
mod feed;
mod health;
mod housekeeping;
pub mod launcher;
mod locks;
mod mail;
mod mending;
mod outcomes;
mod recording;
mod session;
mod tally;
mod troubles;

use std::collections::HashSet;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use webhooks_delivery::{Authorities, Finished, Pool, Verdict};

pub use self::configuration::Configuration;
use self::deliveries::Deliveries;
use self::feed::Feed;
use self::housekeeping::Housekeeping;
use self::mail::Post;
use self::mending::Mending;
use self::recording::Recording;
use crate::log::cursor::Position;
use crate::log::messages::Messages;
use crate::log::reader::Reader;
use crate::pg::transaction::{self, RolledBack};
use crate::pg::wait::WaitSet;
use crate::pg::{backend, catalog, interrupt, process};
use crate::settings;

/// How often the worker looks for what nothing tells it of: COMMIT PREPARED, a database that someone wants to drop.
const SAFETY_POLL: Duration = Duration::from_millis(250);
/// How long after an error the next try waits.
const AFTER_ERROR: Duration = Duration::from_millis(500);
/// How long calls that are open may still end when the worker is told to.
const LAST_CALLS: Duration = Duration::from_millis(200);

/// The state of a worker. See the module's documentation.
struct Worker {
    extension: pg_sys::Oid,
    pool: Pool,
    authorities: Authorities,
    sender_events: UnixStream,
    wait_set: WaitSet,
    configuration: Configuration,
    reader: Reader,
    position: Position,
    messages: Messages,
    deliveries: Deliveries,
    mending: Mending,
    feed: Feed,
    recording: Recording,
    housekeeping: Housekeeping,
    post: Post,
    enabled: bool,
    /// Endpoints that the newest configuration pauses: what is in memory for them is to make room.
    paused: HashSet<i64>,
    next_poll: Instant,
}

/// The worker's main function; the argument is the database's OID.
pub fn main(database: pg_sys::Oid) -> ! {
    let Some(mut worker) = session::begin(database) else {
        process::exit(0)
    };
    let mut last_error: Option<String> = None;
    while !interrupt::shutdown_requested() {
        let sleep = match worker.turn() {
            Ok(sleep) => {
                last_error = None;
                sleep
            }
            Err(error) => {
                worker.leave_if_uninstalled();
                // The same trouble is told once, not at every try.
                if last_error.as_ref() != Some(&error.message) {
                    warning!(
                        "webhooks: a unit of work was rolled back and will be tried again: {}",
                        error.message
                    );
                    last_error = Some(error.message);
                }
                AFTER_ERROR
            }
        };
        worker.sleep(sleep, last_error.is_some());
    }
    worker.end()
}

impl Worker {
    /// One round of everything there is to do; returns how long there is nothing more.
    fn turn(&mut self) -> Result<Duration, RolledBack> {
        self.apply_settings();
        self.collect();
        self.poll()?;
        // Somebody may hold a lock on a table, such as an open DROP EXTENSION. Messages go on meanwhile, until what is not
        // written is too much to keep.
        let recorded = self.record_if_due();
        if recorded.is_err() && self.recording.is_too_much() {
            return recorded.map(|()| Duration::ZERO);
        }
        self.feed()?;
        self.resume()?;
        recorded?;
        self.overflow_clogged_lanes()?;
        self.collect();
        self.record_if_due()?;
        self.tidy();
        Ok(self.time_until_due())
    }

    /// Ends the worker where its database is wanted by someone or the extension is gone.
    fn poll(&mut self) -> Result<(), RolledBack> {
        if Instant::now() < self.next_poll {
            return Ok(());
        }
        let (extension, wanted) =
            transaction::run(|| (catalog::extension(), process::database_is_wanted()))?;
        if extension.is_none() {
            log!("webhooks: the extension was dropped, the worker ends");
            process::exit(0);
        }
        if extension != Some(self.extension) {
            log!("webhooks: the extension was made anew, the worker starts again");
            process::exit(1);
        }
        if wanted {
            log!("webhooks: the worker leaves the database to whoever waits for it");
            process::exit(1);
        }
        self.next_poll = Instant::now() + SAFETY_POLL;
        Ok(())
    }

    /// After an error: where the extension is gone, that was why.
    fn leave_if_uninstalled(&mut self) {
        self.next_poll = Instant::now();
        // An error here is told by the next turn.
        let _ = self.poll();
    }

    /// Follows the settings, and what the configuration says about whether anything may be sent.
    fn apply_settings(&mut self) {
        let reloaded = interrupt::reload_configuration();
        let enabled = settings::enabled() && !self.configuration.is_copy;
        if !reloaded && self.enabled == enabled {
            return;
        }
        if reloaded {
            self.reload_authorities();
        }
        self.enabled = enabled;
        if !self.enabled {
            self.pool
                .scheduler(|scheduler| scheduler.set_max_in_flight(0));
            return;
        }
        let limit = settings::max_in_flight();
        let delivery = settings::delivery(self.authorities.clone());
        let threads = interrupt::with_signals_blocked(|| self.pool.reconfigure(delivery, limit));
        if let Err(error) = threads {
            warning!("webhooks: not all sender threads could be started: {error}");
        }
        self.deliveries.will_be_due(Instant::now());
    }

    /// Takes over what the sender threads have finished.
    fn collect(&mut self) {
        self.recording.finished(self.pool.finished());
    }

    fn record_if_due(&mut self) -> Result<(), RolledBack> {
        self.recording
            .position(self.reader.position(), &self.position);
        match self.recording.due() {
            Some(due) if due <= Instant::now() => self.record(),
            _ => Ok(()),
        }
    }

    /// Writes down what has happened, and only then counts it as handled.
    fn record(&mut self) -> Result<(), RolledBack> {
        let gone = self.recording.gone_endpoints();
        self.store_waiting(&gone);
        let cancelled = self.cancelled_calls();
        let locked_out = self.recording.locked_out();
        transaction::run(|| self.recording.write(&mut self.deliveries, &cancelled))?;
        let written = self.recording.written();
        if locked_out
            .iter()
            .any(|&id| !self.recording.is_locked_out(id))
        {
            // Its retries may have been due meanwhile.
            self.deliveries.will_be_due(Instant::now());
        }
        let gone = written.gone_endpoints();
        self.withdraw(&gone, |_, _| true);
        // Of one that was given another URL meanwhile nothing has failed: its rows are read back.
        for endpoint_id in gone {
            self.deliveries.overflow(endpoint_id);
        }
        if let Some(at) = written.next_due() {
            self.deliveries.will_be_due(at);
        }
        for row in &written.rows {
            match row.in_lane {
                true => self.handled(row.id()),
                false => self.done(row.id()),
            }
        }
        for (delivery, verdict) in written.finished.iter().flat_map(Finished::deliveries) {
            let id = deliveries::id_of(delivery);
            self.done(id);
            let comes_back = matches!(verdict, Verdict::Retry { .. });
            if cancelled.contains(&id) {
                self.forget_cancelled_call(delivery, comes_back);
            } else if comes_back && !written.retrying.contains(&id) {
                self.will_not_come_back(delivery);
            } else if comes_back {
                let message = &delivery.message;
                self.deliveries
                    .retry_later(id, message.event.id, message.record.clone());
            }
        }
        if let Some(position) = written.position {
            if position.to.is_none() {
                self.reader.settled();
            }
            self.position = position;
        }
        Ok(())
    }

    /// The table has this delivery: the read it came from need not wait for it.
    fn handled(&mut self, id: deliveries::Id) {
        if let Some(generation) = self.deliveries.mark_handled(id) {
            self.reader.handled(generation, id.1);
        }
    }

    /// This delivery is in memory no more, and handled.
    fn done(&mut self, id: deliveries::Id) {
        if let Some(generation) = self.deliveries.leave(id) {
            self.reader.handled(generation, id.1);
        }
    }

    fn tidy(&mut self) {
        if self.housekeeping.run_if_due() {
            self.release_lost_retries(|_| true);
        }
        self.see_to_mail();
        let (in_flight, waiting) = self
            .pool
            .scheduler(|scheduler| (scheduler.in_flight(), scheduler.waiting()));
        let locked_out_since = self.recording.locked_out_since();
        backend::show(in_flight as i64, waiting as i64, locked_out_since);
    }

    fn time_until_due(&mut self) -> Duration {
        let now = Instant::now();
        let due = [
            Some(self.next_poll),
            self.recording.due(),
            self.deliveries.next_due().filter(|_| self.enabled),
            self.next_feed(now),
            self.post.next_look().filter(|_| self.enabled),
        ];
        due.into_iter()
            .flatten()
            .min()
            .map_or(SAFETY_POLL, |at| at.saturating_duration_since(now))
    }

    /// Sleeps until there is something to do. While outcomes wait to be recorded together, further ones wake nobody.
    fn sleep(&mut self, at_most: Duration, after_error: bool) {
        if at_most.is_zero() {
            pgrx::check_for_interrupts!();
            return;
        }
        let deaf = after_error || (self.recording.has_outcomes() && !self.wants_room());
        self.wait_set.wait(at_most, deaf);
        let mut buffer = [0; 256];
        while matches!(self.sender_events.read(&mut buffer), Ok(count) if count == buffer.len()) {}
    }

    /// Lets open calls end for a moment, records what has ended and leaves. The postmaster starts the worker again
    /// unless the server stops.
    fn end(mut self) -> ! {
        self.pool
            .scheduler(|scheduler| scheduler.set_max_in_flight(0));
        let deadline = Instant::now() + LAST_CALLS;
        while self.pool.scheduler(|scheduler| scheduler.in_flight()) > 0
            && Instant::now() < deadline
        {
            self.wait_set.wait(Duration::from_millis(20), false);
        }
        self.collect();
        self.recording
            .position(self.reader.position(), &self.position);
        self.recording.hurry();
        if let Err(error) = self.record() {
            log!("webhooks: the last outcomes could not be recorded, their calls will be repeated: {}", error.message);
        }
        process::exit(1)
    }
}
