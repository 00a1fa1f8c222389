//! Messages as a whole, fetched by their places when they are about to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::{Event, Message, Operation};

use super::{timestamp, to_unix, Place};
use crate::pg::encoding::{utf8, RawText};
use crate::worker::statement::Statement;

/// Fetches messages; the bounds on `at` name the partitions to look in.
pub struct Messages {
    by_place: Statement,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            by_place: Statement::new(
                "SELECT m.seq, m.at, m.xid::text::bigint, m.event_id, m.operation::text, m.record, m.changed, m.data::text, m.old::text
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
        let text = |value: Option<RawText>| value.map(|text| utf8(&text.0));
        self.by_place
            .select(client, &arguments)
            .filter_map(|row| {
                let at: i64 = row.get::<TimestampWithTimeZone>(2).ok().flatten()?.into();
                let seq: i64 = row.get(1).ok().flatten()?;
                let event = events.get(&row.get::<i64>(4).ok().flatten()?)?;
                let operation = match row.get::<&str>(5).ok().flatten()? {
                    "i" => Operation::Insert,
                    "u" => Operation::Update,
                    "d" => Operation::Delete,
                    _ => Operation::Emit,
                };
                let message = Message {
                    seq,
                    at: to_unix(at),
                    xid: row.get::<i64>(3).ok().flatten()? as u64,
                    event: Arc::clone(event),
                    operation,
                    record: text(row.get(6).ok().flatten()),
                    changed: row.get::<Vec<String>>(7).ok().flatten().unwrap_or_default(),
                    data: text(row.get(8).ok().flatten()),
                    old: text(row.get(9).ok().flatten()),
                };
                Some(((at, seq), Arc::new(message)))
            })
            .collect()
    }
}
