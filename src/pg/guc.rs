//! Settings whose values are checked when they are set.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void, CStr, CString};

use pgrx::{pg_guard, pg_sys, GucContext, GucFlags, GucRegistry, GucSetting};

type Check = fn(&str) -> Result<(), String>;

thread_local! {
    /// By setting: the address of the variable's checker travels as nothing but its name.
    static CHECKS: RefCell<Vec<Check>> = const { RefCell::new(Vec::new()) };
}

/// Defines a text setting; a value that `check` refuses is refused with its words as the DETAIL.
pub fn define_checked_string(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    check: Check,
) {
    let number = CHECKS.with_borrow_mut(|checks| {
        checks.push(check);
        checks.len() - 1
    });
    let hook: pg_sys::GucStringCheckHook = match number {
        0 => Some(check_hook::<0>),
        1 => Some(check_hook::<1>),
        2 => Some(check_hook::<2>),
        _ => unreachable!("another check hook for {name:?} is needed here"),
    };
    // SAFETY: the hook is guarded against panics.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            short,
            long,
            setting,
            context,
            GucFlags::default(),
            hook,
            None,
            None,
        );
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_hook<const NUMBER: usize>(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the server hands over a pointer to a C string or to null; the detail is copied into the server's memory.
    unsafe {
        if (*value).is_null() {
            return true;
        }
        let text = CStr::from_ptr(*value).to_string_lossy();
        let check = CHECKS.with_borrow(|checks| checks[NUMBER]);
        match check(&text) {
            Ok(()) => true,
            Err(detail) => {
                let detail = CString::new(detail.replace('\0', "")).expect("NULs were removed");
                pg_sys::GUC_check_errcode(
                    pg_sys::errcodes::PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE as c_int,
                );
                pg_sys::GUC_check_errdetail_string = pg_sys::pstrdup(detail.as_ptr());
                false
            }
        }
    }
}

/// Names under this prefix that are no settings of ours are refused from now on, so that a typo is noticed.
pub fn reserve_prefix(prefix: &CStr) {
    // SAFETY: the server copies the string.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) };
}
