//! Where the server enters this library: when it is loaded, as the main functions of background workers, and as trigger
//! functions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;

use super::store::Operation;
use super::trigger::Firing;
use super::{catalog, managed, notes, process, wake};
use crate::{capture, settings, worker};

static PRELOADED: AtomicBool = AtomicBool::new(false);

/// Whether the library was loaded by `shared_preload_libraries`.
pub fn is_preloaded() -> bool {
    PRELOADED.load(Relaxed)
}

/// Called by the server when it loads the library. No thread is started here.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    if process::is_preloading() {
        PRELOADED.store(true, Relaxed);
        if !process::is_binary_upgrade() {
            process::register_launcher();
        }
    }
}

/// The main function of a database's worker.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn webhooks_worker_main(database: Datum) {
    worker::main(Oid::from(database.value() as u32));
}

/// The main function of the launcher.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn webhooks_launcher_main(_argument: Datum) {
    worker::launcher::main();
}

/// Whether `CREATE EXTENSION` is running.
pub fn is_creating_extension() -> bool {
    // SAFETY: a flag of this backend.
    unsafe { pg_sys::creating_extension }
}

fn trigger_data(fcinfo: pg_sys::FunctionCallInfo) -> Option<*mut pg_sys::TriggerData> {
    // SAFETY: fcinfo is valid during the call; its context is a node or null.
    unsafe {
        let context = (*fcinfo).context;
        (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData)
            .then(|| context.cast::<pg_sys::TriggerData>())
    }
}

/// Whether a trigger is one that capture can be called by: AFTER, and for each row unless it is for TRUNCATE.
fn is_after(event: pg_sys::TriggerEvent) -> bool {
    let for_each_row = event & pg_sys::TRIGGER_EVENT_ROW != 0;
    let for_truncate = event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE;
    event & pg_sys::TRIGGER_EVENT_TIMINGMASK == 0 && (for_each_row || for_truncate)
}

/// `webhooks.capture(event id)`: records the row's change. See [`crate::capture`].
///
/// # Safety
/// Called by the server's function manager only.
#[no_mangle]
#[pg_guard]
pub unsafe extern "C-unwind" fn webhooks_capture(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    match trigger_data(fcinfo) {
        // SAFETY: trigger_data checked the node's type. AFTER is the timing without a bit of its own.
        Some(data) if unsafe { is_after((*data).tg_event) } => capture::triggered(&Firing(data)),
        _ => {
            crate::error::raise(
                PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "webhooks.capture() can only be called as an AFTER trigger, for each row or for TRUNCATE",
                "webhooks.add_event() makes such triggers.",
            );
        }
    }
    Datum::from(0)
}

/// `webhooks.configuration_changed()`: for a statement it tells every session and the worker that definitions changed; for
/// a row it [notes](super::notes) which.
///
/// # Safety
/// Called by the server's function manager only.
#[no_mangle]
#[pg_guard]
pub unsafe extern "C-unwind" fn webhooks_configuration_changed(
    fcinfo: pg_sys::FunctionCallInfo,
) -> Datum {
    let Some(firing) = trigger_data(fcinfo).map(Firing) else {
        crate::error::raise(
            PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            "webhooks.configuration_changed() can only be called as a trigger",
            "It stands on the tables of the extension.",
        );
    };
    if firing.is_for_row() {
        notes::row_changed(&firing);
        return Datum::from(0);
    }
    if firing.operation() == Operation::Truncate {
        notes::anything_changed();
    }
    catalog::announce_configuration_change();
    wake::at_commit();
    Datum::from(0)
}

/// `webhooks.deliveries_changed()`: tells the worker that somebody has changed deliveries.
///
/// # Safety
/// Called by the server's function manager only.
#[no_mangle]
#[pg_guard]
pub unsafe extern "C-unwind" fn webhooks_deliveries_changed(
    fcinfo: pg_sys::FunctionCallInfo,
) -> Datum {
    if trigger_data(fcinfo).is_none() {
        crate::error::raise(
            PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            "webhooks.deliveries_changed() can only be called as a trigger",
            "It stands on a table of the extension.",
        );
    }
    catalog::announce_mending();
    wake::at_commit();
    Datum::from(0)
}

/// The handler of the language `webhooks_plpgsql`. See [`managed`]. Without a guard: an error of the server's passes by, and
/// there is nothing in this frame that it could leave behind.
///
/// # Safety
/// Called by the server's function manager only.
#[no_mangle]
pub unsafe extern "C-unwind" fn webhooks_plpgsql(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: as the function manager calls it. PL/pgSQL goes by the function's row in pg_proc, in which nothing but the
    // language is another one, and nothing else is kept with the call.
    unsafe {
        let entered = managed::enter(fcinfo);
        let result = (entered.handler)(fcinfo);
        managed::leave(entered);
        result
    }
}

/// `webhooks.message_bytes(data, old, metadata)`: how long these are, uncompressed and put together.
///
/// # Safety
/// Called by the server's function manager only, with three arguments whose types have a length word.
#[no_mangle]
#[pg_guard]
pub unsafe extern "C-unwind" fn webhooks_message_bytes(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: fcinfo is valid during the call and has the function's three arguments behind it. Of a value that is not
    // NULL this reads the length word, or the pointer to where it is stored apart; nothing is fetched.
    let bytes: usize = unsafe {
        let arguments = (*fcinfo).args.as_slice(3);
        let given = arguments.iter().filter(|argument| !argument.isnull);
        given
            .map(|argument| pg_sys::toast_raw_datum_size(argument.value))
            .sum()
    };
    Datum::from(bytes)
}

static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// Tells the function manager how to call [`webhooks_capture`].
#[no_mangle]
pub extern "C" fn pg_finfo_webhooks_capture() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// Tells the function manager how to call [`webhooks_plpgsql`].
#[no_mangle]
pub extern "C" fn pg_finfo_webhooks_plpgsql() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// Tells the function manager how to call [`webhooks_message_bytes`].
#[no_mangle]
pub extern "C" fn pg_finfo_webhooks_message_bytes() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// Tells the function manager how to call [`webhooks_configuration_changed`].
#[no_mangle]
pub extern "C" fn pg_finfo_webhooks_configuration_changed() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// Tells the function manager how to call [`webhooks_deliveries_changed`].
#[no_mangle]
pub extern "C" fn pg_finfo_webhooks_deliveries_changed() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}
