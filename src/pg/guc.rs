//! Settings whose values are checked when they are set.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void, CStr, CString};

use pgrx::{pg_guard, pg_sys, GucContext, GucFlags, GucRegistry, GucSetting};

type Check = fn(&str) -> Result<(), String>;

/// What a value has to pass, and what is said to do where it does not.
type Checked = (Check, &'static CStr);

thread_local! {
    /// By setting: the address of the variable's checker travels as nothing but its name.
    static CHECKS: RefCell<Vec<Checked>> = const { RefCell::new(Vec::new()) };
    /// Checks of settings whose values are not to be shown, by their numbers, with the settings' names.
    static SECRETS: RefCell<Vec<(usize, &'static CStr)>> = const { RefCell::new(Vec::new()) };
}

/// Defines a text setting; a value that the check refuses is refused with its words as the DETAIL, and with the hint.
pub fn define_checked_string(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    checked: Checked,
) {
    define(
        name,
        short,
        long,
        setting,
        context,
        GucFlags::default(),
        checked,
    );
}

/// The same for one with a password in it: it is shown to superusers only, and the error does not repeat it.
pub fn define_secret_string(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    checked: Checked,
) {
    let number = CHECKS.with_borrow(Vec::len);
    SECRETS.with_borrow_mut(|secrets| secrets.push((number, name)));
    let flags = GucFlags::SUPERUSER_ONLY;
    define(
        name,
        short,
        long,
        setting,
        GucContext::Sighup,
        flags,
        checked,
    );
}

fn define(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    flags: GucFlags,
    checked: Checked,
) {
    let number = CHECKS.with_borrow_mut(|checks| {
        checks.push(checked);
        checks.len() - 1
    });
    let hook: pg_sys::GucStringCheckHook = match number {
        0 => Some(check_hook::<0>),
        1 => Some(check_hook::<1>),
        2 => Some(check_hook::<2>),
        3 => Some(check_hook::<3>),
        _ => unreachable!("another check hook for {name:?} is needed here"),
    };
    // SAFETY: the hook is guarded against panics.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name, short, long, setting, context, flags, hook, None, None,
        );
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_hook<const NUMBER: usize>(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the server hands over a pointer to a C string or to null; what is said is copied into the server's memory.
    unsafe {
        if (*value).is_null() {
            return true;
        }
        let text = CStr::from_ptr(*value).to_string_lossy();
        let (check, hint) = CHECKS.with_borrow(|checks| checks[NUMBER]);
        match check(&text) {
            Ok(()) => true,
            Err(detail) => {
                let detail = CString::new(detail.replace('\0', "")).expect("NULs were removed");
                pg_sys::GUC_check_errcode(
                    pg_sys::errcodes::PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE as c_int,
                );
                pg_sys::GUC_check_errdetail_string = pg_sys::pstrdup(detail.as_ptr());
                pg_sys::GUC_check_errhint_string = pg_sys::pstrdup(hint.as_ptr());
                if let Some(message) = silent_message(NUMBER) {
                    pg_sys::GUC_check_errmsg_string = pg_sys::pstrdup(message.as_ptr());
                }
                false
            }
        }
    }
}

/// The message for a value that is not to be shown, in place of the server's own, which shows it.
fn silent_message(number: usize) -> Option<CString> {
    let name = SECRETS.with_borrow(|secrets| {
        let secret = secrets.iter().find(|(secret, _)| *secret == number);
        secret.map(|&(_, name)| name)
    })?;
    let message = format!("invalid value for parameter \"{}\"", name.to_string_lossy());
    CString::new(message).ok()
}

/// Names under this prefix that are no settings of ours are refused from now on, so that a typo is noticed.
pub fn reserve_prefix(prefix: &CStr) {
    // SAFETY: the server copies the string.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) };
}
