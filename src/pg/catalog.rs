//! Look-ups of the extension's own objects, and the notice that they changed.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::CString;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;

use super::computed::Expressions;
use super::store::Operation;
use super::sys;

thread_local! {
    /// Counts the invalidations that concern this backend's caches. A cache is good while the count it was filled
    /// under has not moved.
    static GENERATION: Cell<u64> = const { Cell::new(1) };
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    /// Tables whose changes concern the worker's copy of the configuration, `None` for all, and those that have changed.
    static WATCHED: RefCell<Option<HashSet<Oid>>> = const { RefCell::new(None) };
    static TOUCHED: RefCell<Touched> = const { RefCell::new(Touched::Any) };
    /// The table of mendings, once it is known, and whether there may be new rows in it.
    static MENDING: Cell<Oid> = const { Cell::new(pg_sys::InvalidOid) };
    static MENDED: Cell<bool> = const { Cell::new(true) };
}

/// The tables whose definitions may have changed since the worker's copy of the configuration was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Touched {
    /// None.
    #[default]
    None,
    /// These. The event table stands for whatever the configuration's tables hold.
    Some(Vec<Oid>),
    /// Any.
    Any,
}

impl Touched {
    fn add(&mut self, table: Oid) {
        match self {
            Touched::Any => {}
            _ if table == pg_sys::InvalidOid => *self = Touched::Any,
            Touched::None => *self = Touched::Some(vec![table]),
            Touched::Some(tables) if tables.contains(&table) => {}
            Touched::Some(tables) if tables.len() == MANY_TABLES => *self = Touched::Any,
            Touched::Some(tables) => tables.push(table),
        }
    }
}

/// So many tables are as good as any.
const MANY_TABLES: usize = 100;

/// The extension's schema, `None` where the extension is not installed.
pub fn schema() -> Option<Oid> {
    // SAFETY: a catalog look-up.
    let oid = unsafe { pg_sys::get_namespace_oid(c"webhooks".as_ptr(), true) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// The extension in this database, if it has it. One that is dropped and made again is another.
pub fn extension() -> Option<Oid> {
    // SAFETY: a catalog look-up.
    let oid = unsafe { pg_sys::get_extension_oid(c"webhooks".as_ptr(), true) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// A table, index or sequence of the extension's schema.
pub fn relation(schema: Oid, name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: a catalog look-up.
    let oid = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// What an event's row says about it.
pub struct EventRow {
    /// The table that raises it, `None` if it is raised by hand only.
    pub table: Option<Oid>,
    /// What has to happen there.
    pub operation: Option<Operation>,
    /// What it computes.
    pub expressions: Expressions,
}

/// An event that was not dropped, read past the privileges of whoever fires the trigger.
pub fn event(schema: Oid, event_id: i64) -> Option<EventRow> {
    let (table, index) = (relation(schema, "event")?, relation(schema, "event_pkey")?);
    // SAFETY: the scan runs on an open relation by its primary key, whose only column is a bigint; attributes are
    // found by name and read as the types the table is declared with; everything opened is closed.
    unsafe {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let relation = pg_sys::table_open(table, lock);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::get_attnum(table, c"id".as_ptr()),
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::F_INT8EQ.into(),
            Datum::from(event_id),
        );
        let scan =
            pg_sys::systable_beginscan(relation, index, true, std::ptr::null_mut(), 1, &mut key);
        let tuple = pg_sys::systable_getnext(scan);
        let mut found = None;
        if !tuple.is_null() {
            let descriptor = (*relation).rd_att;
            let read = |name: &std::ffi::CStr| {
                let attribute = pg_sys::get_attnum(table, name.as_ptr());
                let mut is_null = false;
                let datum = pg_sys::heap_getattr(tuple, attribute.into(), descriptor, &mut is_null);
                (!is_null).then_some(datum)
            };
            if read(c"dropped_at").is_none() {
                let event_type = read(c"type").and_then(|datum| String::from_datum(datum, false));
                found = Some(EventRow {
                    table: read(c"on_table").map(|oid| Oid::from(oid.value() as u32)),
                    operation: event_type.as_deref().and_then(Operation::of_type),
                    expressions: Expressions {
                        data: read(c"data").is_some(),
                        account: read(c"account").is_some(),
                        key: read(c"key").is_some(),
                    },
                });
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, lock);
        found
    }
}

/// Whether a table is another one, or a partition of it at any depth.
pub fn is_or_belongs_to(table: Oid, root: Oid) -> bool {
    if table == root {
        return true;
    }
    // SAFETY: a catalog look-up; the list holds OIDs.
    unsafe {
        if !pg_sys::get_rel_relispartition(table) {
            return false;
        }
        sys::is_ancestor(root, table)
    }
}

/// Moves when definitions of tables or of this extension may have changed. Caches compare it with the count they
/// were filled under.
pub fn generation() -> u64 {
    if !LISTENING.replace(true) {
        // SAFETY: registered once per backend; the function is of the type that is asked for.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(invalidated), Datum::from(0)) };
    }
    GENERATION.get()
}

#[pg_guard]
extern "C-unwind" fn invalidated(_argument: Datum, relation: Oid) {
    GENERATION.set(GENERATION.get() + 1);
    // A callback must not fail: in doubt the change counts.
    let concerns = WATCHED.try_with(|watched| match watched.try_borrow().as_deref() {
        Ok(Some(tables)) => relation == pg_sys::InvalidOid || tables.contains(&relation),
        _ => true,
    });
    if concerns.unwrap_or(true) {
        // Nothing that holds it for a moment calls the server meanwhile.
        let _ = TOUCHED.try_with(|touched| touched.borrow_mut().add(relation));
    }
    let mending = MENDING.get();
    if relation == mending || [relation, mending].contains(&pg_sys::InvalidOid) {
        MENDED.set(true);
    }
}

/// At commit, every session's caches and the worker's are told: the invalidation is that of the event table. The lock
/// is for [`configuration_is_stale`].
pub fn announce_configuration_change() {
    if let Some(table) = schema().and_then(|schema| relation(schema, "event")) {
        // SAFETY: the OID is of an existing relation.
        unsafe {
            pg_sys::LockRelationOid(table, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
            pg_sys::CacheInvalidateRelcacheByRelid(table);
        }
    }
}

/// At commit, the worker is told that somebody has changed deliveries.
pub fn announce_mending() {
    if let Some(table) = schema().and_then(|schema| relation(schema, "mending")) {
        // SAFETY: the OID is of an existing relation.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
    }
}

/// Notes whether the current snapshot may show mendings that were not looked at, for [`take_mended`]; inside a transaction.
pub fn notice_mending() {
    let table = schema().and_then(|schema| relation(schema, "mending"));
    if table.is_none_or(|table| !is_announced(table)) {
        MENDED.set(true);
    }
}

/// Whether mendings were noticed since this was asked last.
pub fn take_mended() -> bool {
    MENDED.replace(false)
}

/// What [`take_mended`] told could not be looked at: it tells so again.
pub fn mended_still() {
    MENDED.set(true);
}

/// Reads the configuration, or what has changed of it, under a snapshot that is taken after the last change has been
/// noticed: what changes from then on makes it stale again. `read` is given the tables whose definitions may have changed,
/// and says which ones' changes count besides those of the configuration.
pub fn read_configuration<R>(read: impl FnOnce(Touched) -> (R, HashSet<Oid>)) -> R {
    generation();
    WATCHED.set(None);
    let touched = TOUCHED.take();
    let (result, mut watched) = super::transaction::with_fresh_snapshot(|| read(touched));
    let event = schema().and_then(|schema| relation(schema, "event"));
    let mending = schema().and_then(|schema| relation(schema, "mending"));
    MENDING.set(mending.unwrap_or(pg_sys::InvalidOid));
    watched.extend(event);
    WATCHED.set(Some(watched));
    result
}

/// What [`read_configuration`] gave was lost: all of it may be stale.
pub fn configuration_is_stale_still() {
    TOUCHED.set(Touched::Any);
}

/// Whether all changes of a table that can be seen have been announced to this process, inside a transaction.
///
/// A transaction becomes visible a moment before it sends its invalidations, and keeps its locks until after that.
/// So where no change is under way when the lock is tried, every change that can be seen has been announced.
fn is_announced(table: Oid) -> bool {
    let mode = pg_sys::ShareLock as pg_sys::LOCKMODE;
    // SAFETY: a lock is tried and given back at once, inside a transaction.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(table, mode) {
            return false;
        }
        pg_sys::UnlockRelationOid(table, mode);
        pg_sys::AcceptInvalidationMessages();
    }
    true
}

/// Whether the configuration that the current snapshot shows may differ from the one read last, inside a transaction.
pub fn configuration_is_stale() -> bool {
    let table = schema().and_then(|schema| relation(schema, "event"));
    table.is_none_or(|table| !is_announced(table))
        || TOUCHED.with_borrow(|touched| *touched != Touched::None)
}
