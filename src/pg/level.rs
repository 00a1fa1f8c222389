//! Settings for a while.

use std::ffi::CStr;

use pgrx::pg_sys;

/// Settings that are made while this lives, by us or by whatever runs meanwhile, are undone when it is dropped, also by an
/// error that is caught.
pub struct Level(i32);

impl Level {
    /// Begins with everything as it is.
    pub fn enter() -> Self {
        // SAFETY: counts a level of this backend's.
        Self(unsafe { pg_sys::NewGUCNestLevel() })
    }

    /// Has SQL read as it is written, whatever the session has made of backslashes and `= NULL`.
    pub fn read_as_written(&self) {
        self.set(c"standard_conforming_strings", c"on");
        self.set(c"transform_null_equals", c"off");
    }

    /// Sets something that every role may set.
    pub fn set(&self, name: &CStr, value: &CStr) {
        self.set_as(pg_sys::GucContext::PGC_USERSET, name, value);
    }

    /// Sets something that nobody may.
    pub(super) fn set_internal(&self, name: &CStr, value: &CStr) {
        self.set_as(pg_sys::GucContext::PGC_INTERNAL, name, value);
    }

    fn set_as(&self, context: pg_sys::GucContext::Type, name: &CStr, value: &CStr) {
        // SAFETY: the strings are copied; the level that keeps the value from before is there.
        unsafe {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                context,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
    }

    /// Leaves it to [`leave`], or to the server after an error, to undo them.
    pub(super) fn keep(self) -> i32 {
        std::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        leave(self.0);
    }
}

/// Undoes what was set since the level was entered.
pub(super) fn leave(level: i32) {
    // SAFETY: the level is still there, or was left by an error around it, which this allows. As after an error: what was
    // set to stay is undone, too.
    unsafe { pg_sys::AtEOXact_GUC(false, level) };
}
