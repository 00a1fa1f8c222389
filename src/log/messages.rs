//! Messages as a whole, fetched by their places when they are about to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData};
use webhooks_delivery::{Event, Message, Operation};

use super::{timestamp, to_unix, Place};
use crate::pg::encoding::{utf8, RawText};
use crate::pg::statement::{column, optional, Statement};

/// Fetches messages; the bounds on `at` name the partitions to look in.
pub struct Messages {
    by_place: Statement,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            by_place: Statement::new(
                "SELECT m.seq, m.at, m.xid::text::bigint, m.event_id, m.operation::text, m.record, m.changed, m.data::text, m.old::text,
                        m.account, m.metadata::text, m.omitted
                   FROM unnest($1::text[]::xid8[], $2::bigint[]) AS k (xid, seq)
                   JOIN webhooks.message m ON m.xid = k.xid AND m.seq = k.seq
                  WHERE m.at BETWEEN $3 AND $4",
                &[
                    PgBuiltInOids::TEXTARRAYOID,
                    PgBuiltInOids::INT8ARRAYOID,
                    PgBuiltInOids::TIMESTAMPTZOID,
                    PgBuiltInOids::TIMESTAMPTZOID,
                ],
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
        let times = || places.clone().map(|place| place.at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return HashMap::new();
        };
        let xids: Vec<String> = places.clone().map(|place| place.xid.to_string()).collect();
        let seqs: Vec<i64> = places.map(|place| place.seq).collect();
        let arguments = [
            xids.into(),
            seqs.into(),
            timestamp(first).into(),
            timestamp(last).into(),
        ];
        let text = |row: &SpiHeapTupleData<'_>, number| {
            optional::<RawText>(row, number).map(|text| utf8(&text.0))
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
                    record: text(&row, 6),
                    changed: optional(&row, 7).unwrap_or_default(),
                    data: text(&row, 8),
                    old: text(&row, 9),
                    account: text(&row, 10),
                    metadata: text(&row, 11),
                    omitted: optional::<i32>(&row, 12).map(|bytes| bytes as u32),
                };
                Some(((at, message.seq), Arc::new(message)))
            })
            .collect()
    }
}
