//! What is told: events, messages and the ids that messages carry on the wire.

use std::fmt;
use std::mem::size_of;
use std::str::FromStr;
use std::sync::Arc;

/// What to tell about: a table and an operation, or a name that is emitted by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its row in `webhooks.event`.
    pub id: i64,
    /// The name a user gave it; `None` for the unnamed events of `add_event`.
    pub name: Option<String>,
    /// The text in the payload, such as `table.recordInsert`.
    pub event_type: String,
    /// Schema of the table it watches.
    pub object_schema: Option<String>,
    /// Name of the table it watches.
    pub object_name: Option<String>,
    /// Its `data` expression gives the object that a message carries in place of the row.
    pub has_data: bool,
}

impl Event {
    /// What it is called where there is room for one word: the name a user gave it, or else its type.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.event_type)
    }

    /// Whether the product raises it itself: `webhook.errors` and its kin. The record of its messages is the id of the
    /// webhook that they are about. No other type begins so: such names are reserved.
    pub fn is_about_webhooks(&self) -> bool {
        self.event_type.starts_with("webhook.")
    }
}

/// What was done to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A row was inserted.
    Insert,
    /// A row was changed; the message has `changed` and `old`.
    Update,
    /// A row was deleted; `data` is the row as it was.
    Delete,
    /// All rows of the table were deleted at once; there is no `data`.
    Truncate,
    /// No row: the event was raised by hand.
    Emit,
}

/// One occurrence of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the order of all messages of this database.
    pub seq: i64,
    /// When it was captured, in microseconds since the Unix epoch.
    pub at: i64,
    /// The top-level transaction that recorded it.
    pub xid: u64,
    /// What it is an occurrence of.
    pub event: Arc<Event>,
    /// What was done.
    pub operation: Operation,
    /// What keeps it in order among others about the same: the event's key, else the primary key as text, or the
    /// `record` given to `emit`.
    pub record: Option<String>,
    /// The primary key as text, where `record` is an event's key.
    pub primary_key: Option<String>,
    /// Names of the columns an update changed.
    pub changed: Vec<String>,
    /// The row or the emitted object as JSON text, which is embedded as it is.
    pub data: Option<String>,
    /// The changed columns before an update, as JSON text.
    pub old: Option<String>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// What the transaction wanted to go with its messages, as JSON text.
    pub metadata: Option<String>,
    /// How many bytes `data` and `old` would have had that are left out, since a message may not be that large.
    pub omitted: Option<u32>,
}

impl Message {
    /// The id on the wire, the same for every endpoint and every attempt.
    pub fn id(&self) -> MessageId {
        MessageId {
            at: self.at,
            seq: self.seq,
        }
    }

    /// What it is about: the primary key as text, the event's key where the table has none, or the `record` given to `emit`.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.primary_key.as_deref().or(self.record.as_deref())
    }

    /// As `eventType` has it: what was done to the table, or the name of what was emitted; of `webhook7.errors` it is
    /// `webhook.errors`.
    pub(crate) fn event_type(&self) -> &str {
        match self.operation {
            Operation::Emit if !self.event.is_about_webhooks() => self.event.label(),
            _ => &self.event.event_type,
        }
    }

    /// Schema of the table it is about. What is emitted is about no table, whatever else raises its event.
    pub(crate) fn object_schema(&self) -> Option<&str> {
        self.event
            .object_schema
            .as_deref()
            .filter(|_| self.operation != Operation::Emit)
    }

    /// Name of the table it is about.
    pub(crate) fn object_name(&self) -> Option<&str> {
        self.event
            .object_name
            .as_deref()
            .filter(|_| self.operation != Operation::Emit)
    }

    /// What says which message it is and what it is about, without what it tells.
    pub(crate) fn without_content(&self) -> Self {
        Message {
            event: Arc::clone(&self.event),
            record: self.record.clone(),
            primary_key: self.primary_key.clone(),
            account: self.account.clone(),
            changed: Vec::new(),
            data: None,
            old: None,
            metadata: None,
            ..*self
        }
    }

    /// The bytes it holds in memory, roughly.
    pub fn weight(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let changed: usize = self
            .changed
            .iter()
            .map(|name| name.len() + size_of::<String>())
            .sum();
        size_of::<Self>()
            + optional(&self.record)
            + optional(&self.primary_key)
            + changed
            + optional(&self.data)
            + optional(&self.old)
            + optional(&self.account)
            + optional(&self.metadata)
    }
}

/// The id of a message on the wire: `msg_` and 26 characters that sort by time, then by sequence.
///
/// The time is part of it because an asynchronous failover hands the same sequence values out again, and a
/// receiver would take the new message for a repeat of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// When the message was captured, in microseconds since the Unix epoch.
    pub at: i64,
    /// Its sequence number.
    pub seq: i64,
}

/// Digits in the order of their ASCII codes, so that ids sort as the numbers they stand for.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const PREFIX: &str = "msg_";
/// Five bits a character: thirteen hold the 64 of a number.
const WIDTH: usize = 13;

impl MessageId {
    /// Appends the text form; what `Display` gives, without its machinery.
    pub(crate) fn append_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(&encode(self.at));
        out.extend_from_slice(&encode(self.seq));
    }
}

/// The id of a call: unlike that of its message, different for each attempt and each endpoint.
pub(crate) fn call_id(at: i64, random: u64) -> String {
    let digits = encode(at).into_iter().chain(encode(random.cast_signed()));
    "call_".chars().chain(digits.map(char::from)).collect()
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for digit in encode(self.at).into_iter().chain(encode(self.seq)) {
            fmt::Write::write_char(f, char::from(digit))?;
        }
        Ok(())
    }
}

/// The text is not the id of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAMessageId;

impl fmt::Display for NotAMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a message id: msg_ and 26 of the characters 0-9 and a-v are expected")
    }
}

impl std::error::Error for NotAMessageId {}

impl FromStr for MessageId {
    type Err = NotAMessageId;

    fn from_str(text: &str) -> Result<Self, NotAMessageId> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotAMessageId)?.as_bytes();
        if digits.len() != 2 * WIDTH {
            return Err(NotAMessageId);
        }
        let (at, seq) = digits.split_at(WIDTH);
        Ok(MessageId {
            at: decode(at).ok_or(NotAMessageId)?,
            seq: decode(seq).ok_or(NotAMessageId)?,
        })
    }
}

fn encode(number: i64) -> [u8; WIDTH] {
    let mut rest = number.cast_unsigned();
    let mut text = [0; WIDTH];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(rest % 32) as usize];
        rest /= 32;
    }
    text
}

fn decode(digits: &[u8]) -> Option<i64> {
    let mut number: u64 = 0;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'v' => digit - b'a' + 10,
            _ => return None,
        };
        number = number.checked_mul(32)?.checked_add(u64::from(value))?;
    }
    Some(number.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_through_text() {
        for (at, seq) in [(0, 0), (1_795_464_000_123_456, 42), (i64::MAX, -1)] {
            let id = MessageId { at, seq };
            let text = id.to_string();
            assert_eq!(text.len(), 30);
            assert!(!text.contains('.'), "the signature separates with dots");
            assert_eq!(text.parse(), Ok(id));
            let mut appended = Vec::new();
            id.append_to(&mut appended);
            assert_eq!(appended, text.as_bytes());
        }
    }

    #[test]
    fn the_text_never_changes() {
        let id = MessageId {
            at: 1_795_464_000_123_456,
            seq: 42,
        };
        assert_eq!(id.to_string(), "msg_001j0us4uuci0000000000001a");
    }

    #[test]
    fn calls_have_ids_that_sort_by_time() {
        assert_eq!(
            call_id(1_795_464_000_123_456, 42),
            "call_001j0us4uuci0000000000001a"
        );
        assert!(call_id(1, u64::MAX) < call_id(2, 0));
    }

    #[test]
    fn ids_sort_by_time_then_by_sequence() {
        let ids = [(1, 900), (2, 1), (2, 31), (2, 32), (33, 0), (1 << 40, 5)];
        let texts: Vec<String> = ids
            .iter()
            .map(|&(at, seq)| MessageId { at, seq }.to_string())
            .collect();
        assert!(texts.is_sorted());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "msg_",
            "msg_001j0us4uuci0000000000001",
            "msg_001j0us4uuci0000000000001aa",
            "msg_001J0US4UUCI0000000000001A",
            "msg_w01j0us4uuci0000000000001a",
            "msg_g01j0us4uuci0000000000001a",
            "msg_v01j0us4uuci0000000000001a",
            "evt_001j0us4uuci0000000000001a",
            "msg_001j0us4uuci000000000000é",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(NotAMessageId), "{text}");
        }
    }
}
