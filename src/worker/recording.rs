//! What has happened and is not in the tables yet: outcomes of calls, rows for deliveries that wait, counters, the
//! reader's position. One transaction writes it for many.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use webhooks_delivery::{Delivery, Effect, Finished, Verdict};

use super::deliveries::{now, Deliveries, Id, Row};
use super::health::Health;
use super::outcomes::{ended_at, endpoints, Open, Outcomes};
use super::tally::Tallies;
use crate::log::cursor::{self, Position};

/// Outcomes are recorded when so many have come together …
const ENOUGH: usize = 1000;
/// … or the first of them has waited so long: nothing waits for the record but those who look at it.
const LINGER: Duration = Duration::from_millis(50);
/// So many calls that have ended are too much to keep where they cannot be written.
const TOO_MUCH: usize = 20_000;
/// How often the reader's position is written while it moves. A crash makes the next worker look at what came after it.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub struct Recording {
    finished: Vec<Finished>,
    rows: Vec<Row>,
    tallies: Tallies,
    health: Health,
    outcomes: Outcomes,
    /// As written last.
    open: Open,
    since: Option<Instant>,
    position: Option<Position>,
    position_due: Instant,
    writes_position: bool,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            finished: Vec::new(),
            rows: Vec::new(),
            tallies: Tallies::default(),
            health: Health::default(),
            outcomes: Outcomes::default(),
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
        if self.finished.len() >= ENOUGH {
            return Some(Instant::now());
        }
        let position = self.position.as_ref().map(|_| self.position_due);
        let outcomes = self.since.map(|since| since + LINGER);
        [position, outcomes].into_iter().flatten().min()
    }

    /// The position is written at the next opportunity, as when there is no later one.
    pub fn hurry(&mut self) {
        self.position_due = Instant::now();
    }

    /// Whether what cannot be written begins to weigh.
    pub fn is_too_much(&self) -> bool {
        self.finished.len() >= TOO_MUCH
    }

    /// Whether calls that have ended wait to be written.
    pub fn has_outcomes(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Writes all of it, inside a transaction; nothing is forgotten until [`written`](Self::written) is called.
    /// Of what was `cancelled` nothing is tried again.
    pub fn write(&mut self, deliveries: &mut Deliveries, cancelled: &HashSet<Id>) {
        self.writes_position = self.position.is_some() && self.position_due <= Instant::now();
        Spi::connect_mut(|client| {
            deliveries.insert_waiting(client, &self.rows);
            self.open = self
                .outcomes
                .write(client, &self.finished, cancelled, &self.health);
            self.tallies
                .write(client, &self.finished, &self.open.failed);
            if let Some(position) = self.position.as_ref().filter(|_| self.writes_position) {
                cursor::append(client, position);
            }
        });
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
            finished: std::mem::take(&mut self.finished),
            rows: std::mem::take(&mut self.rows),
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
}
