//! What came of calls, in the tables: a row in the attempt log for each message, the rows of deliveries that are not done,
//! and the state of endpoints that are not to be called any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData};
use webhooks_delivery::{Delivery, Effect, Finished, Verdict};

use super::deliveries::{id_of, id_of_row, Id};
use super::health::Health;
use super::tally::started_at;
use super::troubles::{How, Lost, Troubles};
use crate::log::{from_unix, timestamp};
use crate::pg::encoding::{storable, Utf8};
use crate::pg::statement::{array, column, Statement};

/// The statements.
pub struct Outcomes {
    insert_attempts: Statement,
    upsert_deliveries: Statement,
    delete_deliveries: Statement,
}

/// What the rows say of deliveries that a call has not made.
#[derive(Default)]
pub struct Open {
    /// They wait for their retry.
    pub retrying: HashSet<Id>,
    /// They have failed for good, and had not before.
    pub failed: HashSet<Id>,
}

/// A delivery of a call that has ended.
#[derive(Clone, Copy)]
struct Ended<'a> {
    call: &'a Finished,
    delivery: &'a Delivery,
    verdict: Verdict,
    /// The first of its call: its row has what is kept of the answer.
    is_first: bool,
}

fn ended(calls: &[Finished]) -> Vec<Ended<'_>> {
    let of_call = |call| {
        let deliveries = Finished::deliveries(call).enumerate();
        deliveries.map(move |(place, (delivery, verdict))| Ended {
            call,
            delivery,
            verdict,
            is_first: place == 0,
        })
    };
    calls.iter().flat_map(of_call).collect()
}

impl Ended<'_> {
    fn message_at(&self) -> TimestampWithTimeZone {
        timestamp(from_unix(self.delivery.message.at))
    }

    fn error(&self) -> Option<String> {
        let error = self.call.error.as_ref();
        error.map(|error| storable(&error.to_string()))
    }
}

/// When a call ended, in microseconds since the server's epoch.
pub fn ended_at(finished: &Finished) -> i64 {
    started_at(finished) + finished.duration.as_micros() as i64
}

impl Default for Outcomes {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::{
            BOOLARRAYOID, INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
        };
        Self {
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
                // What is to be tried again is only where somebody wants it still, or where it was sent again and is pending.
                "WITH given AS MATERIALIZED (
                     SELECT u.*, CASE e.state WHEN 'gone' THEN 'failed' ELSE u.state END AS becomes, r.state AS before
                       FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[]::xid8[], $5::bigint[], $6::text[],
                                   $7::int[], $8::timestamptz[], $9::text[], $10::timestamptz[], $11::int[], $12::text[], $13::text[])
                            AS u (endpoint_id, seq, at, xid, event_id, record, attempts, first, state, next, status, error, account)
                       JOIN webhooks.endpoint e ON e.id = u.endpoint_id
                       JOIN webhooks.webhook w ON w.id = e.webhook_id
                       LEFT JOIN webhooks.delivery r
                            ON r.endpoint_id = u.endpoint_id AND r.message_seq = u.seq AND r.message_at = u.at
                      WHERE CASE WHEN u.state = 'failed' THEN true
                                 WHEN r.state IS NOT NULL THEN r.state <> 'failed'
                                 ELSE (w.state <> 'stopped' OR e.state = 'gone') AND (w.account IS NULL OR w.account = u.account)
                                      AND EXISTS (SELECT FROM webhooks.subscription s
                                                   WHERE s.webhook_id = w.id AND s.event_id = u.event_id
                                                     AND u.at >= greatest(s.since, e.since)) END
                 ), written AS (
                     INSERT INTO webhooks.delivery AS d (endpoint_id, message_seq, message_at, message_xid, event_id, record, attempts,
                                                         first_attempt_at, state, due_at, failed_at, last_status, last_error)
                     SELECT g.endpoint_id, g.seq, g.at, g.xid, g.event_id, g.record, g.attempts, g.first, g.becomes,
                            CASE g.becomes WHEN 'retrying' THEN g.next END,
                            CASE g.becomes WHEN 'failed' THEN least(g.next, clock_timestamp()) END, g.status, g.error
                       FROM given g
                     ON CONFLICT (endpoint_id, message_seq, message_at) DO UPDATE
                        SET attempts = EXCLUDED.attempts, first_attempt_at = EXCLUDED.first_attempt_at, state = EXCLUDED.state,
                            due_at = EXCLUDED.due_at, failed_at = coalesce(EXCLUDED.failed_at, d.failed_at),
                            last_status = EXCLUDED.last_status, last_error = EXCLUDED.last_error
                 )
                 SELECT g.endpoint_id, g.seq, g.at, g.becomes
                   FROM given g
                  WHERE (g.becomes = 'failed' AND g.before = 'failed') IS NOT TRUE",
                &[
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID,
                    INT8ARRAYOID,
                    TEXTARRAYOID,
                    INT4ARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    INT4ARRAYOID,
                    TEXTARRAYOID,
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

impl Outcomes {
    /// Writes what came of these calls, inside a transaction.
    pub fn write(
        &self,
        client: &mut SpiClient<'_>,
        calls: &[Finished],
        cancelled: &HashSet<Id>,
        health: &Health,
    ) -> Open {
        if calls.is_empty() {
            return Open::default();
        }
        let all = ended(calls);
        self.write_attempts(client, &all);
        let open = self.write_deliveries(client, all.clone(), cancelled);
        troubles(&all, &open).tell(client, &lost(calls, health));
        open
    }

    /// The answer is kept once for a call, however many messages went in it.
    fn write_attempts(&self, client: &mut SpiClient<'_>, all: &[Ended<'_>]) {
        let arguments: [DatumWithOid<'_>; 12] = [
            array(all, |e| timestamp(started_at(e.call))),
            array(all, Ended::message_at),
            array(all, |e| e.delivery.message.seq),
            array(all, |e| e.delivery.message.event.id),
            array(all, |e| e.delivery.endpoint.id),
            array(all, |e| e.delivery.endpoint.webhook.id),
            array(all, |e| e.delivery.attempt as i32),
            array(all, |e| e.call.status.map(i32::from)),
            array(all, |e| e.call.duration.as_micros() as i64),
            array(all, Ended::error),
            array(all, |e| {
                let response = e.call.response.as_ref().filter(|_| e.is_first);
                response.map(|response| storable(response))
            }),
            array(all, |e| matches!(e.verdict, Verdict::Delivered)),
        ];
        self.insert_attempts.run(client, &arguments);
    }

    /// What was delivered needs no row any more; what was not has one that says what follows, unless it was cancelled or is
    /// to be tried again and nobody wants it any more. Of an endpoint that is gone by now all of it has failed.
    fn write_deliveries(
        &self,
        client: &mut SpiClient<'_>,
        all: Vec<Ended<'_>>,
        cancelled: &HashSet<Id>,
    ) -> Open {
        let (delivered, open): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|e| matches!(e.verdict, Verdict::Delivered));
        let stored: Vec<_> = delivered
            .into_iter()
            .filter(|e| e.delivery.stored)
            .collect();
        if !stored.is_empty() {
            let arguments = [
                array(&stored, |e| e.delivery.endpoint.id),
                array(&stored, |e| e.delivery.message.seq),
                array(&stored, Ended::message_at),
            ];
            self.delete_deliveries.run(client, &arguments);
        }
        let is_open = |e: &Ended<'_>| !cancelled.contains(&id_of(e.delivery));
        let open: Vec<_> = open.into_iter().filter(is_open).collect();
        let mut written = Open::default();
        if !open.is_empty() {
            let arguments: [DatumWithOid<'_>; 13] = [
                array(&open, |e| e.delivery.endpoint.id),
                array(&open, |e| e.delivery.message.seq),
                array(&open, Ended::message_at),
                array(&open, |e| e.delivery.message.xid.to_string()),
                array(&open, |e| e.delivery.message.event.id),
                array(&open, |e| e.delivery.message.record.clone().map(Utf8)),
                array(&open, |e| e.delivery.attempt as i32),
                array(&open, |e| {
                    let first = e.delivery.first_attempt_at;
                    first.map(|at| timestamp(from_unix(at)))
                }),
                array(&open, |e| {
                    match e.verdict {
                        Verdict::Retry { .. } => "retrying",
                        _ => "failed",
                    }
                    .to_owned()
                }),
                array(&open, |e| match e.verdict {
                    Verdict::Retry { after } => {
                        timestamp(ended_at(e.call) + after.as_micros() as i64)
                    }
                    _ => timestamp(ended_at(e.call)),
                }),
                array(&open, |e| e.call.status.map(i32::from)),
                array(&open, Ended::error),
                array(&open, |e| e.delivery.message.account.clone().map(Utf8)),
            ];
            for row in self.upsert_deliveries.run(client, &arguments) {
                let of_state = match column::<String>(&row, 4).as_str() {
                    "failed" => &mut written.failed,
                    _ => &mut written.retrying,
                };
                of_state.insert(id_of_row(&row));
            }
        }
        written
    }
}

/// What has failed for good.
fn troubles(all: &[Ended<'_>], open: &Open) -> Troubles {
    let mut troubles = Troubles::default();
    for e in all {
        if open.failed.contains(&id_of(e.delivery)) {
            troubles.failed(e.call, e.delivery);
        }
    }
    troubles
}

/// Endpoints that are gone, that asked for no more calls, or that nothing has reached since the first attempt of a
/// delivery that was given up.
fn lost(calls: &[Finished], health: &Health) -> Vec<Lost> {
    let is_dead = |call: &Finished| {
        call.deliveries()
            .any(|(delivery, verdict)| verdict == Verdict::Exhausted && health.is_dead(delivery))
    };
    let lost = |call: &Finished| {
        let how = match call.effect {
            Effect::Gone => How::Gone,
            Effect::Disable => How::Asked,
            _ if is_dead(call) => How::Exhausted,
            _ => return None,
        };
        Some(Lost {
            endpoint: Arc::clone(call.batch.endpoint()),
            how,
        })
    };
    calls.iter().filter_map(lost).collect()
}

/// A call that was made before its endpoint's lane and still counts for a throttle.
pub struct CountedCall {
    /// To which endpoint.
    pub endpoint_id: i64,
    /// When it ended.
    pub ended: Instant,
}

/// The calls to these endpoints that still count for the throttles of their webhooks, inside a transaction.
pub fn calls_that_count(client: &SpiClient<'_>, endpoints: Vec<i64>) -> Vec<CountedCall> {
    // A batch has a row for each message. What is not in the log counts for nobody: what was open when a server crashed.
    let recent = "
        SELECT DISTINCT a.endpoint_id, a.at, a.duration_us, (extract(epoch FROM clock_timestamp() - a.at) * 1000000)::bigint
          FROM webhooks.webhook w
          JOIN webhooks.attempt a
            ON a.webhook_id = w.id AND a.at > clock_timestamp() - w.throttle_per - w.timeout
         WHERE w.throttle_calls IS NOT NULL AND a.endpoint_id = ANY ($1)
           AND a.at > (SELECT clock_timestamp() - max(v.throttle_per + v.timeout) FROM webhooks.webhook v
                        WHERE v.throttle_calls IS NOT NULL)";
    let rows = client
        .select(recent, None, &[endpoints.into()])
        .unwrap_or_else(|error| panic!("{recent}: {error}"));
    let now = Instant::now();
    let ended = |row: &SpiHeapTupleData<'_>| {
        let begun_ago: i64 = column(row, 4);
        let ago = begun_ago - column::<i64>(row, 3);
        now.checked_sub(Duration::from_micros(ago.max(0) as u64))
    };
    rows.filter_map(|row| {
        Some(CountedCall {
            endpoint_id: column(&row, 1),
            ended: ended(&row)?,
        })
    })
    .collect()
}

/// The endpoints of calls of which something is true, each once.
pub fn endpoints(calls: &[Finished], is_true: impl Fn(&Finished) -> bool) -> Vec<i64> {
    let concerned = calls.iter().filter(|call| is_true(call));
    let mut ids: Vec<i64> = concerned.map(|call| call.batch.endpoint().id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
