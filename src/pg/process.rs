//! Background workers as processes: registering, connecting, and leaving a database to whoever wants it for itself.

use std::ffi::{CStr, CString};
use std::path::Path;

use pgrx::pg_sys::{self, Datum, Oid};

use super::versions;

/// The `backend_type` of our workers in `pg_stat_activity`.
pub const WORKER_TYPE: &CStr = c"webhooks worker";
/// Seconds until the postmaster starts a worker again that has ended with anything but 0.
const RESTART_SECONDS: i32 = 2;

fn copy_into<const N: usize>(target: &mut [std::ffi::c_char; N], text: &CStr) {
    for (to, from) in target.iter_mut().zip(text.to_bytes().iter().take(N - 1)) {
        *to = *from as std::ffi::c_char;
    }
}

fn description(
    name: &CStr,
    kind: &CStr,
    function: &CStr,
    database: Oid,
) -> pg_sys::BackgroundWorker {
    let mut worker = pg_sys::BackgroundWorker {
        bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION)
            as i32,
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
        bgw_restart_time: RESTART_SECONDS,
        bgw_main_arg: Datum::from(database),
        ..Default::default()
    };
    copy_into(&mut worker.bgw_name, name);
    copy_into(&mut worker.bgw_type, kind);
    copy_into(&mut worker.bgw_library_name, c"webhooks");
    copy_into(&mut worker.bgw_function_name, function);
    worker
}

/// Registers the launcher, while the server loads its preloaded libraries.
pub fn register_launcher() {
    let name = c"webhooks launcher";
    let mut worker = description(name, name, c"webhooks_launcher_main", pg_sys::InvalidOid);
    // SAFETY: the server copies the description.
    unsafe { pg_sys::RegisterBackgroundWorker(&mut worker) };
}

/// Has the postmaster start a worker for a database. `false` when all of `max_worker_processes` are taken.
pub fn start_worker(database: Oid) -> bool {
    let mut worker = worker_for(database);
    // SAFETY: the server copies the description; no handle is asked for.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, std::ptr::null_mut()) }
}

/// Has the postmaster start a worker for a database and waits until it runs; gives its process id.
pub fn start_worker_and_wait(database: Oid) -> Option<i32> {
    let mut worker = worker_for(database);
    // SAFETY: the server copies the description and gives a handle that lives in the current memory context; the
    // wait honours interrupts.
    unsafe {
        worker.bgw_notify_pid = pg_sys::MyProcPid;
        let mut handle = std::ptr::null_mut();
        if !pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle) {
            return None;
        }
        let mut pid = 0;
        let status = pg_sys::WaitForBackgroundWorkerStartup(handle, &mut pid);
        (status == pg_sys::BgwHandleStatus::BGWH_STARTED).then_some(pid)
    }
}

fn worker_for(database: Oid) -> pg_sys::BackgroundWorker {
    let name = CString::new(format!(
        "webhooks worker for database {}",
        database.to_u32()
    ))
    .expect("digits hold no NUL");
    description(&name, WORKER_TYPE, c"webhooks_worker_main", database)
}

/// The database of this session.
pub fn database() -> Oid {
    // SAFETY: set when the session began.
    unsafe { pg_sys::MyDatabaseId }
}

/// Connects this process to a database, or to none but the shared catalogs.
pub fn connect(database: Option<Oid>) {
    let oid = database.unwrap_or(pg_sys::InvalidOid);
    // SAFETY: called once, first thing in the process; the bootstrap superuser is whom InvalidOid stands for.
    unsafe {
        if database.is_some() {
            pg_sys::BackgroundWorkerInitializeConnectionByOid(oid, pg_sys::InvalidOid, 0);
        } else {
            pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0);
        }
    }
}

/// Sets a setting for this session, whatever the database, the role or the files say.
pub fn set(name: &CStr, value: &CStr) {
    // SAFETY: the server copies both strings; a name or value it does not know raises an error.
    unsafe {
        pg_sys::SetConfigOption(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_OVERRIDE,
        );
    }
}

/// Gives memory that was freed back to the system, as far as whole pages are. The C library keeps much of it otherwise.
pub fn give_memory_back() {
    // SAFETY: may be called at any time, by any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Ends this process. 0: for good; anything else has the postmaster start it again.
pub fn exit(code: i32) -> ! {
    versions::exit(code)
}

/// Whether a database's files are there. Asked before connecting: a worker whose database is gone could only fail to
/// connect and be started again, for ever.
pub fn database_has_files(database: Oid) -> bool {
    // SAFETY: a C string that is set before any process starts.
    let data = unsafe { CStr::from_ptr(pg_sys::DataDir) }
        .to_string_lossy()
        .into_owned();
    let data = Path::new(&data);
    let name = database.to_u32().to_string();
    if data.join("base").join(&name).is_dir() {
        return true;
    }
    let subfolders = |folder: &Path| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    let tablespaces = subfolders(&data.join("pg_tblspc"));
    tablespaces
        .iter()
        .flat_map(|space| subfolders(space))
        .any(|version| version.join(&name).is_dir())
}

/// Whether someone is about to drop, rename, move or copy this database and waits for its sessions to leave. Whoever is
/// holds a lock on the database that one of ours would conflict with.
pub fn database_is_wanted() -> bool {
    let tag = pg_sys::LOCKTAG {
        locktag_field1: 0, // shared between databases
        locktag_field2: pg_sys::DatabaseRelationId.to_u32(),
        locktag_field3: database().to_u32(),
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    };
    let mode = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: a lock is tried, without waiting, and given back at once, inside a transaction.
    unsafe {
        let result = pg_sys::LockAcquire(&tag, mode, false, true);
        if result == pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL {
            return true;
        }
        pg_sys::LockRelease(&tag, mode, false);
        false
    }
}

/// Whether the library is being loaded by `shared_preload_libraries`.
pub fn is_preloading() -> bool {
    // SAFETY: flags of the server.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Whether the server runs for `pg_upgrade` only.
pub fn is_binary_upgrade() -> bool {
    // SAFETY: a flag of the server.
    unsafe { pg_sys::IsBinaryUpgrade }
}

/// The databases that one can connect to and that are not made for copying, from the shared catalogs, inside a
/// transaction.
pub fn databases() -> Vec<Oid> {
    let mut found = Vec::new();
    // SAFETY: pg_database is read by a scan of its heap, as the server's own launchers do, since this process has no
    // database whose catalogs a query could be planned with; tuples are of the table's own struct.
    unsafe {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let table = pg_sys::table_open(pg_sys::DatabaseRelationId, lock);
        let scan = pg_sys::table_beginscan_catalog(table, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let header = (*tuple).t_data;
            let row = header
                .cast::<u8>()
                .add((*header).t_hoff.into())
                .cast::<pg_sys::FormData_pg_database>();
            if (*row).datallowconn && !(*row).datistemplate {
                found.push((*row).oid);
            }
        }
        pg_sys::heap_endscan(scan);
        pg_sys::table_close(table, lock);
    }
    found
}
