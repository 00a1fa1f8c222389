//! Reading the message log: what is new, in which order, and how far everything is handled.

pub mod cursor;
pub mod messages;
pub mod reader;
pub mod snapshot;

use pgrx::prelude::*;

/// A message's place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// When it was recorded, in microseconds since 2000-01-01 UTC, as the server counts.
    pub at: i64,
    /// The transaction that recorded it.
    pub xid: u64,
    /// Its number.
    pub seq: i64,
}

/// A message as far as it must be known to decide where it goes.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// What it is an occurrence of.
    pub event_id: i64,
    /// The record it is about.
    pub record: Option<String>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// How much memory its values take.
    pub bytes: usize,
    /// It was larger than `webhooks.max_message_bytes`: only its key is there.
    pub is_reduced: bool,
}

/// Microseconds between the server's epoch and Unix's.
const EPOCHS_APART: i64 = 946_684_800_000_000;

/// Server time to microseconds since the Unix epoch.
pub fn to_unix(at: i64) -> i64 {
    at + EPOCHS_APART
}

/// Microseconds since the Unix epoch to server time.
pub fn from_unix(at: i64) -> i64 {
    at - EPOCHS_APART
}

/// Server time as a `timestamptz` value.
pub fn timestamp(at: i64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(at).expect("a time the server recorded")
}
