//! Whose privileges count.

use pgrx::pg_sys::{self, Oid};

/// The current user.
pub fn user() -> Oid {
    // SAFETY: reads a variable of this backend.
    unsafe { pg_sys::GetUserId() }
}

/// Whether a role has the privileges of another one.
pub fn may_act_as(member: Oid, role: Oid) -> bool {
    // SAFETY: a look-up in the catalogs.
    unsafe { pg_sys::has_privs_of_role(member, role) }
}

/// While this lives, privileges are those of another role; whoever they were is back when it is dropped, also by an
/// error.
pub struct Identity {
    user: Oid,
    context: i32,
}

impl Identity {
    /// Acts for a role, as a function with SECURITY DEFINER does.
    pub fn assume(role: Oid) -> Self {
        Self::enter(role, pg_sys::SECURITY_LOCAL_USERID_CHANGE)
    }

    /// Acts for a role in somebody else's session, as an index's expression does: nothing can be left behind there that
    /// would run later with the privileges of whose session it is.
    pub fn assume_restricted(role: Oid) -> Self {
        Self::enter(
            role,
            pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION,
        )
    }

    fn enter(role: Oid, more: u32) -> Self {
        let mut before = Self {
            user: pg_sys::InvalidOid,
            context: 0,
        };
        // SAFETY: reads and writes variables of this backend.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut before.user, &mut before.context);
            pg_sys::SetUserIdAndSecContext(role, before.context | more as i32);
        }
        before
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // SAFETY: as in `enter`; these are the values found there.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}
