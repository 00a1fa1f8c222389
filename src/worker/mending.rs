//! What people change about deliveries while the worker is at it: messages sent again, deliveries cancelled.
//!
//! The functions of SQL change the rows of `webhooks.delivery`, which is all there is to do where no worker runs, and leave
//! a note in `webhooks.mending`. It is announced like a change of the configuration, so that nothing is asked for where
//! nothing was changed.
//!
//! Rows that were added are read back like any others, in order, before what is newer. A cancellation is a snapshot: the
//! messages that it shows are taken out of the lanes, passed over where they have not been read yet, and not tried again
//! where a call is open.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData};
use webhooks_delivery::Delivery;

use super::deliveries::{id_of, Id};
use super::Worker;
use crate::log::snapshot::Snapshot;
use crate::log::Place;
use crate::pg::catalog;
use crate::pg::statement::{column, optional, Statement};
use crate::pg::transaction::{self, RolledBack};

/// No call is open for longer than the longest timeout, with something to spare.
const LONGEST_CALL: Duration = Duration::from_secs(2 * 3600);

/// See the module's documentation.
pub struct Mending {
    /// By endpoint.
    cancellations: HashMap<i64, Vec<Cancellation>>,
    /// Endpoints whose rows are to be read back from the beginning.
    added: HashSet<i64>,
    notes: Statement,
    take_added: Statement,
    drop_cancelled: Statement,
}

struct Cancellation {
    /// Its row.
    id: i64,
    /// Only this message: time and number.
    message: Option<(i64, i64)>,
    /// All messages that it shows.
    snapshot: Snapshot,
    /// What entered memory later was sent again after it.
    noticed: Instant,
}

impl Cancellation {
    fn covers(&self, place: &Place) -> bool {
        self.message
            .is_none_or(|message| message == (place.at, place.seq))
            && self.snapshot.shows(place.xid)
    }

    fn covers_delivery(&self, delivery: &Delivery) -> bool {
        delivery.since <= self.noticed && self.covers(&super::deliveries::place_of(delivery))
    }
}

/// What the table says.
struct Notes {
    added: Vec<i64>,
    cancellations: Vec<(i64, Cancellation)>,
}

impl Default for Mending {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::INT8ARRAYOID;
        Self {
            cancellations: HashMap::new(),
            added: HashSet::new(),
            notes: Statement::new(
                "SELECT id, endpoint_id, cancelled::text, message_seq, message_at FROM webhooks.mending ORDER BY id",
                &[],
            ),
            take_added: Statement::new(
                // One that goes with its endpoint in an open transaction is left.
                "DELETE FROM webhooks.mending
                  WHERE id IN (SELECT m.id FROM webhooks.mending m WHERE m.id = ANY ($1) FOR UPDATE SKIP LOCKED)",
                &[INT8ARRAYOID],
            ),
            drop_cancelled: Statement::new("SELECT webhooks.drop_cancelled($1)", &[INT8ARRAYOID]),
        }
    }
}

impl Mending {
    /// Whether a message that is read from the log is not to be sent there.
    pub fn cancels(&self, endpoint_id: i64, place: &Place) -> bool {
        let of_endpoint = self.cancellations.get(&endpoint_id);
        of_endpoint.is_some_and(|all| all.iter().any(|one| one.covers(place)))
    }

    /// Whether what is in memory is not to be sent.
    fn cancels_delivery(&self, delivery: &Delivery) -> bool {
        let of_endpoint = self.cancellations.get(&delivery.endpoint.id);
        of_endpoint.is_some_and(|all| all.iter().any(|one| one.covers_delivery(delivery)))
    }

    /// Reads the notes, and takes back the rows that new cancellations cover, inside a transaction.
    fn read(&self, client: &mut SpiClient<'_>) -> Notes {
        let mut notes = Notes {
            added: Vec::new(),
            cancellations: Vec::new(),
        };
        let mut taken: Vec<i64> = Vec::new();
        for row in self.notes.select(client, &[]) {
            let (id, endpoint_id) = (column(&row, 1), column(&row, 2));
            match optional::<String>(&row, 3) {
                None => {
                    taken.push(id);
                    notes.added.push(endpoint_id);
                }
                Some(snapshot) => notes
                    .cancellations
                    .push((endpoint_id, cancellation(&row, id, &snapshot))),
            }
        }
        let is_new = |(endpoint_id, one): &&(i64, Cancellation)| !self.knows(*endpoint_id, one.id);
        let new = notes.cancellations.iter().filter(is_new);
        let new: Vec<i64> = new.map(|(_, one)| one.id).collect();
        if !new.is_empty() {
            self.drop_cancelled.run(client, &[new.into()]);
        }
        if !taken.is_empty() {
            self.take_added.run(client, &[taken.into()]);
        }
        notes
    }

    fn knows(&self, endpoint_id: i64, id: i64) -> bool {
        let of_endpoint = self.cancellations.get(&endpoint_id);
        of_endpoint.is_some_and(|all| all.iter().any(|one| one.id == id))
    }

    /// Takes over what was read. Gives the endpoints with new cancellations.
    fn note(&mut self, notes: Notes) -> Vec<i64> {
        self.added.extend(notes.added);
        let there: HashSet<i64> = notes.cancellations.iter().map(|(_, one)| one.id).collect();
        self.cancellations.retain(|_, all| {
            // The reader has passed it where its row is gone, but a call may still be open.
            all.retain(|one| there.contains(&one.id) || one.noticed.elapsed() < LONGEST_CALL);
            !all.is_empty()
        });
        let mut new = Vec::new();
        for (endpoint_id, one) in notes.cancellations {
            if !self.knows(endpoint_id, one.id) {
                new.push(endpoint_id);
                self.cancellations.entry(endpoint_id).or_default().push(one);
            }
        }
        new.sort_unstable();
        new.dedup();
        new
    }
}

fn cancellation(row: &SpiHeapTupleData<'_>, id: i64, snapshot: &str) -> Cancellation {
    let seq = optional::<i64>(row, 4);
    let at = optional::<TimestampWithTimeZone>(row, 5).map(i64::from);
    Cancellation {
        id,
        message: at.zip(seq),
        snapshot: snapshot
            .parse()
            .expect("a snapshot as the server writes it"),
        noticed: Instant::now(),
    }
}

impl Worker {
    /// Notices what somebody has changed about deliveries, if that was announced; before what is newer is handed on.
    pub(super) fn mend(&mut self) -> Result<(), RolledBack> {
        if catalog::take_mended() {
            self.look_at_mending()
                .inspect_err(|_| catalog::mended_still())?;
        }
        if !self.mending.added.is_empty() {
            let added: Vec<i64> = self.mending.added.iter().copied().collect();
            for endpoint_id in self.set_aside(&added)? {
                self.mending.added.remove(&endpoint_id);
            }
        }
        Ok(())
    }

    fn look_at_mending(&mut self) -> Result<(), RolledBack> {
        // What is about to get a row has it now, so that a cancellation finds it.
        self.collect();
        if self.record().is_err() {
            // Somebody holds a lock on what is to be written. The others' messages do not wait for that.
            catalog::mended_still();
            return Ok(());
        }
        let (mending, configuration) = (&self.mending, &mut self.configuration);
        let read = transaction::run(|| {
            let notes = Spi::connect_mut(|client| mending.read(client));
            // What the same transactions have changed there, such as a pause, counts before a row is read back.
            (notes, configuration.news())
        });
        let (notes, news) = read.inspect_err(|_| catalog::configuration_is_stale_still())?;
        if let Some(news) = news {
            self.configure(news);
        }
        let cancelled = self.mending.note(notes);
        if cancelled.is_empty() {
            return Ok(());
        }
        let mending = &self.mending;
        // Of endpoints that somebody has locked there are rows that have not been made yet.
        let rows = self
            .recording
            .withdraw_rows(|row| mending.cancels(row.endpoint_id, &row.place));
        let withdrawn: Vec<Delivery> = self.pool.scheduler(|scheduler| {
            let of_endpoint = |&id| {
                scheduler.withdraw(id, |delivery: &Delivery| mending.cancels_delivery(delivery))
            };
            cancelled.iter().flat_map(of_endpoint).collect()
        });
        for row in rows.iter().filter(|row| !row.in_lane) {
            self.done(row.id());
        }
        for delivery in withdrawn {
            self.done(id_of(&delivery));
        }
        // A row may be left of what was sent again since.
        self.mending.added.extend(cancelled);
        self.release_lost_retries(|_| true);
        Ok(())
    }

    /// The deliveries of calls that have ended without success and were cancelled while they were open.
    pub(super) fn cancelled_calls(&self) -> HashSet<Id> {
        let calls = self.recording.unsuccessful();
        calls
            .filter(|delivery| self.mending.cancels_delivery(delivery))
            .map(id_of)
            .collect()
    }

    /// Nothing follows from such a call. If its message was sent again meanwhile, that row was passed over.
    pub(super) fn forget_cancelled_call(&mut self, delivery: &Delivery, comes_back: bool) {
        self.mending.added.insert(delivery.endpoint.id);
        if comes_back {
            self.will_not_come_back(delivery);
        }
    }

    /// Its record waits for no retry.
    pub(super) fn will_not_come_back(&mut self, delivery: &Delivery) {
        let message = &delivery.message;
        self.pool.scheduler(|scheduler| {
            scheduler.unblock(
                delivery.endpoint.id,
                &message.event,
                message.record.as_deref(),
            );
        });
    }
}
