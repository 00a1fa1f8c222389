//! Server functions that pgrx's bindings leave out, declared as the server's own headers do and called through pgrx's
//! boundary, which turns the server's errors into panics.

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, List, Oid};

/// Without a boundary: for several calls within one, which is for whoever pays for each.
pub(super) mod raw {
    use pgrx::pg_sys::{
        BulkInsertState, CommandId, Datum, FullTransactionId, HeapTuple, IndexInfo,
        IndexUniqueCheck, ItemPointer, List, Oid, Relation, TupleDesc, LOCKMODE,
    };

    extern "C-unwind" {
        /// utils/bytea.h: a `ByteaOutputType`.
        pub static mut bytea_output: i32;
        /// utils/xml.h: an `XmlBinaryType`.
        pub static mut xmlbinary: i32;

        pub fn nextval_internal(relid: Oid, check_permissions: bool) -> i64;
        pub fn datum_image_eq(value1: Datum, value2: Datum, typ_by_val: bool, typ_len: i32)
            -> bool;
        pub fn get_partition_ancestors(relid: Oid) -> *mut List;

        pub fn GetCurrentCommandId(used: bool) -> CommandId;
        pub fn GetTopFullTransactionId() -> FullTransactionId;
        pub fn heap_form_tuple(
            tupleDescriptor: TupleDesc,
            values: *mut Datum,
            isnull: *mut bool,
        ) -> HeapTuple;
        pub fn heap_freetuple(htup: HeapTuple);
        pub fn heap_insert(
            relation: Relation,
            tup: HeapTuple,
            cid: CommandId,
            options: i32,
            bistate: BulkInsertState,
        );
        pub fn index_close(relation: Relation, lockmode: LOCKMODE);
        pub fn index_insert(
            indexRelation: Relation,
            values: *mut Datum,
            isnull: *mut bool,
            heap_t_ctid: ItemPointer,
            heapRelation: Relation,
            checkUnique: IndexUniqueCheck::Type,
            indexUnchanged: bool,
            indexInfo: *mut IndexInfo,
        ) -> bool;
        pub fn index_open(relationId: Oid, lockmode: LOCKMODE) -> Relation;
        pub fn j2date(jd: i32, year: *mut i32, month: *mut i32, day: *mut i32);
        pub fn table_close(relation: Relation, lockmode: LOCKMODE);
        pub fn table_open(relationId: Oid, lockmode: LOCKMODE) -> Relation;
    }
}

/// The `BYTEA_OUTPUT_HEX` of utils/bytea.h.
pub const BYTEA_HEX: i32 = 1;
/// The `XMLBINARY_BASE64` of utils/xml.h.
pub const XML_BASE64: i32 = 0;

/// utils/datetime.h: year, month and date of a day counted from 2000-01-01.
pub fn calendar_date(day: i32) -> (i32, i32, i32) {
    let (mut year, mut month, mut date) = (0, 0, 0);
    // SAFETY: arithmetic that writes to three locals and raises no error.
    unsafe {
        let julian = day + pg_sys::POSTGRES_EPOCH_JDATE as i32;
        raw::j2date(julian, &mut year, &mut month, &mut date);
    }
    (year, month, date)
}

/// nodes/pg_list.h: what a list of OIDs holds.
///
/// # Safety
/// The list is one, or null.
pub unsafe fn oids(list: *const List) -> Vec<Oid> {
    // SAFETY: an OID list's cells hold OIDs, as many as its length says.
    unsafe {
        let Some(list) = list.as_ref() else {
            return Vec::new();
        };
        (0..list.length as usize)
            .map(|n| (*list.elements.add(n)).oid_value)
            .collect()
    }
}

/// nodes/pg_list.h: what a list of nodes holds.
///
/// # Safety
/// The list is one, or null.
pub unsafe fn nodes(list: *const List) -> Vec<*mut pg_sys::Node> {
    // SAFETY: a list's cells hold pointers, as many as its length says.
    unsafe {
        let Some(list) = list.as_ref() else {
            return Vec::new();
        };
        (0..list.length as usize)
            .map(|n| (*list.elements.add(n)).ptr_value.cast())
            .collect()
    }
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
