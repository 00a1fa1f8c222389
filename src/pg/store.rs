//! Appending to the message log, straight to the heap: no plan, no privilege of the writing user's, no subtransaction.

use pgrx::pg_sys::{self, Datum};

use super::partition::{self, Values};

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// A text value under construction, with room for its length in front, so that it becomes a datum where it stands.
pub struct Text(Vec<u8>);

impl Text {
    /// An empty one.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty one with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(pg_sys::VARHDRSZ + bytes);
        buffer.resize(pg_sys::VARHDRSZ, 0);
        Self(buffer)
    }

    /// Where the text is written: append only, what is there stays.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len() - pg_sys::VARHDRSZ
    }

    fn datum(&mut self) -> Datum {
        // SAFETY: the buffer begins with room for a header, is aligned as malloc aligns, and outlives the datum's
        // use: heap_form_tuple copies it.
        unsafe { pgrx::set_varsize_4b(self.0.as_mut_ptr().cast(), self.0.len() as i32) };
        Datum::from(self.0.as_mut_ptr())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        let mut text = Self::with_capacity(bytes.len());
        text.0.extend_from_slice(bytes);
        text
    }
}

/// What happened: a change of a row, or an event raised by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A row came into being.
    Insert,
    /// A row changed.
    Update,
    /// A row is gone.
    Delete,
    /// All rows of a table are gone at once.
    Truncate,
    /// `webhooks.emit()`.
    Emit,
}

impl Operation {
    /// The operation that an event's type names.
    pub fn of_type(event_type: &str) -> Option<Self> {
        match event_type {
            "table.recordInsert" => Some(Operation::Insert),
            "table.recordUpdate" => Some(Operation::Update),
            "table.recordDelete" => Some(Operation::Delete),
            "table.truncate" => Some(Operation::Truncate),
            _ => None,
        }
    }

    /// As it stands in the log.
    fn code(self) -> u8 {
        match self {
            Operation::Insert => b'i',
            Operation::Update => b'u',
            Operation::Delete => b'd',
            Operation::Truncate => b't',
            Operation::Emit => b'e',
        }
    }
}

/// One row of the message log; `at`, `xid` and `seq` are added when it is written.
pub struct Entry {
    /// The event that was raised.
    pub event_id: i64,
    /// What happened.
    pub operation: Operation,
    /// The key that orders it among messages about the same record.
    pub record: Option<Text>,
    /// Names of the columns that an update changed.
    pub changed: Option<Vec<Text>>,
    /// The row, or what was emitted, as JSON.
    pub data: Option<Text>,
    /// The changed columns as they were, as JSON.
    pub old: Option<Text>,
    /// The account it belongs to.
    pub account: Option<Text>,
    /// What goes with each message of the transaction, as JSON.
    pub metadata: Option<Text>,
    /// How many bytes were left out, if any.
    pub omitted: Option<usize>,
    /// The primary key, where what orders it is another.
    pub primary_key: Option<Text>,
}

impl Entry {
    /// An occurrence of an event about which nothing else is known.
    pub fn new(event_id: i64, operation: Operation) -> Self {
        Self {
            event_id,
            operation,
            record: None,
            changed: None,
            data: None,
            old: None,
            account: None,
            metadata: None,
            omitted: None,
            primary_key: None,
        }
    }

    /// The bytes of what it tells.
    pub fn bytes(&self) -> usize {
        let length = |text: &Option<Text>| text.as_ref().map_or(0, Text::len);
        length(&self.data) + length(&self.old)
    }
}

/// When and under which number a message was recorded.
pub struct Recorded {
    /// Microseconds since 2000-01-01 UTC.
    pub at: i64,
    /// From the sequence.
    pub seq: i64,
}

/// Appends a message in the current transaction. `None` where the extension is being dropped or was never whole.
pub fn append(mut entry: Entry) -> Option<Recorded> {
    // SAFETY: reads the clock.
    let at = unsafe { pg_sys::GetCurrentTimestamp() };
    let columns = [
        Some(Datum::from(at)),
        Some(Datum::null()), // xid
        Some(Datum::null()), // seq
        Some(Datum::from(entry.event_id)),
        Some(Datum::from(entry.operation.code())),
        entry.record.as_mut().map(Text::datum),
        entry.changed.as_mut().map(|names| {
            // SAFETY: the names live as long as the entry.
            unsafe { text_array(names) }
        }),
        entry.data.as_mut().map(Text::datum),
        entry.old.as_mut().map(Text::datum),
        entry.account.as_mut().map(Text::datum),
        entry.metadata.as_mut().map(Text::datum),
        entry.omitted.map(|bytes| {
            let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
            Datum::from(bytes)
        }),
        entry.primary_key.as_mut().map(Text::datum),
    ];
    let mut row = Values {
        values: columns.map(|column| column.unwrap_or(Datum::null())),
        nulls: columns.map(|column| column.is_none()),
    };
    let seq = partition::insert(at.div_euclid(DAY), &mut row, 1, 2)?;
    Some(Recorded { at, seq })
}

unsafe fn text_array(names: &mut [Text]) -> Datum {
    let mut datums: Vec<Datum> = names.iter_mut().map(Text::datum).collect();
    // SAFETY: each datum is a text; construct_array copies them.
    unsafe {
        Datum::from(pg_sys::construct_array(
            datums.as_mut_ptr(),
            datums.len() as i32,
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
        ))
    }
}
