//! What a session is about, kept from whoever's text it reads.
//!
//! A superuser's statement can hold secrets that are none of the business of the role whose expression is read for it, and
//! so can the rows of its open cursors. `current_query()`, the context of errors and `pg_cursors` tell any role, and any
//! role may `FETCH` from a cursor whose name it knows.

use std::ffi::{c_char, CString};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::encoding::encoded;
use super::statement::text;

/// While this lives, nothing of that is told, and nobody reads on in a cursor that was there before.
pub struct Unspoken {
    statement: *const c_char,
    context: *mut pg_sys::ErrorContextCallback,
    portals: Vec<Portal>,
}

/// A cursor, by its name, as it was.
struct Portal {
    name: CString,
    status: pg_sys::PortalStatus::Type,
    visible: bool,
}

impl Unspoken {
    /// Hides it.
    pub fn enter() -> Self {
        let names = names_of_cursors();
        // SAFETY: reads and writes variables of this backend, which may be null. Of a cursor that is said to run, the server
        // lets nobody fetch, nor close it.
        unsafe {
            let before = Self {
                statement: pg_sys::debug_query_string,
                context: pg_sys::error_context_stack,
                portals: names.into_iter().filter_map(Portal::of).collect(),
            };
            pg_sys::debug_query_string = std::ptr::null();
            pg_sys::error_context_stack = std::ptr::null_mut();
            for portal in &before.portals {
                portal.set(pg_sys::PortalStatus::PORTAL_ACTIVE, false);
            }
            before
        }
    }
}

impl Drop for Unspoken {
    fn drop(&mut self) {
        // SAFETY: as in `enter`; the statement, and who has something to say about errors in it, outlive this.
        unsafe {
            pg_sys::debug_query_string = self.statement;
            pg_sys::error_context_stack = self.context;
        }
        for portal in &self.portals {
            portal.set(portal.status, portal.visible);
        }
    }
}

impl Portal {
    fn of(name: CString) -> Option<Self> {
        // SAFETY: a look-up by name; a portal that is found is valid.
        let portal = unsafe { pg_sys::GetPortalByName(name.as_ptr()).as_ref() }?;
        let (status, visible) = (portal.status, portal.visible);
        Some(Self {
            name,
            status,
            visible,
        })
    }

    fn set(&self, status: pg_sys::PortalStatus::Type, visible: bool) {
        // SAFETY: as in `of`.
        if let Some(portal) = unsafe { pg_sys::GetPortalByName(self.name.as_ptr()).as_mut() } {
            portal.status = status;
            portal.visible = visible;
        }
    }
}

fn names_of_cursors() -> Vec<CString> {
    let names = "SELECT name FROM pg_catalog.pg_cursors";
    Spi::connect(|client| {
        let rows = client
            .select(names, None, &[])
            .unwrap_or_else(|error| panic!("{names}: {error}"));
        rows.map(|row| CString::new(encoded(&text(&row, 1))).expect("a name holds no NUL"))
            .collect()
    })
}
