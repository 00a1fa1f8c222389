//! What has happened and is not in the tables yet: outcomes of calls, rows for deliveries that wait, counters, the
//! reader's position. One transaction writes it for many.
//!
//! What concerns endpoints that somebody else has locked is kept until they are not: see [`Locks`]. Then all of it is
//! written, in its order; of a worker that ends before, the next one makes those calls and rows again.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::{Delivery, Effect, Finished, Verdict};

use super::deliveries::{now, Deliveries, Id, Row};
use super::health::Health;
use super::locks::Locks;
use super::outcomes::{ended_at, endpoints, Open, Outcomes};
use super::tally::Tallies;
use crate::log::cursor::{self, Position};
use crate::settings;

/// Outcomes are recorded when so many have come together …
const ENOUGH: usize = 1000;
/// … or the first of them has waited so long: nothing waits for the record but those who look at it.
const LINGER: Duration = Duration::from_millis(50);
/// What waits to be written may take this share of the memory for messages.
const SHARE_OF_MEMORY: usize = 4;
/// How often endpoints that somebody has locked are tried again.
const LOCKED_INTERVAL: Duration = Duration::from_millis(500);
/// How often the reader's position is written while it moves. A crash makes the next worker look at what came after it.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub struct Recording {
    finished: Vec<Finished>,
    rows: Vec<Row>,
    tallies: Tallies,
    health: Health,
    outcomes: Outcomes,
    locks: Locks,
    locked_out: LockedOut,
    /// As written last.
    open: Open,
    since: Option<Instant>,
    position: Option<Position>,
    position_due: Instant,
    writes_position: bool,
}

/// What could not be written the last time, because somebody has locked its endpoints: the first ones of `finished` and
/// `rows`.
#[derive(Default)]
struct LockedOut {
    calls: usize,
    rows: usize,
    /// The endpoints, and since when, in microseconds since the server's epoch.
    endpoints: HashMap<i64, i64>,
    next_try: Option<Instant>,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            finished: Vec::new(),
            rows: Vec::new(),
            tallies: Tallies::default(),
            health: Health::default(),
            outcomes: Outcomes::default(),
            locks: Locks::default(),
            locked_out: LockedOut::default(),
            open: Open::default(),
            since: None,
            position: None,
            position_due: Instant::now(),
            writes_position: false,
        }
    }
}

impl Recording {
    /// Takes in calls that have ended.
    pub fn finished(&mut self, finished: Vec<Finished>) {
        if !finished.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            self.health.note(&finished);
            self.finished.extend(finished);
        }
    }

    /// Takes in deliveries that are to have rows.
    pub fn store(&mut self, rows: Vec<Row>) {
        if !rows.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            self.rows.extend(rows);
        }
    }

    /// Takes in that a webhook was given a message; without a webhook: that there was one.
    pub fn message(&mut self, webhook_id: Option<i64>, event_id: i64) {
        self.since.get_or_insert_with(Instant::now);
        self.tallies.message(webhook_id, event_id);
    }

    /// Takes in up to where everything is handled; `written` is the position written last.
    pub fn position(&mut self, position: Option<Position>, written: &Position) {
        self.position = position.filter(|position| position != written);
    }

    /// When to write next, if there is something to write.
    pub fn due(&self) -> Option<Instant> {
        if self.finished.len() - self.locked_out.calls >= ENOUGH {
            return Some(Instant::now());
        }
        let position = self.position.as_ref().map(|_| self.position_due);
        let outcomes = self.since.map(|since| since + LINGER);
        [position, outcomes, self.locked_out.next_try]
            .into_iter()
            .flatten()
            .min()
    }

    /// The position is written at the next opportunity, as when there is no later one.
    pub fn hurry(&mut self) {
        self.position_due = Instant::now();
    }

    /// Whether what cannot be written begins to weigh.
    pub fn is_too_much(&self) -> bool {
        let calls: usize = self.finished.iter().map(weight_of_call).sum();
        let rows: usize = self.rows.iter().map(Row::weight).sum();
        calls + rows >= settings::queue_memory() / SHARE_OF_MEMORY
    }

    /// Whether calls that have ended wait to be written, and not for a lock.
    pub fn has_outcomes(&self) -> bool {
        self.finished.len() > self.locked_out.calls
    }

    /// Takes in rows of endpoints that somebody has locked.
    pub fn store_later(&mut self, rows: Vec<Row>) {
        for row in &rows {
            let endpoints = &mut self.locked_out.endpoints;
            endpoints.entry(row.endpoint_id).or_insert_with(now);
        }
        self.store(rows);
    }

    /// Those of these endpoints for which no rows can be made now, inside a transaction.
    pub fn locked(&self, client: &mut SpiClient<'_>, endpoints: HashSet<i64>) -> HashSet<i64> {
        let (mut locked, others): (HashSet<i64>, HashSet<i64>) = endpoints
            .into_iter()
            .partition(|&id| self.is_locked_out(id));
        locked.extend(self.locks.of_others(client, others));
        locked
    }

    /// Whether something of this endpoint waits for a lock.
    pub fn is_locked_out(&self, endpoint_id: i64) -> bool {
        self.locked_out.endpoints.contains_key(&endpoint_id)
    }

    /// The endpoints of which something waits for a lock.
    pub fn locked_out(&self) -> Vec<i64> {
        self.locked_out.endpoints.keys().copied().collect()
    }

    /// Since when something waits for a lock, in microseconds since the server's epoch.
    pub fn locked_out_since(&self) -> Option<i64> {
        self.locked_out.endpoints.values().copied().min()
    }

    /// Gives back rows that are not to be made after all.
    pub fn withdraw_rows(&mut self, unwanted: impl Fn(&Row) -> bool) -> Vec<Row> {
        let rows = std::mem::take(&mut self.rows);
        let (withdrawn, kept): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(unwanted);
        self.rows = kept;
        withdrawn
    }

    /// Writes all that can be written, inside a transaction; nothing is forgotten until [`written`](Self::written) is
    /// called. Of what was `cancelled` nothing is tried again.
    pub fn write(&mut self, deliveries: &mut Deliveries, cancelled: &HashSet<Id>) {
        self.writes_position = self.position.is_some() && self.position_due <= Instant::now();
        // Where this fails, soon again.
        self.since.get_or_insert_with(Instant::now);
        Spi::connect_mut(|client| {
            let locked = self.locks.of_others(client, self.concerned());
            self.put_first(locked);
            deliveries.insert_waiting(client, &self.rows[self.locked_out.rows..]);
            let finished = &self.finished[self.locked_out.calls..];
            self.open = self
                .outcomes
                .write(client, finished, cancelled, &self.health);
            self.tallies.write(client, finished, &self.open.failed);
            if let Some(position) = self.position.as_ref().filter(|_| self.writes_position) {
                cursor::append(client, position);
            }
        });
    }

    /// The endpoints of which more is to be written than that they were called.
    fn concerned(&self) -> HashSet<i64> {
        let of_calls = self.finished.iter().filter(|call| changes_rows(call));
        let of_calls = of_calls.map(|call| call.batch.endpoint().id);
        let of_rows = self.rows.iter().map(|row| row.endpoint_id);
        of_calls.chain(of_rows).collect()
    }

    /// Puts what concerns these endpoints before the rest, in its order.
    fn put_first(&mut self, locked: HashSet<i64>) {
        let waits =
            |call: &Finished| changes_rows(call) && locked.contains(&call.batch.endpoint().id);
        self.finished.sort_by_key(|call| !waits(call));
        let row_waits = |row: &Row| locked.contains(&row.endpoint_id);
        self.rows.sort_by_key(|row| !row_waits(row));
        let before = std::mem::take(&mut self.locked_out.endpoints);
        let since = |id: &i64| before.get(id).copied().unwrap_or_else(now);
        self.locked_out = LockedOut {
            calls: self.finished.partition_point(waits),
            rows: self.rows.partition_point(row_waits),
            endpoints: locked.iter().map(|id| (*id, since(id))).collect(),
            next_try: (!locked.is_empty()).then(|| Instant::now() + LOCKED_INTERVAL),
        };
    }

    /// What was written is forgotten here; it is given to whoever waits for it to be durable.
    pub fn written(&mut self) -> Written {
        self.since = None;
        self.tallies.clear();
        let position = self.position.take().filter(|_| self.writes_position);
        if position.is_some() {
            self.position_due = Instant::now() + POSITION_INTERVAL;
        }
        Written {
            finished: self.finished.split_off(self.locked_out.calls),
            rows: self.rows.split_off(self.locked_out.rows),
            retrying: std::mem::take(&mut self.open).retrying,
            position,
        }
    }

    /// Deliveries of calls to be written that have not reached the receiver.
    pub fn unsuccessful(&self) -> impl Iterator<Item = &Delivery> {
        let all = self.finished.iter().flat_map(Finished::deliveries);
        all.filter(|(_, verdict)| *verdict != Verdict::Delivered)
            .map(|(delivery, _)| delivery)
    }

    /// When the calls to these endpoints that are to be written have ended.
    pub fn ends_of_calls(&self, endpoints: &[i64]) -> Vec<(i64, Instant)> {
        let all = self.finished.iter();
        let ends = all.map(|call| (call.batch.endpoint().id, call.batch.begun + call.duration));
        ends.filter(|(id, _)| endpoints.contains(id)).collect()
    }

    /// Endpoints that a call to be written has found gone.
    pub fn gone_endpoints(&self) -> Vec<i64> {
        endpoints(&self.finished, |call| call.effect == Effect::Gone)
    }

    /// Forgets endpoints that are no more.
    pub fn forget_endpoints(&mut self, is_known: impl Fn(i64) -> bool) {
        self.health.forget_endpoints(is_known);
    }
}

/// Whether more follows from a call than that it is in the log: for rows of deliveries, or for its endpoint.
fn changes_rows(call: &Finished) -> bool {
    matches!(call.effect, Effect::Gone | Effect::Disable)
        || call
            .deliveries()
            .any(|(delivery, verdict)| delivery.stored || verdict != Verdict::Delivered)
}

/// The bytes that what is kept of a call holds, roughly.
fn weight_of_call(call: &Finished) -> usize {
    let deliveries = call.batch.deliveries.iter();
    let weight = |delivery: &Delivery| size_of::<Delivery>() + delivery.message.weight();
    let response = call.response.as_ref().map_or(0, String::len);
    size_of::<Finished>() + response + deliveries.map(weight).sum::<usize>()
}

/// What was written and is durable as far as the next worker is concerned.
pub struct Written {
    /// Calls.
    pub finished: Vec<Finished>,
    /// Rows made.
    pub rows: Vec<Row>,
    /// Deliveries that wait in their rows for their retry.
    pub retrying: HashSet<Id>,
    /// The reader's position, if it moved.
    pub position: Option<Position>,
}

impl Written {
    /// When the first of the retries is due.
    pub fn next_due(&self) -> Option<Instant> {
        let retries = self.finished.iter().flat_map(|call| {
            call.verdicts.iter().filter_map(|verdict| match verdict {
                Verdict::Retry { after } => Some(ended_at(call) + after.as_micros() as i64),
                _ => None,
            })
        });
        retries
            .min()
            .map(|at| Instant::now() + Duration::from_micros((at - now()).max(0) as u64))
    }

    /// Endpoints that one of the calls has found gone.
    pub fn gone_endpoints(&self) -> Vec<i64> {
        endpoints(&self.finished, |call| call.effect == Effect::Gone)
    }
}
