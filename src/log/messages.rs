//! Messages as a whole, fetched by their places when they are about to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::{Event, Message, Operation};

use super::{timestamp, to_unix, Place};
use crate::pg::encoding::Utf8;
use crate::pg::statement::{column, optional, optional_text, Statement};

/// Fetches messages; the bounds on `at` name the partitions to look in.
pub struct Messages {
    by_place: Statement,
    bytes: Statement,
}

/// Transactions and numbers, and the bounds of their times.
const PLACES: &[PgBuiltInOids] = &[
    PgBuiltInOids::TEXTARRAYOID,
    PgBuiltInOids::INT8ARRAYOID,
    PgBuiltInOids::TIMESTAMPTZOID,
    PgBuiltInOids::TIMESTAMPTZOID,
];

impl Default for Messages {
    fn default() -> Self {
        Self {
            by_place: Statement::new(
                // Cast to text, the long values of all rows would be read and copied at once.
                "SELECT m.seq, m.at, m.xid::text::bigint, m.event_id, m.operation::text, m.record, m.changed, m.data, m.old,
                        m.account, m.metadata, m.omitted, m.primary_key
                   FROM unnest($1::text[]::xid8[], $2::bigint[]) AS k (xid, seq)
                   JOIN webhooks.message m ON m.xid = k.xid AND m.seq = k.seq
                  WHERE m.at BETWEEN $3 AND $4",
                PLACES,
            ),
            bytes: Statement::new(
                "SELECT m.at, m.seq, webhooks.message_bytes(m.data, m.old, m.metadata)
                   FROM unnest($1::text[]::xid8[], $2::bigint[]) AS k (xid, seq)
                   JOIN webhooks.message m ON m.xid = k.xid AND m.seq = k.seq
                  WHERE m.at BETWEEN $3 AND $4",
                PLACES,
            ),
        }
    }
}

impl Messages {
    /// The messages at these places by time and number, inside a transaction. One whose event is unknown or that is no
    /// longer in the log is left out.
    pub fn fetch<'a>(
        &self,
        client: &SpiClient<'_>,
        places: impl Iterator<Item = &'a Place> + Clone,
        events: &HashMap<i64, Arc<Event>>,
    ) -> HashMap<(i64, i64), Arc<Message>> {
        let Some(arguments) = arguments(places) else {
            return HashMap::new();
        };
        self.by_place
            .select(client, &arguments)
            .filter_map(|row| {
                let at = column::<TimestampWithTimeZone>(&row, 2).into();
                let message = Message {
                    seq: column(&row, 1),
                    at: to_unix(at),
                    xid: column::<i64>(&row, 3) as u64,
                    event: Arc::clone(events.get(&column::<i64>(&row, 4))?),
                    operation: match column::<String>(&row, 5).as_str() {
                        "i" => Operation::Insert,
                        "u" => Operation::Update,
                        "d" => Operation::Delete,
                        "t" => Operation::Truncate,
                        _ => Operation::Emit,
                    },
                    record: optional_text(&row, 6),
                    changed: optional::<Vec<Utf8>>(&row, 7)
                        .map(|names| names.into_iter().map(|name| name.0).collect())
                        .unwrap_or_default(),
                    data: optional_text(&row, 8),
                    old: optional_text(&row, 9),
                    account: optional_text(&row, 10),
                    metadata: optional_text(&row, 11),
                    omitted: optional::<i32>(&row, 12).map(|bytes| bytes as u32),
                    primary_key: optional_text(&row, 13),
                };
                Some(((at, message.seq), Arc::new(message)))
            })
            .collect()
    }

    /// How many of these, from the first on, take no more memory than there is, but one at least, inside a transaction.
    pub fn fitting<'a>(
        &self,
        client: &SpiClient<'_>,
        places: impl Iterator<Item = &'a Place> + Clone,
        memory: usize,
    ) -> usize {
        let Some(arguments) = arguments(places.clone()) else {
            return 0;
        };
        let rows = self.bytes.select(client, &arguments);
        let bytes: HashMap<(i64, i64), usize> = rows
            .map(|row| {
                let at: TimestampWithTimeZone = column(&row, 1);
                let bytes = column::<i64>(&row, 3) as usize;
                ((at.into(), column(&row, 2)), bytes)
            })
            .collect();
        let mut room = Room::new(memory);
        places
            .take_while(|place| {
                // What is not in the log any more takes nothing.
                let bytes = bytes.get(&(place.at, place.seq)).copied();
                room.takes(bytes.unwrap_or_default())
            })
            .count()
    }
}

/// Memory that is given away, but some to the first in any case: what is too large for all of it must get through.
pub struct Room {
    left: Option<usize>,
    memory: usize,
}

impl Room {
    /// So many bytes.
    pub fn new(memory: usize) -> Self {
        Self { left: None, memory }
    }

    /// Gives so many away, if they are there.
    pub fn takes(&mut self, bytes: usize) -> bool {
        let left = match self.left {
            None => Some(self.memory.saturating_sub(bytes)),
            Some(left) => left.checked_sub(bytes),
        };
        self.left = left.or(self.left);
        left.is_some()
    }
}

/// What statements about messages at these places are given; `None` where there are none.
fn arguments<'a>(
    places: impl Iterator<Item = &'a Place> + Clone,
) -> Option<[DatumWithOid<'static>; 4]> {
    let times = || places.clone().map(|place| place.at);
    let (first, last) = (times().min()?, times().max()?);
    let xids: Vec<String> = places.clone().map(|place| place.xid.to_string()).collect();
    let seqs: Vec<i64> = places.map(|place| place.seq).collect();
    Some([
        xids.into(),
        seqs.into(),
        timestamp(first).into(),
        timestamp(last).into(),
    ])
}
