//! The log's partition for a day, and the insertion of a row into it and its indexes.
//!
//! Applications pay for each row, so what an insertion needs is found out once and kept: which tables to write to until
//! definitions change, and that they are locked until the transaction, or the part of it that may be undone by itself,
//! ends. References to relations are not kept: they belong to the statement, and where one was open, `DROP EXTENSION`
//! in the same transaction would fail.

use std::cell::Cell;

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};

use super::sys::raw;
use super::{catalog, sys, versions};

/// How many columns `webhooks.message` has.
pub(super) const COLUMNS: usize = 13;

const WRITING: pg_sys::LOCKMODE = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
const NO_LOCK: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;

/// Where the rows of a day go.
pub(super) struct Partition {
    day: i64,
    generation: u64,
    table: Oid,
    indexes: Indexes,
    /// The sequence that numbers messages.
    sequence: Oid,
    /// Where table and indexes were locked last.
    locked: Option<Stretch>,
}

/// A part of a transaction that is undone as a whole, by its numbers: a lock taken in it is held until it ends.
#[derive(Clone, Copy, PartialEq)]
struct Stretch {
    transaction: u32,
    subtransaction: u32,
}

impl Stretch {
    fn current() -> Self {
        // SAFETY: a trigger or function runs inside a transaction.
        unsafe {
            Self {
                transaction: versions::local_transaction(),
                subtransaction: pg_sys::GetCurrentSubTransactionId(),
            }
        }
    }
}

/// What an insertion does to the indexes.
enum Indexes {
    /// B-trees of plain columns, such as ours: the row's values go straight in.
    Plain(Vec<PlainIndex>),
    /// Somebody added an index that takes more, such as one of an expression: the executor does it, at its price.
    Any,
}

struct PlainIndex {
    oid: Oid,
    info: pg_sys::IndexInfo,
}

thread_local! {
    /// Taken out while it is in use: an index of an expression may run anything, also what is captured.
    static LAST: Cell<Option<Box<Partition>>> = const { Cell::new(None) };
}

/// A row of the log before it is one.
pub(super) struct Values {
    /// By column.
    pub values: [Datum; COLUMNS],
    /// Which are NULL.
    pub nulls: [bool; COLUMNS],
}

/// Inserts a row into the partition for a day. Its number is taken when the place is certain, and put with the number
/// of the transaction into the columns with these positions. Returns the number; `None` where the extension is being
/// dropped or was never whole.
pub(super) fn insert(
    day: i64,
    row: &mut Values,
    xid_column: usize,
    seq_column: usize,
) -> Option<i64> {
    let partition = lock(day)?;
    let number = partition.insert(row, xid_column, seq_column);
    LAST.set(Some(partition));
    Some(number)
}

/// The partition for a day, locked. Taking the lock brings news: where a partition was made or dropped meanwhile, the
/// row must go where it belongs now.
fn lock(day: i64) -> Option<Box<Partition>> {
    let here = Stretch::current();
    loop {
        let generation = catalog::generation();
        let known = LAST
            .take()
            .filter(|known| known.day == day && known.generation == generation);
        let mut partition = match known {
            Some(known) => known,
            None => Box::new(Partition::find(day)?),
        };
        if partition.locked != Some(here) {
            if !partition.lock() {
                continue;
            }
            partition.locked = Some(here);
        }
        if partition.generation == catalog::generation() {
            return Some(partition);
        }
    }
}

impl Partition {
    fn find(day: i64) -> Option<Self> {
        let generation = catalog::generation();
        let schema = catalog::schema()?;
        let sequence = catalog::relation(schema, "message_seq")?;
        // Where the worker has not been there to make the day's partition, the default one takes the row.
        let table = catalog::relation(schema, &name(day))
            .or_else(|| catalog::relation(schema, "message_default"))?;
        Some(Self {
            day,
            generation,
            table,
            indexes: Indexes::Plain(Vec::new()),
            sequence,
            locked: None,
        })
    }

    /// Locks the table and its indexes until the transaction ends, as any table that is written to, and learns the
    /// indexes. False where the table is gone.
    fn lock(&mut self) -> bool {
        // SAFETY: opens by OID, null when the table is gone; the list is a copy of ours and holds OIDs.
        unsafe {
            let table = pg_sys::try_table_open(self.table, WRITING);
            if table.is_null() {
                return false;
            }
            let indexes = sys::oids(pg_sys::RelationGetIndexList(table));
            let plain: Option<Vec<_>> = indexes.iter().map(|&i| PlainIndex::lock(i)).collect();
            self.indexes = plain.map_or(Indexes::Any, Indexes::Plain);
            pg_sys::table_close(table, NO_LOCK);
        }
        true
    }

    fn insert(&self, row: &mut Values, xid_column: usize, seq_column: usize) -> i64 {
        let values = row.values.as_mut_ptr();
        let nulls = row.nulls.as_mut_ptr();
        let plain: &[PlainIndex] = match &self.indexes {
            Indexes::Plain(indexes) => indexes,
            Indexes::Any => &[],
        };
        // SAFETY: the table has the columns of webhooks.message in its order and of its types, since it is a partition
        // of it; what the values point to outlives heap_form_tuple, which copies it. Table and indexes are locked, and
        // are there as long as `generation` has not moved. There is one boundary around all calls: the closure has
        // nothing to drop when one of them raises an error, and does not panic.
        unsafe {
            let (number, table, tuple) = pg_guard_ffi_boundary(|| {
                let number = raw::nextval_internal(self.sequence, false);
                *values.add(seq_column) = Datum::from(number);
                *values.add(xid_column) = Datum::from(raw::GetTopFullTransactionId().value);
                let table = raw::table_open(self.table, NO_LOCK);
                let tuple = raw::heap_form_tuple((*table).rd_att, values, nulls);
                let command = raw::GetCurrentCommandId(true);
                raw::heap_insert(table, tuple, command, 0, std::ptr::null_mut());
                for index in plain {
                    index.insert(table, tuple, values, nulls);
                }
                (number, table, tuple)
            });
            if let Indexes::Any = self.indexes {
                insert_into_any_indexes(table, tuple);
            }
            pg_guard_ffi_boundary(|| {
                raw::heap_freetuple(tuple);
                raw::table_close(table, NO_LOCK);
            });
            number
        }
    }
}

impl PlainIndex {
    /// Locks an index as its table was; `None` for one that takes an executor.
    ///
    /// # Safety
    /// The table is open and locked, and this is an index of it.
    unsafe fn lock(oid: Oid) -> Option<Self> {
        // SAFETY: an index of a locked table is there. What of its info is copied points to nothing: a plain index has
        // no expressions, and a B-tree keeps nothing between insertions.
        unsafe {
            let relation = pg_sys::index_open(oid, WRITING);
            let mut info = *pg_sys::BuildIndexInfo(relation);
            pg_sys::index_close(relation, NO_LOCK);
            info.ii_Context = std::ptr::null_mut();
            let is_plain = info.ii_Am == pg_sys::BTREE_AM_OID
                && info.ii_Expressions.is_null()
                && info.ii_Predicate.is_null()
                && !info.ii_Unique
                && info.ii_ReadyForInserts;
            is_plain.then_some(Self { oid, info })
        }
    }

    /// Puts a tuple that was just inserted into the index.
    ///
    /// # Safety
    /// Within a boundary. The index is locked and of the table; values and null flags are those of the tuple's columns.
    unsafe fn insert(
        &self,
        table: pg_sys::Relation,
        tuple: pg_sys::HeapTuple,
        values: *const Datum,
        nulls: *const bool,
    ) {
        const KEYS: usize = pg_sys::INDEX_MAX_KEYS as usize;
        let mut keys = [Datum::null(); KEYS];
        let mut key_nulls = [false; KEYS];
        // SAFETY: a plain index's columns are columns of the table, by their numbers from 1. A B-tree does not change
        // the info.
        unsafe {
            let count = self.info.ii_NumIndexAttrs as usize;
            for (n, attribute) in self.info.ii_IndexAttrNumbers.iter().enumerate().take(count) {
                let column = *attribute as usize - 1;
                keys[n] = *values.add(column);
                key_nulls[n] = *nulls.add(column);
            }
            let index = raw::index_open(self.oid, NO_LOCK);
            raw::index_insert(
                index,
                keys.as_mut_ptr(),
                key_nulls.as_mut_ptr(),
                &mut (*tuple).t_self,
                table,
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
                false,
                (&raw const self.info).cast_mut(),
            );
            raw::index_close(index, NO_LOCK);
        }
    }
}

/// Puts a tuple that was just inserted into all indexes of the table, of whatever kind.
///
/// # Safety
/// The table is open and locked.
unsafe fn insert_into_any_indexes(table: pg_sys::Relation, tuple: pg_sys::HeapTuple) {
    // SAFETY: the executor's own steps for an inserted row; all that is made is given back, or ends with the transaction
    // when an index refuses the row.
    unsafe {
        let executor = pg_sys::CreateExecutorState();
        let before = pg_sys::MemoryContextSwitchTo((*executor).es_query_cxt);
        let slot =
            pg_sys::MakeSingleTupleTableSlot((*table).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
        pg_sys::ExecStoreHeapTuple(tuple, slot, false);
        (*slot).tts_tableOid = (*table).rd_id;
        let target = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast();
        pg_sys::InitResultRelInfo(target, table, 0, std::ptr::null_mut(), 0);
        pg_sys::ExecOpenIndices(target, false);
        versions::insert_index_tuples(target, slot, executor);
        pg_sys::ExecCloseIndices(target);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::MemoryContextSwitchTo(before);
        pg_sys::FreeExecutorState(executor);
    }
}

/// The name of the partition for a day, counted from 2000-01-01 UTC: `message_20261123`.
fn name(day: i64) -> String {
    let (year, month, date) = sys::calendar_date(day as i32);
    format!("message_{year:04}{month:02}{date:02}")
}
