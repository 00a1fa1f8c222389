//! Deliveries: which ones are in memory, and the rows of those that are not done.
//!
//! `webhooks.delivery` holds what cannot be sent soon: a retry that waits for its time, a delivery that waits longer
//! than a moment, what does not fit in memory, what was given up. Its size follows the trouble, not the traffic.
//!
//! Of each record's deliveries to an endpoint, those with a row come before those without one: rows are always made for
//! the oldest first. So after a crash the rows are sent first and what is read from the log again comes after them.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData};
use webhooks_delivery::Delivery;

use crate::log::{from_unix, timestamp, Place};
use crate::pg::encoding::Utf8;
use crate::pg::statement::{array, column, optional, optional_text, Statement};

/// Names a delivery: endpoint, and the message's number and time (server's epoch).
pub type Id = (i64, i64, i64);

/// A delivery's name.
pub fn id_of(delivery: &Delivery) -> Id {
    (
        delivery.endpoint.id,
        delivery.message.seq,
        from_unix(delivery.message.at),
    )
}

/// Where a delivery's message is in the log.
pub fn place_of(delivery: &Delivery) -> Place {
    let message = &delivery.message;
    Place {
        at: from_unix(message.at),
        xid: message.xid,
        seq: message.seq,
    }
}

/// A row of `webhooks.delivery`, as far as it is needed to send it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where to.
    pub endpoint_id: i64,
    /// Which message.
    pub place: Place,
    /// What it is an occurrence of.
    pub event_id: i64,
    /// The record it is about.
    pub record: Option<String>,
    /// The account that the message belongs to, of a row that is to be made.
    pub account: Option<String>,
    /// It is to be made for a delivery that is in a lane.
    pub in_lane: bool,
    /// Attempts made so far.
    pub attempts: u32,
    /// When the first of them was made, as the server counts.
    pub first_attempt_at: Option<i64>,
}

impl Row {
    /// The row of a delivery that has not been tried.
    pub fn waiting(delivery: &Delivery) -> Self {
        let message = &delivery.message;
        Self {
            endpoint_id: delivery.endpoint.id,
            place: place_of(delivery),
            event_id: message.event.id,
            record: message.record.clone(),
            account: message.account.clone(),
            in_lane: true,
            attempts: delivery.attempt - 1,
            first_attempt_at: delivery.first_attempt_at.map(from_unix),
        }
    }

    /// Its name.
    pub fn id(&self) -> Id {
        (self.endpoint_id, self.place.seq, self.place.at)
    }

    /// The bytes it holds in memory, roughly.
    pub fn weight(&self) -> usize {
        let texts = [&self.record, &self.account].into_iter().flatten();
        size_of::<Self>() + texts.map(String::len).sum::<usize>()
    }
}

/// The query for rows as [`row_of`] reads them.
macro_rules! rows_where {
    ($condition:literal) => {
        concat!(
            "SELECT endpoint_id, message_seq, message_at, message_xid::text::bigint, event_id, record, attempts,
                    first_attempt_at
               FROM webhooks.delivery WHERE ",
            $condition
        )
    };
}

/// What the worker knows about deliveries beyond the lanes.
pub struct Deliveries {
    /// Deliveries in memory, with the read they came from, 0 for those read from their row.
    in_memory: HashMap<Id, u64>,
    /// Endpoints with rows that wait and are not in memory, and up to which number they were read back.
    overflowing: HashMap<i64, i64>,
    /// Retries that wait in their rows, with the event and record that are blocked meanwhile.
    retrying: HashMap<Id, (i64, Option<String>)>,
    /// When the next retry is due.
    next_due: Option<Instant>,
    insert_waiting: Statement,
    waiting: Statement,
    due: Statement,
    next_due_after: Statement,
    handled: Statement,
    still_there: Statement,
}

impl Default for Deliveries {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::{
            INT4OID, INT8ARRAYOID, INT8OID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
        };
        Self {
            in_memory: HashMap::new(),
            overflowing: HashMap::new(),
            retrying: HashMap::new(),
            next_due: Some(Instant::now()),
            insert_waiting: Statement::new(
                "INSERT INTO webhooks.delivery (endpoint_id, message_seq, message_at, message_xid, event_id, record, attempts, state)
                 SELECT u.endpoint_id, u.seq, u.at, u.xid, u.event_id, u.record, 0, 'waiting'
                   FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[]::xid8[], $5::bigint[], $6::text[], $7::text[])
                        AS u (endpoint_id, seq, at, xid, event_id, record, account)
                   JOIN webhooks.endpoint e ON e.id = u.endpoint_id AND e.state <> 'gone'
                   JOIN webhooks.webhook w ON w.id = e.webhook_id AND w.state <> 'stopped'
                                              AND (w.account IS NULL OR w.account = u.account)
                  WHERE EXISTS (SELECT FROM webhooks.subscription s
                                 WHERE s.webhook_id = w.id AND s.event_id = u.event_id AND u.at >= greatest(s.since, e.since))
                 ON CONFLICT DO NOTHING",
                &[
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID,
                    INT8ARRAYOID,
                    TEXTARRAYOID,
                    TEXTARRAYOID,
                ],
            ),
            waiting: Statement::new(
                rows_where!("endpoint_id = $1 AND state = 'waiting' AND message_seq > $2
                  ORDER BY message_seq LIMIT $3"),
                &[INT8OID, INT8OID, INT4OID],
            ),
            due: Statement::new(
                rows_where!("state = 'retrying' AND due_at <= clock_timestamp() AND endpoint_id <> ALL ($1)
                  ORDER BY due_at, message_seq LIMIT $2"),
                &[INT8ARRAYOID, INT4OID],
            ),
            next_due_after: Statement::new(
                "SELECT min(due_at) FROM webhooks.delivery WHERE state = 'retrying' AND due_at > $1",
                &[TIMESTAMPTZOID],
            ),
            handled: Statement::new(
                "SELECT endpoint_id, message_seq, message_at FROM webhooks.attempt
                  WHERE message_seq = ANY ($1) AND delivered
                 UNION ALL
                 SELECT endpoint_id, message_seq, message_at FROM webhooks.delivery
                  WHERE endpoint_id = ANY ($2) AND message_seq = ANY ($1)",
                &[INT8ARRAYOID, INT8ARRAYOID],
            ),
            still_there: Statement::new(
                "SELECT d.endpoint_id, d.message_seq, d.message_at
                   FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u (endpoint_id, seq, at)
                   JOIN webhooks.delivery d
                     ON d.endpoint_id = u.endpoint_id AND d.message_seq = u.seq AND d.message_at = u.at
                  WHERE d.state = ANY ($4)",
                &[
                    INT8ARRAYOID,
                    INT8ARRAYOID,
                    TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID,
                ],
            ),
        }
    }
}

impl Deliveries {
    /// Notes that a delivery is in memory; `false` if it is already.
    pub fn enter(&mut self, id: Id, generation: u64) -> bool {
        self.in_memory.insert(id, generation).is_none()
    }

    /// Notes that a delivery is not in memory any more; gives the read it came from, unless it was
    /// [marked](Self::mark_handled) before.
    pub fn leave(&mut self, id: Id) -> Option<u64> {
        self.in_memory
            .remove(&id)
            .filter(|&generation| generation != 0)
    }

    /// Notes that a delivery is handled as far as the read it came from is concerned; gives that read, once.
    pub fn mark_handled(&mut self, id: Id) -> Option<u64> {
        let generation = self.in_memory.get_mut(&id)?;
        (*generation != 0).then(|| std::mem::take(generation))
    }

    /// Takes out what is in memory for endpoints that are no more; gives the reads and numbers.
    pub fn forget_endpoints(&mut self, is_known: impl Fn(i64) -> bool) -> Vec<(u64, i64)> {
        self.overflowing.retain(|&endpoint, _| is_known(endpoint));
        let mut gone = Vec::new();
        self.in_memory.retain(|&(endpoint, seq, _), generation| {
            let known = is_known(endpoint);
            if !known {
                gone.push((*generation, seq));
            }
            known
        });
        gone
    }

    /// Whether rows of this endpoint wait that are not in memory: then new ones wait behind them.
    pub fn overflows(&self, endpoint_id: i64) -> bool {
        self.overflowing.contains_key(&endpoint_id)
    }

    /// From now on this endpoint's deliveries wait in their rows, until they are read back.
    pub fn overflow(&mut self, endpoint_id: i64) {
        self.overflowing.insert(endpoint_id, i64::MIN);
    }

    /// The endpoints whose rows are to be read back.
    pub fn overflowing(&self) -> impl Iterator<Item = i64> + '_ {
        self.overflowing.keys().copied()
    }

    /// Makes rows for deliveries that have not been tried, inside a transaction; none for what nobody wants any more.
    pub fn insert_waiting(&mut self, client: &mut SpiClient<'_>, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        for row in rows {
            // A transaction that committed late can bring a number that reading back has passed.
            if let Some(read) = self.overflowing.get_mut(&row.endpoint_id) {
                *read = (*read).min(row.place.seq - 1);
            }
        }
        let arguments: [DatumWithOid<'_>; 7] = [
            array(rows, |row| row.endpoint_id),
            array(rows, |row| row.place.seq),
            array(rows, |row| timestamp(row.place.at)),
            array(rows, |row| row.place.xid.to_string()),
            array(rows, |row| row.event_id),
            array(rows, |row| row.record.clone().map(Utf8)),
            array(rows, |row| row.account.clone().map(Utf8)),
        ];
        self.insert_waiting.run(client, &arguments);
    }

    /// The next waiting rows of an endpoint that are not in memory, up to `limit`, inside a transaction. An endpoint whose
    /// last rows these are overflows no more.
    pub fn read_back(&mut self, client: &SpiClient<'_>, endpoint_id: i64, limit: i32) -> Vec<Row> {
        let Some(&read) = self.overflowing.get(&endpoint_id) else {
            return Vec::new();
        };
        let rows: Vec<Row> = self
            .waiting
            .select(client, &[endpoint_id.into(), read.into(), limit.into()])
            .map(|row| row_of(&row))
            .collect();
        match rows.last() {
            Some(last) if rows.len() == limit as usize => {
                self.overflowing.insert(endpoint_id, last.place.seq);
            }
            _ => {
                self.overflowing.remove(&endpoint_id);
            }
        }
        rows.into_iter()
            .filter(|row| !self.in_memory.contains_key(&row.id()))
            .collect()
    }

    /// This row of those that [`read_back`](Self::read_back) gave is the next to be read back.
    pub fn read_back_later(&mut self, row: &Row) {
        self.overflowing.insert(row.endpoint_id, row.place.seq - 1);
    }

    /// Retries that are due and not in memory, leaving out endpoints that have enough of them there, inside a transaction.
    /// Notes when to ask again.
    pub fn due(&mut self, client: &SpiClient<'_>, except: Vec<i64>, limit: usize) -> Vec<Row> {
        // Those in memory are still in the table and come first, so that they must not use up the limit.
        let limit = limit + self.in_memory.len();
        let now = now();
        let rows: Vec<Row> = self
            .due
            .select(client, &[except.into(), (limit as i32).into()])
            .map(|row| row_of(&row))
            .collect();
        let next = self
            .next_due_after
            .select(client, &[timestamp(now).into()])
            .next();
        let next = next.and_then(|row| row.get::<TimestampWithTimeZone>(1).ok().flatten());
        self.next_due = next.map(|at| Instant::now() + micros(i64::from(at) - now));
        rows.into_iter()
            .filter(|row| !self.in_memory.contains_key(&row.id()))
            .collect()
    }

    /// When [`due`](Self::due) should be asked, as far as is known.
    pub fn next_due(&self) -> Option<Instant> {
        self.next_due
    }

    /// A retry was put off until then.
    pub fn will_be_due(&mut self, at: Instant) {
        self.next_due = Some(self.next_due.map_or(at, |next| next.min(at)));
    }

    /// Which deliveries of these messages are handled according to the tables, inside a transaction.
    pub fn handled(
        &self,
        client: &SpiClient<'_>,
        seqs: Vec<i64>,
        endpoints: Vec<i64>,
    ) -> HashSet<Id> {
        self.handled
            .select(client, &[seqs.into(), endpoints.into()])
            .map(|row| id_of_row(&row))
            .collect()
    }

    /// A retry waits in its row from now on.
    pub fn retry_later(&mut self, id: Id, event_id: i64, record: Option<String>) {
        self.retrying.insert(id, (event_id, record));
    }

    /// A retry is in memory again.
    pub fn retry_now(&mut self, id: Id) {
        self.retrying.remove(&id);
    }

    /// Takes out retries of these endpoints whose rows someone has deleted, or whose webhook was stopped, inside a
    /// transaction; gives the endpoint, event and record of each, which nothing blocks any more.
    pub fn lost_retries(
        &mut self,
        client: &SpiClient<'_>,
        concerns: impl Fn(i64) -> bool,
    ) -> Vec<(i64, i64, Option<String>)> {
        let ids = self.retrying.keys().copied();
        let ids: Vec<Id> = ids.filter(|id| concerns(id.0)).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let there = self.still_there(client, &ids, &["retrying"]);
        let lost = ids.into_iter().filter(|id| !there.contains(id));
        lost.filter_map(|id| {
            self.retrying
                .remove(&id)
                .map(|(event, record)| (id.0, event, record))
        })
        .collect()
    }

    /// Which of these have a row in one of these states, inside a transaction.
    pub fn still_there(&self, client: &SpiClient<'_>, ids: &[Id], states: &[&str]) -> HashSet<Id> {
        let arguments = [
            array(ids, |id| id.0),
            array(ids, |id| id.1),
            array(ids, |id| timestamp(id.2)),
            array(states, |state| (*state).to_owned()),
        ];
        self.still_there
            .select(client, &arguments)
            .map(|row| id_of_row(&row))
            .collect()
    }

    /// At the start, inside a transaction: endpoints with waiting rows overflow, and the rows of all retries are given, so
    /// that nothing of their records is sent before them.
    pub fn load(&mut self, client: &SpiClient<'_>) -> Vec<Row> {
        let waiting = "SELECT DISTINCT endpoint_id FROM webhooks.delivery WHERE state = 'waiting'";
        for row in client
            .select(waiting, None, &[])
            .expect("webhooks.delivery can be read")
        {
            self.overflow(column(&row, 1));
        }
        let retrying = rows_where!("state = 'retrying'");
        client
            .select(retrying, None, &[])
            .expect("webhooks.delivery can be read")
            .map(|row| row_of(&row))
            .collect()
    }
}

/// The time, in microseconds as the server counts.
pub fn now() -> i64 {
    let since_unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    from_unix(since_unix.as_micros() as i64)
}

fn micros(count: i64) -> Duration {
    Duration::from_micros(count.max(0) as u64)
}

/// The name in a row's first three columns.
pub fn id_of_row(row: &SpiHeapTupleData<'_>) -> Id {
    let at: TimestampWithTimeZone = column(row, 3);
    (column(row, 1), column(row, 2), at.into())
}

fn row_of(row: &SpiHeapTupleData<'_>) -> Row {
    let at: TimestampWithTimeZone = column(row, 3);
    Row {
        endpoint_id: column(row, 1),
        place: Place {
            at: at.into(),
            xid: column::<i64>(row, 4) as u64,
            seq: column(row, 2),
        },
        event_id: column(row, 5),
        record: optional_text(row, 6),
        account: None,
        in_lane: false,
        attempts: column::<i32>(row, 7) as u32,
        first_attempt_at: optional::<TimestampWithTimeZone>(row, 8).map(i64::from),
    }
}
