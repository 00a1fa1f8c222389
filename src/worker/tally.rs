//! Counters, kept by appending: a row for what one recording added, and views that sum them.

use std::collections::{HashMap, HashSet};
use std::time::UNIX_EPOCH;

use pgrx::spi::SpiClient;
use webhooks_delivery::{Delivery, Finished, Verdict};

use super::deliveries::{id_of, Id};
use crate::log::{from_unix, timestamp};
use crate::pg::encoding::storable;
use crate::pg::statement::Statement;

/// Bounds of the histogram of durations grow by this factor, from a tenth of a millisecond on.
const FACTOR: f64 = 1.25;
const FIRST_BOUND_US: f64 = 100.0;
const BUCKETS: usize = 72;

/// Counts what has not been written yet.
pub struct Tallies {
    /// By webhook, and without one, and event.
    messages: HashMap<(Option<i64>, i64), i64>,
    insert: Statement,
}

#[derive(Default)]
struct Tally {
    calls: i64,
    errors: i64,
    delivered: i64,
    failed: i64,
    last_success_at: Option<i64>,
    last_error_at: Option<i64>,
    last_error: Option<String>,
    durations: Vec<i32>,
}

impl Default for Tallies {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::{INT4ARRAYOID, INT8OID, TEXTOID, TIMESTAMPTZOID};
        Self {
            messages: HashMap::new(),
            insert: Statement::new(
                "INSERT INTO webhooks.tally (at, webhook_id, endpoint_id, event_id, messages, calls, errors, delivered, failed,
                                             last_success_at, last_error_at, last_error, durations)
                 VALUES (now(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                &[
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    INT8OID,
                    TIMESTAMPTZOID,
                    TIMESTAMPTZOID,
                    TEXTOID,
                    INT4ARRAYOID,
                ],
            ),
        }
    }
}

impl Tallies {
    /// A webhook was given a message; without a webhook: there was one.
    pub fn message(&mut self, webhook_id: Option<i64>, event_id: i64) {
        *self.messages.entry((webhook_id, event_id)).or_default() += 1;
    }

    /// What was counted is written.
    pub fn clear(&mut self) {
        self.messages.clear();
    }

    /// Appends rows for messages and calls, inside a transaction. `failed` are the deliveries that have failed for good,
    /// also because their endpoint is gone.
    pub fn write(&self, client: &mut SpiClient<'_>, finished: &[Finished], failed: &HashSet<Id>) {
        for (&(webhook_id, event_id), &count) in &self.messages {
            self.append(
                client,
                (webhook_id, None, event_id),
                count,
                Tally::default(),
            );
        }
        let mut tallies: HashMap<(i64, i64, i64), Tally> = HashMap::new();
        for call in finished {
            let endpoint = call.batch.endpoint();
            let key = |delivery: &Delivery| {
                let event_id = delivery.message.event.id;
                (endpoint.webhook.id, endpoint.id, event_id)
            };
            // A call with several messages counts as one of the first one's event.
            let first = key(&call.batch.deliveries[0]);
            tallies.entry(first).or_default().add_call(call);
            for (delivery, verdict) in call.deliveries() {
                tallies
                    .entry(key(delivery))
                    .or_default()
                    .add(verdict, failed.contains(&id_of(delivery)));
            }
        }
        for ((webhook_id, endpoint_id, event_id), tally) in tallies {
            let of = (Some(webhook_id), Some(endpoint_id), event_id);
            self.append(client, of, 0, tally);
        }
    }

    fn append(
        &self,
        client: &mut SpiClient<'_>,
        (webhook_id, endpoint_id, event_id): (Option<i64>, Option<i64>, i64),
        messages: i64,
        tally: Tally,
    ) {
        let arguments = [
            webhook_id.into(),
            endpoint_id.into(),
            event_id.into(),
            messages.into(),
            tally.calls.into(),
            tally.errors.into(),
            tally.delivered.into(),
            tally.failed.into(),
            tally.last_success_at.map(timestamp).into(),
            tally.last_error_at.map(timestamp).into(),
            tally.last_error.into(),
            (!tally.durations.is_empty())
                .then_some(tally.durations)
                .into(),
        ];
        self.insert.run(client, &arguments);
    }
}

impl Tally {
    fn add(&mut self, verdict: Verdict, has_failed: bool) {
        self.delivered += i64::from(verdict == Verdict::Delivered);
        self.failed += i64::from(has_failed);
    }

    fn add_call(&mut self, call: &Finished) {
        let at = Some(started_at(call));
        self.calls += 1;
        if call.error.is_none() {
            self.last_success_at = self.last_success_at.max(at);
        } else {
            self.errors += 1;
            if at >= self.last_error_at {
                self.last_error_at = at;
                self.last_error = call
                    .error
                    .as_ref()
                    .map(|error| storable(&error.to_string()));
            }
        }
        let bucket = bucket(call.duration.as_micros() as f64);
        if self.durations.len() <= bucket {
            self.durations.resize(bucket + 1, 0);
        }
        self.durations[bucket] += 1;
    }
}

/// The first bucket whose bound is not below a duration; the last one takes what is longer than all.
fn bucket(microseconds: f64) -> usize {
    let steps = (microseconds / FIRST_BOUND_US).max(1.0).ln() / FACTOR.ln();
    (steps.ceil() as usize).min(BUCKETS - 1)
}

/// When a call began, in microseconds since the server's epoch.
pub fn started_at(finished: &Finished) -> i64 {
    let since_unix = finished
        .started_at
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    from_unix(since_unix.as_micros() as i64)
}
