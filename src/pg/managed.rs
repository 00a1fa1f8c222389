//! The language `webhooks_plpgsql`: PL/pgSQL whose functions serve their caller with the privileges of their owner.
//!
//! SECURITY DEFINER would give the privileges and forget the caller: inside, `current_user` is the owner, and `session_user`
//! may have been somebody else all along. In this language [`caller`] still knows who called, so that a function can ask
//! whether the caller may. What the caller has set counts for nothing inside, `search_path` above all; it is kept for the
//! expressions that the caller gives. What is set inside is undone at the end. A function that calls another one of the
//! language serves the same caller.
//!
//! Who is served stands in a setting that nobody can set from SQL. So it is the server that takes it back after an error, as it
//! does with the current user, and an error passes by here as it is.

use std::cell::Cell;
use std::ffi::CString;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{pg_guard, GucContext, GucFlags, GucRegistry, GucSetting};

use super::identity::user;
use super::level::{self, Level};
use super::sys;

/// The owner with whose privileges the innermost function of the language runs, the caller, and the schemas of the caller's
/// `search_path`. Empty where none runs.
static SERVED: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
const SETTING: &std::ffi::CStr = c"webhooks.served";

type Handler = unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> Datum;

thread_local! {
    static PLPGSQL: Cell<Option<Handler>> = const { Cell::new(None) };
}

/// Tells the server about the setting, when the library is loaded.
pub fn define_setting() {
    GucRegistry::define_string_guc(
        SETTING,
        c"Whom a management function serves.",
        c"Set by the server while one runs.",
        &SERVED,
        GucContext::Internal,
        GucFlags::NO_SHOW_ALL | GucFlags::DISALLOW_IN_FILE,
    );
}

/// Who called a management function, and what names mean to them.
pub struct Caller {
    /// The role.
    pub role: Oid,
    /// The schemas of its `search_path`, resolved: `"$user"` must not be another one later.
    pub path: Vec<Oid>,
}

impl Caller {
    /// Whoever is served: the caller of the management function that runs, or, where none does, the current user.
    pub fn current() -> Self {
        served().unwrap_or_else(|| {
            // SAFETY: inside a transaction; the list holds OIDs, without those of the schemas that are searched unasked.
            let path = unsafe { sys::oids(pg_sys::fetch_search_path(false)) };
            Self { role: user(), path }
        })
    }
}

/// The role of [`Caller::current`].
pub fn caller() -> Oid {
    served().map_or_else(user, |caller| caller.role)
}

/// The caller, if it is for one that the current user is somebody: what a user gives is read and run as another role, and
/// what that calls, it calls for itself.
fn served() -> Option<Caller> {
    let setting = SERVED.get()?;
    let mut oids = setting
        .to_str()
        .expect("it is made of digits")
        .split_ascii_whitespace()
        .map(|oid| Oid::from(oid.parse::<u32>().expect("it is made of OIDs")));
    let (owner, role) = (oids.next()?, oids.next()?);
    (owner == user()).then(|| Caller {
        role,
        path: oids.collect(),
    })
}

/// What was before a function of the language was entered, and what to call in it. Nothing in it needs to be dropped: an
/// error skips the frame that holds it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Entered {
    user: Oid,
    context: i32,
    level: i32,
    /// PL/pgSQL's own handler.
    pub handler: Handler,
}

/// Prepares a call of a function of the language. After an error in it the server takes back what this did.
///
/// # Safety
/// The server's function manager called the language's handler with this.
#[pg_guard]
pub unsafe extern "C-unwind" fn enter(fcinfo: pg_sys::FunctionCallInfo) -> Entered {
    // SAFETY: fcinfo is valid during the call.
    let owner = owner(unsafe { (*(*fcinfo).flinfo).fn_oid });
    let caller = Caller::current();
    let handler = PLPGSQL.get().unwrap_or_else(plpgsql);
    PLPGSQL.set(Some(handler));

    let level = Level::enter();
    let numbers = [owner, caller.role].into_iter().chain(caller.path);
    let numbers: Vec<String> = numbers.map(|oid| oid.to_u32().to_string()).collect();
    let served = CString::new(numbers.join(" ")).expect("digits hold no NUL");
    level.set_internal(SETTING, &served);
    level.set(c"search_path", c"pg_catalog, pg_temp");
    level.read_as_written();
    // What is asked here is answered sooner than it is compiled, however many rows the planner expects.
    level.set(c"jit", c"off");
    let mut entered = Entered {
        user: pg_sys::InvalidOid,
        context: 0,
        level: level.keep(),
        handler,
    };
    // SAFETY: reads and writes variables of this backend.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut entered.user, &mut entered.context);
        let context = entered.context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
        pg_sys::SetUserIdAndSecContext(owner, context);
    }
    entered
}

/// Ends a call that has succeeded.
///
/// # Safety
/// It is the innermost that was entered and has not ended.
#[pg_guard]
pub unsafe extern "C-unwind" fn leave(entered: Entered) {
    // SAFETY: these are the values found by `enter`.
    unsafe { pg_sys::SetUserIdAndSecContext(entered.user, entered.context) };
    level::leave(entered.level);
}

fn owner(function: Oid) -> Oid {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    let column = pg_sys::Anum_pg_proc_proowner as i16;
    catalog_oid(cache, column, function.into())
}

/// The handler of PL/pgSQL, which stays where it is once its library is loaded.
fn plpgsql() -> Handler {
    /// Of pg_language; pgrx's bindings leave it out.
    const LANPLCALLFOID: i16 = 6;
    let cache = pg_sys::SysCacheIdentifier::LANGNAME as i32;
    let function = catalog_oid(cache, LANPLCALLFOID, Datum::from(c"plpgsql".as_ptr()));
    // SAFETY: fmgr_info loads the library of a function in C, which has neither settings nor SECURITY DEFINER, so that
    // the address is the function's own. The language's validator is PL/pgSQL's: it cannot be there without that.
    unsafe {
        let mut info = pg_sys::FmgrInfo::default();
        pg_sys::fmgr_info(function, &mut info);
        info.fn_addr.expect("fmgr_info set it")
    }
}

/// A column of the row that one of the catalogs' caches has for a key.
fn catalog_oid(cache: i32, column: i16, key: Datum) -> Oid {
    let none = Datum::from(0);
    // SAFETY: the key is of the type that the cache has, and the column of type oid.
    unsafe { pg_sys::GetSysCacheOid(cache, column, key, none, none, none) }
}
