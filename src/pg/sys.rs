//! Server functions that pgrx's bindings leave out, declared as the server's own headers do and called through pgrx's
//! boundary, which turns the server's errors into panics.

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};

mod raw {
    use pgrx::pg_sys::{Datum, List, Oid};

    extern "C-unwind" {
        pub fn nextval_internal(relid: Oid, check_permissions: bool) -> i64;
        pub fn datum_image_eq(value1: Datum, value2: Datum, typ_by_val: bool, typ_len: i32)
            -> bool;
        pub fn get_partition_ancestors(relid: Oid) -> *mut List;
    }
}

/// commands/sequence.h: the next value of a sequence, without asking whether the caller may.
///
/// # Safety
/// Inside a transaction.
pub unsafe fn nextval(sequence: Oid) -> i64 {
    // SAFETY: takes an OID and raises an error where it is no sequence.
    unsafe { pg_guard_ffi_boundary(|| raw::nextval_internal(sequence, false)) }
}

/// utils/datum.h: whether two values are the same to the byte, TOAST taken away.
///
/// # Safety
/// Both are values of a type with this representation.
pub unsafe fn datum_image_eq(one: Datum, other: Datum, by_value: bool, length: i32) -> bool {
    // SAFETY: as the caller promised.
    unsafe { pg_guard_ffi_boundary(|| raw::datum_image_eq(one, other, by_value, length)) }
}

/// catalog/partition.h: whether a partition belongs to a table, at any depth.
///
/// # Safety
/// Inside a transaction; `partition` is one.
pub unsafe fn is_ancestor(table: Oid, partition: Oid) -> bool {
    // SAFETY: the list that is returned holds OIDs.
    unsafe {
        let ancestors = pg_guard_ffi_boundary(|| raw::get_partition_ancestors(partition));
        pg_sys::list_member_oid(ancestors, table)
    }
}
