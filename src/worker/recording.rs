//! What has happened and is not in the tables yet: outcomes of calls, rows for deliveries that wait, counters, the
//! reader's position. One transaction writes it for many.

use std::time::{Duration, Instant};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::{Finished, Verdict};

use super::deliveries::{now, Deliveries, Row};

use super::tally::{started_at, Tallies};
use crate::log::cursor::{self, Position};
use crate::log::{from_unix, timestamp};
use crate::pg::encoding::storable;
use crate::pg::statement::{array, Statement};

/// Outcomes are recorded when so many have come together …
const ENOUGH: usize = 1000;
/// … or the first of them has waited so long: nothing waits for the record but those who look at it.
const LINGER: Duration = Duration::from_millis(50);
/// How often the reader's position is written while it moves. A crash makes the next worker look at what came after it.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub struct Recording {
    finished: Vec<Finished>,
    rows: Vec<Row>,
    tallies: Tallies,
    since: Option<Instant>,
    position: Option<Position>,
    position_due: Instant,
    writes_position: bool,
    insert_attempts: Statement,
    upsert_deliveries: Statement,
    delete_deliveries: Statement,
}

impl Default for Recording {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::{
            BOOLARRAYOID, INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
        };
        Self {
            finished: Vec::new(),
            rows: Vec::new(),
            tallies: Tallies::default(),
            since: None,
            position: None,
            position_due: Instant::now(),
            writes_position: false,
            insert_attempts: Statement::new(
                "INSERT INTO webhooks.attempt (at, message_at, message_seq, event_id, endpoint_id, webhook_id, attempt, status,
                                               duration_us, error, response, delivered)
                 SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                                      $7::int[], $8::int[], $9::bigint[], $10::text[], $11::text[], $12::boolean[])",
                &[
                    TIMESTAMPTZARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    INT4ARRAYOID,
                    INT4ARRAYOID,
                    INT8ARRAYOID,
                    TEXTARRAYOID,
                    TEXTARRAYOID,
                    BOOLARRAYOID,
                ],
            ),
            upsert_deliveries: Statement::new(
                "INSERT INTO webhooks.delivery AS d (endpoint_id, message_seq, message_at, message_xid, event_id, record, attempts,
                                                     state, due_at, failed_at, last_status, last_error)
                 SELECT u.endpoint_id, u.seq, u.at, u.xid, u.event_id, u.record, u.attempts, u.state,
                        CASE u.state WHEN 'retrying' THEN u.next END, CASE u.state WHEN 'failed' THEN u.next END, u.status, u.error
                   FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[]::xid8[], $5::bigint[], $6::text[], $7::int[],
                               $8::text[], $9::timestamptz[], $10::int[], $11::text[])
                        AS u (endpoint_id, seq, at, xid, event_id, record, attempts, state, next, status, error)
                   JOIN webhooks.endpoint e ON e.id = u.endpoint_id
                   JOIN webhooks.webhook w ON w.id = e.webhook_id AND (w.state <> 'stopped' OR u.state = 'failed')
                 ON CONFLICT (endpoint_id, message_seq, message_at) DO UPDATE
                    SET attempts = EXCLUDED.attempts, state = EXCLUDED.state, due_at = EXCLUDED.due_at,
                        failed_at = EXCLUDED.failed_at, last_status = EXCLUDED.last_status, last_error = EXCLUDED.last_error",
                &[
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID,
                    INT8ARRAYOID,
                    TEXTARRAYOID,
                    INT4ARRAYOID,
                    TEXTARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    INT4ARRAYOID,
                    TEXTARRAYOID,
                ],
            ),
            delete_deliveries: Statement::new(
                "DELETE FROM webhooks.delivery d
                  USING unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u (endpoint_id, seq, at)
                  WHERE d.endpoint_id = u.endpoint_id AND d.message_seq = u.seq AND d.message_at = u.at",
                &[INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID],
            ),
        }
    }
}

/// When a call ended, in microseconds since the server's epoch.
fn ended_at(finished: &Finished) -> i64 {
    started_at(finished) + finished.duration.as_micros() as i64
}

impl Recording {
    /// Takes in calls that have ended.
    pub fn finished(&mut self, finished: Vec<Finished>) {
        if !finished.is_empty() {
            self.since.get_or_insert_with(Instant::now);
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

    /// Takes in that a webhook was given a message.
    pub fn message(&mut self, webhook_id: i64, event_id: i64) {
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

    /// Whether calls that have ended wait to be written.
    pub fn has_outcomes(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Writes all of it, inside a transaction; nothing is forgotten until [`written`](Self::written) is called.
    pub fn write(&mut self, deliveries: &mut Deliveries) {
        self.writes_position = self.position.is_some() && self.position_due <= Instant::now();
        Spi::connect_mut(|client| {
            deliveries.insert_waiting(client, &self.rows);
            self.write_attempts(client);
            self.write_outcomes(client);
            self.tallies.write(client, &self.finished);
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
            position,
        }
    }

    fn write_attempts(&self, client: &mut SpiClient<'_>) {
        if self.finished.is_empty() {
            return;
        }
        let all = &self.finished;
        let arguments: [DatumWithOid<'_>; 12] = [
            array(all, |f| timestamp(started_at(f))),
            array(all, |f| timestamp(from_unix(f.delivery.message.at))),
            array(all, |f| f.delivery.message.seq),
            array(all, |f| f.delivery.message.event.id),
            array(all, |f| f.delivery.endpoint.id),
            array(all, |f| f.delivery.endpoint.webhook.id),
            array(all, |f| f.delivery.attempt as i32),
            array(all, |f| f.status.map(i32::from)),
            array(all, |f| f.duration.as_micros() as i64),
            array(all, |f| {
                f.error.as_ref().map(|error| storable(&error.to_string()))
            }),
            array(all, |f| {
                f.response.as_ref().map(|response| storable(response))
            }),
            array(all, |f| matches!(f.verdict, Verdict::Delivered)),
        ];
        self.insert_attempts.run(client, &arguments);
    }

    /// What was delivered needs no row any more; what was not has one that says what follows.
    fn write_outcomes(&self, client: &mut SpiClient<'_>) {
        let is_delivered = |f: &&Finished| matches!(f.verdict, Verdict::Delivered);
        let delivered: Vec<&Finished> = self
            .finished
            .iter()
            .filter(is_delivered)
            .filter(|f| f.delivery.stored)
            .collect();
        if !delivered.is_empty() {
            let arguments = [
                array(&delivered, |f| f.delivery.endpoint.id),
                array(&delivered, |f| f.delivery.message.seq),
                array(&delivered, |f| timestamp(from_unix(f.delivery.message.at))),
            ];
            self.delete_deliveries.run(client, &arguments);
        }
        let open: Vec<&Finished> = self.finished.iter().filter(|f| !is_delivered(f)).collect();
        if !open.is_empty() {
            let arguments: [DatumWithOid<'_>; 11] = [
                array(&open, |f| f.delivery.endpoint.id),
                array(&open, |f| f.delivery.message.seq),
                array(&open, |f| timestamp(from_unix(f.delivery.message.at))),
                array(&open, |f| f.delivery.message.xid.to_string()),
                array(&open, |f| f.delivery.message.event.id),
                array(&open, |f| {
                    f.delivery
                        .message
                        .record
                        .as_ref()
                        .map(|record| storable(record))
                }),
                array(&open, |f| f.delivery.attempt as i32),
                array(&open, |f| {
                    if matches!(f.verdict, Verdict::Retry { .. }) {
                        "retrying"
                    } else {
                        "failed"
                    }
                    .to_owned()
                }),
                array(&open, |f| match f.verdict {
                    Verdict::Retry { after } => timestamp(ended_at(f) + after.as_micros() as i64),
                    _ => timestamp(ended_at(f)),
                }),
                array(&open, |f| f.status.map(i32::from)),
                array(&open, |f| {
                    f.error.as_ref().map(|error| storable(&error.to_string()))
                }),
            ];
            self.upsert_deliveries.run(client, &arguments);
        }
    }
}

/// What was written and is durable as far as the next worker is concerned.
pub struct Written {
    /// Calls.
    pub finished: Vec<Finished>,
    /// Rows made.
    pub rows: Vec<Row>,
    /// The reader's position, if it moved.
    pub position: Option<Position>,
}

impl Written {
    /// When the first of the retries is due.
    pub fn next_due(&self) -> Option<Instant> {
        let retries = self.finished.iter().filter_map(|f| match f.verdict {
            Verdict::Retry { after } => Some(ended_at(f) + after.as_micros() as i64),
            _ => None,
        });
        retries
            .min()
            .map(|at| Instant::now() + Duration::from_micros((at - now()).max(0) as u64))
    }
}
