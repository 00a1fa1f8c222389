//! A trigger's call, as the executor hands it over.

use std::ffi::CStr;
use std::rc::Rc;

use pgrx::pg_sys::{self, Oid};

use super::row::{Row, Shape};
use super::store::Operation;
use super::sys;

/// The call of an AFTER trigger: for each row, or for a statement. It lives as long as the call.
pub struct Firing(pub(super) *mut pg_sys::TriggerData);

impl Firing {
    /// The OID of the table whose row changed: for a partitioned table, the partition.
    pub fn relation_oid(&self) -> Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation()).rd_id }
    }

    /// The OID of the trigger, which belongs to that table and calls with the same argument each time.
    pub fn trigger_oid(&self) -> Oid {
        // SAFETY: as above.
        unsafe { (*(*self.0).tg_trigger).tgoid }
    }

    /// What happened to the row.
    pub fn operation(&self) -> Operation {
        // SAFETY: as above; the bits are those of commands/trigger.h.
        match unsafe { (*self.0).tg_event } & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Operation::Insert,
            pg_sys::TRIGGER_EVENT_DELETE => Operation::Delete,
            pg_sys::TRIGGER_EVENT_TRUNCATE => Operation::Truncate,
            _ => Operation::Update,
        }
    }

    /// The event id in the trigger's definition, if it is one number.
    pub fn event_id(&self) -> Option<i64> {
        // SAFETY: tgargs holds tgnargs C strings.
        unsafe {
            let trigger = (*self.0).tg_trigger;
            if (*trigger).tgnargs != 1 {
                return None;
            }
            CStr::from_ptr(*(*trigger).tgargs)
                .to_str()
                .ok()?
                .parse()
                .ok()
        }
    }

    /// Whether the trigger is the one that an event has on its table: there is one of that name, so that a second one cannot
    /// raise the event without its condition.
    pub fn is_trigger_of(&self, event_id: i64) -> bool {
        // SAFETY: tgname is a C string, which stays during the call.
        let name = unsafe { CStr::from_ptr((*(*self.0).tg_trigger).tgname) };
        name.to_bytes() == format!("webhooks_event_{event_id}").as_bytes()
    }

    /// The arguments in the trigger's definition, which has so many.
    pub(super) fn arguments<const COUNT: usize>(&self) -> [&CStr; COUNT] {
        // SAFETY: tgargs holds tgnargs C strings, which stay during the call.
        unsafe {
            let trigger = (*self.0).tg_trigger;
            assert_eq!(
                (*trigger).tgnargs as usize,
                COUNT,
                "the trigger's arguments"
            );
            std::array::from_fn(|place| CStr::from_ptr(*(*trigger).tgargs.add(place)))
        }
    }

    /// Whether it is called for each row, not once for the statement.
    pub(super) fn is_for_row(&self) -> bool {
        // SAFETY: as above; the bit is that of commands/trigger.h.
        unsafe { (*self.0).tg_event & pg_sys::TRIGGER_EVENT_ROW != 0 }
    }

    /// The table's columns.
    pub fn shape(&self) -> Shape {
        // SAFETY: an open relation has a valid descriptor.
        unsafe { Shape::of(self.descriptor()) }
    }

    /// Where the primary key's columns stand in a shape of this table, in the key's order; empty without one. A
    /// deferrable key counts too, which the server's own look-ups leave out.
    pub fn primary_key(&self, shape: &Shape) -> Vec<usize> {
        // SAFETY: the relation is open; the list is a copy of ours and holds OIDs; a tuple of the cache is of
        // pg_index's struct, whose indkey has at least indnkeyatts attribute numbers, and is given back.
        unsafe {
            for oid in sys::oids(pg_sys::RelationGetIndexList(self.relation())) {
                let cache = pg_sys::SysCacheIdentifier::INDEXRELID as i32;
                let tuple = pg_sys::SearchSysCache1(cache, oid.into());
                if tuple.is_null() {
                    continue;
                }
                let header = (*tuple).t_data;
                let index = header
                    .cast::<u8>()
                    .add((*header).t_hoff.into())
                    .cast::<pg_sys::FormData_pg_index>();
                let attributes = if (*index).indisprimary {
                    (*index)
                        .indkey
                        .values
                        .as_slice((*index).indnkeyatts as usize)
                        .to_vec()
                } else {
                    Vec::new()
                };
                pg_sys::ReleaseSysCache(tuple);
                if !attributes.is_empty() {
                    return attributes
                        .into_iter()
                        .filter_map(|a| shape.position(a))
                        .collect();
                }
            }
            Vec::new()
        }
    }

    /// The table whose row changed, open: for a partitioned table, the partition.
    pub(super) fn relation(&self) -> pg_sys::Relation {
        // SAFETY: the executor's TriggerData is valid during the call.
        unsafe { (*self.0).tg_relation }
    }

    /// The description of the table's rows.
    pub(super) fn descriptor(&self) -> pg_sys::TupleDesc {
        // SAFETY: an open relation has a valid descriptor.
        unsafe { (*self.relation()).rd_att }
    }

    /// Where an update or a delete has its row as it was.
    pub(super) fn old_slot(&self) -> *mut pg_sys::TupleTableSlot {
        // SAFETY: as above.
        unsafe { (*self.0).tg_trigslot }
    }

    /// Where an insert or an update has its row as it is now.
    pub(super) fn new_slot(&self) -> *mut pg_sys::TupleTableSlot {
        let is_update = self.operation() == Operation::Update;
        // SAFETY: as above.
        unsafe {
            if is_update {
                (*self.0).tg_newslot
            } else {
                (*self.0).tg_trigslot
            }
        }
    }

    /// The row as it is now; for a delete, as it was.
    pub fn row(&self, shape: &Rc<Shape>) -> Row {
        // SAFETY: the slot, which for a delete is the old row's, is of the relation, from which the caller's shape was
        // made, and stays during the call.
        unsafe { Row::of_slot(self.relation(), self.new_slot(), shape) }
    }

    /// The row as it was before an update.
    pub fn old_row(&self, shape: &Rc<Shape>) -> Option<Row> {
        // SAFETY: as in `row`; an update has its old row in tg_trigslot.
        matches!(self.operation(), Operation::Update)
            .then(|| unsafe { Row::of_slot(self.relation(), self.old_slot(), shape) })
    }
}
