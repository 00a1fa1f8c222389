//! What differs between the versions of the server, each with the version since which it does. What stands elsewhere suits
//! them all.

use std::ffi::c_int;

use pgrx::pg_sys;

/// The process's transaction by its local number, inside one. Since 17 it stands with the rest of its virtual id.
pub(super) fn local_transaction() -> pg_sys::LocalTransactionId {
    // SAFETY: reads this process's own entry.
    unsafe {
        #[cfg(not(any(feature = "pg17", feature = "pg18")))]
        let number = (*pg_sys::MyProc).lxid;
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        let number = (*pg_sys::MyProc).vxid.lxid;
        number
    }
}

/// Whether a process may be a background worker. Since 18 an entry tells sessions from all the rest.
///
/// # Safety
/// The entry is one of the server's process array.
pub(super) unsafe fn may_be_worker(process: *const pg_sys::PGPROC) -> bool {
    // SAFETY: as the caller promised.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let may_be = (*process).isBackgroundWorker;
        #[cfg(feature = "pg18")]
        let may_be = !(*process).isRegularBackend;
        may_be
    }
}

/// What a descriptor says about its columns. Since 18 that stands behind an array of their most needed parts.
///
/// # Safety
/// The descriptor is valid, and stays for as long as the result.
pub(super) unsafe fn attributes<'a>(
    descriptor: pg_sys::TupleDesc,
) -> &'a [pg_sys::FormData_pg_attribute] {
    // SAFETY: as the caller promised; there are natts of them, one after the other.
    unsafe {
        let count = (*descriptor).natts as usize;
        #[cfg(not(feature = "pg18"))]
        let first = (*descriptor).attrs.as_ptr();
        #[cfg(feature = "pg18")]
        let first = pg_sys::TupleDescAttr(descriptor, 0).cast_const();
        std::slice::from_raw_parts(first, count)
    }
}

/// The columns of a table that are computed when they are read, by their index, and what computes them. Since 18 there are
/// such columns.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn virtual_columns(
    relation: pg_sys::Relation,
) -> Vec<(usize, *mut pg_sys::Expr)> {
    #[cfg(not(feature = "pg18"))]
    let columns = {
        let _ = relation;
        Vec::new()
    };
    // SAFETY: as the caller promised; each of these columns has an expression, which is a copy in the current context.
    #[cfg(feature = "pg18")]
    let columns = unsafe {
        let descriptor = (*relation).rd_att;
        let constraints = (*descriptor).constr;
        if constraints.is_null() || !(*constraints).has_generated_virtual {
            return Vec::new();
        }
        let is_virtual = |attribute: &pg_sys::FormData_pg_attribute| {
            attribute.attgenerated == pg_sys::ATTRIBUTE_GENERATED_VIRTUAL as std::ffi::c_char
                && !attribute.attisdropped
        };
        (attributes(descriptor).iter())
            .enumerate()
            .filter(|(_, attribute)| is_virtual(attribute))
            .map(|(index, attribute)| {
                let expression =
                    pg_sys::build_generation_expression(relation, attribute.attnum.into());
                (index, expression.cast())
            })
            .collect()
    };
    columns
}

/// Has a signal handled. Since 18 the server's function of this name is another one.
///
/// # Safety
/// The handler does nothing but what a signal's handler may.
pub(super) unsafe fn handle_signal(signal: c_int, handler: pg_sys::pqsigfunc) {
    // SAFETY: as the caller promised.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::pqsignal(signal, handler);
        #[cfg(feature = "pg18")]
        pg_sys::pqsignal_be(signal, handler);
    }
}

/// What the server shows of a process, by its place in the local copy, from 1. Since 16 under this name.
///
/// # Safety
/// The place is not beyond their number.
pub(super) unsafe fn shown_process(place: c_int) -> *const pg_sys::LocalPgBackendStatus {
    // SAFETY: as the caller promised.
    unsafe {
        #[cfg(feature = "pg15")]
        let shown = pg_sys::pgstat_fetch_stat_local_beentry(place);
        #[cfg(not(feature = "pg15"))]
        let shown = pg_sys::pgstat_get_local_beentry_by_index(place);
        shown
    }
}

/// A set of so many things to wait for that lives as long as the process. Since 17 it belongs to a resource owner, or to
/// none, where it was of a memory context.
pub(super) fn wait_event_set(size: c_int) -> *mut pg_sys::WaitEventSet {
    // SAFETY: the top context is there as long as the process, and is where one of no owner lies.
    unsafe {
        #[cfg(not(any(feature = "pg17", feature = "pg18")))]
        let whose = pg_sys::TopMemoryContext;
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        let whose = std::ptr::null_mut();
        pg_sys::CreateWaitEventSet(whose, size)
    }
}

/// Ends this process. Since 18 the bindings do not know that this function does not return.
pub(super) fn exit(code: c_int) -> ! {
    // SAFETY: runs the server's exit callbacks.
    unsafe {
        pg_sys::proc_exit(code);
        #[cfg(feature = "pg18")]
        unreachable!("the process has ended");
    }
}

/// Puts a row that was just inserted into all indexes of its table. Since 16 one can ask for those that summarize alone.
///
/// # Safety
/// The table and its indexes are open; the slot holds the row.
pub(super) unsafe fn insert_index_tuples(
    target: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    executor: *mut pg_sys::EState,
) {
    // SAFETY: as the caller promised; null stands for no conflict that somebody would be told of.
    unsafe {
        pg_sys::ExecInsertIndexTuples(
            target,
            slot,
            executor,
            false,
            false,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            #[cfg(not(feature = "pg15"))]
            false,
        );
    }
}

/// While this lives, nothing is found without its schema but what is the server's own. Since 17 there is no way past the
/// setting, and so temporary objects of the session are found, too.
pub(super) struct EmptySearchPath {
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    _level: super::level::Level,
}

impl EmptySearchPath {
    #[cfg(not(any(feature = "pg17", feature = "pg18")))]
    pub(super) fn enter() -> Self {
        let mut path = pg_sys::OverrideSearchPath {
            schemas: std::ptr::null_mut(),
            addCatalog: true,
            addTemp: false,
            ..Default::default()
        };
        // SAFETY: the server copies the path; it is taken off again below, before any part of the transaction ends.
        unsafe { pg_sys::PushOverrideSearchPath(&mut path) };
        Self {}
    }

    #[cfg(any(feature = "pg17", feature = "pg18"))]
    pub(super) fn enter() -> Self {
        let level = super::level::Level::enter();
        level.set(c"search_path", c"pg_catalog, pg_temp");
        Self { _level: level }
    }
}

#[cfg(not(any(feature = "pg17", feature = "pg18")))]
impl Drop for EmptySearchPath {
    fn drop(&mut self) {
        // SAFETY: takes off what `enter` put there.
        unsafe { pg_sys::PopOverrideSearchPath() };
    }
}
