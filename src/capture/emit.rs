//! Events raised by hand: the part of `webhooks.emit()` that writes to the log.

use crate::pg::store::{self, Entry, Operation, Recorded, Text};
use crate::pg::wake;

/// Appends an emitted message to the log, in this transaction. `data` is JSON text.
pub fn emitted(event_id: i64, data: Option<&str>, record: Option<&str>) -> Option<Recorded> {
    let text = |value: &str| Text::from(value.as_bytes());
    let recorded = store::append(Entry {
        event_id,
        operation: Operation::Emit,
        record: record.map(text),
        changed: None,
        data: data.map(text),
        old: None,
        account: None,
        metadata: None,
    })?;
    wake::at_commit();
    Some(recorded)
}
