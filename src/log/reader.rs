//! The reader: which messages are new, and up to where all of them are handled.
//!
//! No row is marked as read. The cursor is a snapshot: new is what is visible now and was not visible in the snapshot
//! of the last read. So a transaction that commits late is never skipped, and one that stays open costs nothing.
//!
//! What one read finds is a [`Generation`]. It is read in pages, in the order of the sequence, through a cursor that
//! outlives its transaction: a million rows are neither in memory at once nor looked for again at each page. The
//! generation is over when each of its messages is handled: delivered, or kept in `webhooks.delivery`.

use std::collections::{BTreeMap, VecDeque};

use pgrx::prelude::*;

use super::cursor::Position;
use super::{Entry, Place};
use crate::pg::cursor::{Fetched, Held, Query};
use crate::pg::{encoding, transaction};

/// Messages per page.
const PAGE: usize = 500;

/// What is visible now and was not in snapshot `$1`, after number `$2` and visible in `$3` where these are given.
///
/// The condition on `seq` is written so that no index can serve it: the one on (xid, seq) must be entered by `xid`, or
/// each read would walk all that was ever read.
const NEW_MESSAGES: &std::ffi::CStr = c"
    SELECT at, xid::text::bigint, seq, event_id, record, account, omitted IS NOT NULL,
           webhooks.message_bytes(data, old, metadata)
      FROM webhooks.message
     WHERE (xid >= pg_snapshot_xmax($1::pg_snapshot)
            OR xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot))))
       AND ($2 IS NULL OR seq > $2)
       AND ($3 IS NULL OR pg_visible_in_snapshot(xid, $3::pg_snapshot))
     ORDER BY seq";

/// Messages that one read found.
struct Generation {
    id: u64,
    from: String,
    to: String,
    /// Number of deliveries not handled yet, by the message's sequence number.
    open: BTreeMap<i64, usize>,
    /// Messages that pages have given and nobody has routed yet.
    unrouted: usize,
    /// The last that was routed.
    last_seq: i64,
    exhausted: bool,
}

/// A page of messages, in the order of the sequence.
pub struct Page {
    /// The read it came from.
    pub generation: u64,
    /// Some of them may have been handled before the worker was started.
    pub recovered: bool,
    /// The messages.
    pub entries: Vec<Entry>,
}

/// See the module's documentation.
pub struct Reader {
    query: Query,
    held: Option<Held>,
    /// All that this snapshot shows has been read.
    read: String,
    /// The window that was open when the last worker ended, to be read first.
    recover: Option<(String, i64)>,
    /// Reads that can find messages which the last worker has handled: the window above and the first one after it.
    recovering: u8,
    generations: VecDeque<Generation>,
    next_id: u64,
    /// A page was taken from the cursor and its transaction has not been committed.
    torn: bool,
    /// Messages were found since the position was last settled.
    found: bool,
}

impl Reader {
    /// Goes on where the position says.
    pub fn new(position: Position) -> Self {
        let recover = position.to.map(|to| (to, position.up_to_seq));
        Self {
            query: Query::new(NEW_MESSAGES),
            held: None,
            read: position.from,
            recovering: if recover.is_some() { 2 } else { 1 },
            recover,
            generations: VecDeque::new(),
            next_id: 1,
            torn: false,
            found: false,
        }
    }

    /// The next messages, inside a transaction; `None` when there are no more for now. Every message is given once.
    pub fn next_page(&mut self) -> Option<Page> {
        Spi::connect(|_| {
            if self.held.is_none() {
                self.open()?;
            }
            self.torn = true;
            let held = self.held.take().expect("opened above");
            let text = |row: &Fetched, column| {
                let text = row.get::<encoding::RawText>(column)?;
                Some(encoding::utf8(&text.0))
            };
            let entries = held.fetch(PAGE, |row| Entry {
                place: Place {
                    at: row
                        .get::<TimestampWithTimeZone>(1)
                        .expect("at is set")
                        .into(),
                    xid: row.get::<i64>(2).expect("xid is set") as u64,
                    seq: row.get(3).expect("seq is set"),
                },
                event_id: row.get(4).expect("event_id is set"),
                record: text(row, 5),
                account: text(row, 6),
                is_reduced: row.get(7).expect("a comparison with NULL is true or false"),
                bytes: row.get::<i64>(8).expect("NULLs take nothing") as usize,
            });
            let generation = self
                .generations
                .back_mut()
                .expect("a cursor belongs to a generation");
            if entries.len() == PAGE {
                self.held = Some(held);
            } else {
                held.close();
                generation.exhausted = true;
            }
            generation.unrouted += entries.len();
            self.found |= !entries.is_empty();
            Some(Page {
                generation: generation.id,
                recovered: self.recovering > 0,
                entries,
            })
        })
    }

    /// The transaction of [`next_page`](Self::next_page) was committed.
    pub fn page_is_safe(&mut self) {
        self.torn = false;
    }

    /// The transaction of a page was rolled back: what the page gave is lost to this reader, and only a new one, which
    /// begins at the position written last, will find it again.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Whether there is something to read without anything new happening.
    pub fn has_more(&self) -> bool {
        self.held.is_some() || self.recover.is_some()
    }

    /// Opens the cursor on the next generation, `None` when nothing has happened since the last.
    fn open(&mut self) -> Option<()> {
        if self.next_id > 1 {
            self.recovering = self.recovering.saturating_sub(1);
        }
        crate::pg::cursor::close_left_over();
        let now = transaction::current_snapshot();
        let (to, after, within) = match &self.recover {
            Some((to, after)) => (to.clone(), Some(*after), Some(to.clone())),
            None if now == self.read => return None,
            None => (now, None, None),
        };
        transaction::flush_wal();
        self.held = Some(self.query.open(&self.read, after, within.as_deref()));
        self.recover = None;
        let from = std::mem::replace(&mut self.read, to.clone());
        let id = self.next_id;
        self.next_id += 1;
        self.generations.push_back(Generation {
            id,
            from,
            to,
            open: BTreeMap::new(),
            unrouted: 0,
            last_seq: after.unwrap_or(i64::MIN),
            exhausted: false,
        });
        Some(())
    }

    /// Notes that it is decided where these messages of a page go: the first ones of those that were left. Their deliveries
    /// are [expected](Self::expect) already.
    pub fn routed(&mut self, generation: u64, entries: &[Entry]) {
        if let (Some(generation), Some(last)) = (self.generation(generation), entries.last()) {
            generation.unrouted -= entries.len();
            generation.last_seq = last.place.seq;
        }
    }

    /// Notes that a message of a page has so many deliveries to be handled.
    pub fn expect(&mut self, generation: u64, seq: i64, deliveries: usize) {
        if deliveries > 0 {
            if let Some(generation) = self.generation(generation) {
                *generation.open.entry(seq).or_default() += deliveries;
            }
        }
    }

    /// Notes that a delivery was handled, durably.
    pub fn handled(&mut self, generation: u64, seq: i64) {
        if let Some(generation) = self.generation(generation) {
            if let Some(left) = generation.open.get_mut(&seq) {
                *left -= 1;
                if *left == 0 {
                    generation.open.remove(&seq);
                }
            }
        }
    }

    fn generation(&mut self, id: u64) -> Option<&mut Generation> {
        let place = self.generations.binary_search_by_key(&id, |g| g.id).ok()?;
        self.generations.get_mut(place)
    }

    /// Up to where everything is handled now: what to go on from after a crash. `None` while no message was found since
    /// the last time that everything was: transactions that have none are not worth a row each.
    pub fn position(&mut self) -> Option<Position> {
        self.found.then(|| self.current_position())
    }

    /// A position that nothing is open in was written down.
    pub fn settled(&mut self) {
        self.found = !self.generations.is_empty();
    }

    fn current_position(&mut self) -> Position {
        // Also behind one that stays open for long: the next worker will find what they had handled.
        self.generations
            .retain(|g| !g.exhausted || g.unrouted > 0 || !g.open.is_empty());
        match self.generations.front() {
            None => Position {
                from: self.read.clone(),
                to: None,
                up_to_seq: i64::MIN,
            },
            Some(generation) => Position {
                from: generation.from.clone(),
                to: Some(generation.to.clone()),
                up_to_seq: generation
                    .open
                    .keys()
                    .next()
                    .map_or(generation.last_seq, |first| first - 1),
            },
        }
    }
}
