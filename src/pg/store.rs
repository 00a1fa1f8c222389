//! Appending to the message log, straight to the heap: no plan, no privilege of the writing user's, no subtransaction.

use std::cell::Cell;

use pgrx::pg_sys::{self, Datum, Oid};

use super::{catalog, sys};

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
    /// `webhooks.emit()`.
    Emit,
}

impl Operation {
    /// As it stands in the log.
    fn code(self) -> u8 {
        match self {
            Operation::Insert => b'i',
            Operation::Update => b'u',
            Operation::Delete => b'd',
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
}

/// When and under which number a message was recorded.
pub struct Recorded {
    /// Microseconds since 2000-01-01 UTC.
    pub at: i64,
    /// From the sequence.
    pub seq: i64,
}

/// Where to write, looked up once and again whenever definitions change.
#[derive(Clone, Copy)]
struct Place {
    generation: u64,
    day: i64,
    partition: Oid,
    sequence: Oid,
}

thread_local! {
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Appends a message in the current transaction. `None` where the extension is being dropped or was never whole.
pub fn append(mut entry: Entry) -> Option<Recorded> {
    // SAFETY: reads the clock.
    let at = unsafe { pg_sys::GetCurrentTimestamp() };
    let (place, relation) = open(at.div_euclid(DAY))?;
    // SAFETY: the partition has the nine columns of webhooks.message in this order and of these types, since it is
    // a partition of it; the texts and arrays outlive heap_form_tuple, which copies them.
    unsafe {
        let seq = sys::nextval(place.sequence);
        let xid = pg_sys::GetTopFullTransactionId().value;
        let changed = entry.changed.as_mut().map(|names| text_array(names));
        let columns = [
            Some(Datum::from(at)),
            Some(Datum::from(xid)),
            Some(Datum::from(seq)),
            Some(Datum::from(entry.event_id)),
            Some(Datum::from(entry.operation.code())),
            entry.record.as_mut().map(Text::datum),
            changed,
            entry.data.as_mut().map(Text::datum),
            entry.old.as_mut().map(Text::datum),
        ];
        let mut values = columns.map(|c| c.unwrap_or(Datum::from(0)));
        let mut nulls = columns.map(|c| c.is_none());
        let tuple =
            pg_sys::heap_form_tuple((*relation).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(relation, tuple);
        pg_sys::heap_freetuple(tuple);
        // The lock is kept until the transaction ends, as for any table that was written to.
        pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        Some(Recorded { at, seq })
    }
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

/// Opens the partition for a day. Taking the lock brings news: where a partition was made or dropped meanwhile, the
/// row must go where it belongs now.
fn open(day: i64) -> Option<(Place, pg_sys::Relation)> {
    loop {
        let place = place_for(day)?;
        let lock = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
        // SAFETY: opens by OID; null when the table is gone.
        let relation = unsafe { pg_sys::try_table_open(place.partition, lock) };
        if relation.is_null() {
            PLACE.set(None);
            continue;
        }
        if place.generation == catalog::generation() {
            return Some((place, relation));
        }
        // SAFETY: opened above.
        unsafe { pg_sys::table_close(relation, lock) };
    }
}

fn place_for(day: i64) -> Option<Place> {
    let generation = catalog::generation();
    let cached = PLACE
        .get()
        .filter(|place| place.day == day && place.generation == generation);
    if cached.is_some() {
        return cached;
    }
    let schema = catalog::schema()?;
    let sequence = catalog::relation(schema, "message_seq")?;
    // Where the worker has not been there to make the day's partition, the default one takes the row.
    let partition = catalog::relation(schema, &partition_name(day))
        .or_else(|| catalog::relation(schema, "message_default"))?;
    let place = Place {
        generation,
        day,
        partition,
        sequence,
    };
    PLACE.set(Some(place));
    Some(place)
}

/// The name of the partition for a day, counted from 2000-01-01 UTC: `message_20261123`.
fn partition_name(day: i64) -> String {
    let (mut year, mut month, mut date) = (0, 0, 0);
    // SAFETY: calendar arithmetic that writes to three locals.
    unsafe {
        let julian = day as i32 + pg_sys::POSTGRES_EPOCH_JDATE as i32;
        pg_sys::j2date(julian, &mut year, &mut month, &mut date);
    }
    format!("message_{year:04}{month:02}{date:02}")
}
