//! Events raised by hand: the part of `webhooks.emit()` that writes to the log.

use crate::pg::encoding::RawText;
use crate::pg::store::{Entry, Operation, Recorded, Text};
use crate::settings;

/// What is known about an occurrence.
pub struct Emitted {
    /// The event.
    pub event_id: i64,
    /// JSON.
    pub data: Option<RawText>,
    /// What it is about.
    pub record: Option<RawText>,
    /// Whose it is.
    pub account: Option<RawText>,
}

/// Appends an emitted message to the log, in this transaction.
pub fn emitted(emitted: Emitted) -> Option<Recorded> {
    let text = |value: RawText| Text::from(&value.0[..]);
    let mut entry = Entry {
        record: emitted.record.map(text),
        data: emitted.data.map(text),
        account: emitted.account.map(text),
        ..Entry::new(emitted.event_id, Operation::Emit)
    };
    if entry.bytes() > settings::max_message_bytes() {
        super::reduce(&mut entry, None);
    }
    super::append(entry)
}
