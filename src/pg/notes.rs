//! Notes of what was changed in the configuration, for the worker: written straight to the table, with no privilege of
//! whoever makes the change.

use std::ffi::CStr;

use pgrx::pg_sys::{self, Datum, Oid};

use super::catalog;
use super::store::Operation;
use super::trigger::Firing;

/// How many columns `webhooks.configuration_change` has, and where its transaction is.
const COLUMNS: usize = 3;
const XID: usize = 0;

/// A row of the configuration was written: notes what it belongs to. The trigger's arguments say which column of the note
/// that is, and which column of the row tells it.
pub fn row_changed(firing: &Firing) {
    let [noted, telling] = firing.arguments::<2>();
    let (before, now) = (firing.old_slot(), firing.new_slot());
    // SAFETY: the slots are of the table that the trigger is on, whose column the trigger's definition names, and which
    // is a bigint.
    unsafe {
        let now = bigint(now, telling);
        if let Some(id) = now {
            append(Some((noted, id)));
        }
        if firing.operation() == Operation::Update {
            // Only a hand that writes to the tables can move a row.
            let moved_from = bigint(before, telling).filter(|_| bigint(before, telling) != now);
            if let Some(id) = moved_from {
                append(Some((noted, id)));
            }
        }
    }
}

/// Notes that anything may have changed.
pub fn anything_changed() {
    append(None);
}

/// # Safety
/// The slot holds a row of a table that has this column, of type bigint.
unsafe fn bigint(slot: *mut pg_sys::TupleTableSlot, column: &CStr) -> Option<i64> {
    // SAFETY: slot_getsomeattrs_int fills the slot's arrays up to the attribute, which the descriptor has.
    unsafe {
        let number = pg_sys::SPI_fnumber((*slot).tts_tupleDescriptor, column.as_ptr());
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        if (*slot).tts_nvalid as usize <= index {
            pg_sys::slot_getsomeattrs_int(slot, number);
        }
        let is_null = *(*slot).tts_isnull.add(index);
        (!is_null).then(|| (*(*slot).tts_values.add(index)).value() as i64)
    }
}

/// `about` is a column and the id that it has.
fn append(about: Option<(&CStr, i64)>) {
    // Missing while the extension is being dropped, when there is nobody to tell.
    let Some(table) = catalog::schema().and_then(table) else {
        return;
    };
    let lock = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
    let mut values = [Datum::from(0); COLUMNS];
    let mut nulls = [true; COLUMNS];
    // SAFETY: the table has so many columns, the first an xid8 and the others bigints; heap_form_tuple copies the
    // values. Its index is one of a plain column, as CatalogTupleInsert wants it. What is opened is closed; its lock stays
    // until the transaction ends.
    unsafe {
        values[XID] = Datum::from(pg_sys::GetTopFullTransactionId().value);
        nulls[XID] = false;
        let relation = pg_sys::table_open(table, lock);
        let descriptor = (*relation).rd_att;
        if let Some((column, id)) = about {
            let number = pg_sys::SPI_fnumber(descriptor, column.as_ptr());
            let index = usize::try_from(number - 1).expect("the trigger names a column");
            values[index] = Datum::from(id);
            nulls[index] = false;
        }
        let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(relation, tuple);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

fn table(schema: Oid) -> Option<Oid> {
    catalog::relation(schema, "configuration_change")
}
