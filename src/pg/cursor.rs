//! A cursor that outlives its transaction.
//!
//! What is fetched in the transaction that opened it costs an ordinary query; what is left at commit is kept by the
//! server, on disk when it is much, and holds no snapshot.

use std::cell::Cell;
use std::ffi::CStr;

use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

const NAME: &CStr = c"webhooks_read";

/// A query that is planned once.
pub struct Query {
    text: &'static CStr,
    plan: Cell<pg_sys::SPIPlanPtr>,
}

/// The one cursor of this session, open.
pub struct Held(());

impl Query {
    /// A query with parameters `$1 … $3` of types text, bigint, text.
    pub const fn new(text: &'static CStr) -> Self {
        Self {
            text,
            plan: Cell::new(std::ptr::null_mut()),
        }
    }

    /// Opens the cursor, inside an SPI connection and under the active snapshot.
    pub fn open(&self, first: &str, second: Option<i64>, third: Option<&str>) -> Held {
        let mut values = [
            first.into_datum().unwrap_or(Datum::from(0)),
            second.into_datum().unwrap_or(Datum::from(0)),
            third.into_datum().unwrap_or(Datum::from(0)),
        ];
        let null = |is_null| if is_null { b'n' } else { b' ' };
        let nulls = [b' ', null(second.is_none()), null(third.is_none())];
        // SAFETY: values and nulls have as many entries as the plan has parameters, of its types; a plan that was
        // kept lives as long as the session.
        unsafe {
            if self.plan.get().is_null() {
                let mut types = [pg_sys::TEXTOID, pg_sys::INT8OID, pg_sys::TEXTOID];
                let options = (pg_sys::CURSOR_OPT_HOLD | pg_sys::CURSOR_OPT_NO_SCROLL) as i32;
                let plan =
                    pg_sys::SPI_prepare_cursor(self.text.as_ptr(), 3, types.as_mut_ptr(), options);
                assert!(
                    !plan.is_null() && pg_sys::SPI_keepplan(plan) == 0,
                    "SPI cannot plan the read of the log"
                );
                self.plan.set(plan);
            }
            pg_sys::SPI_cursor_open(
                NAME.as_ptr(),
                self.plan.get(),
                values.as_mut_ptr(),
                nulls.as_ptr().cast(),
                true,
            );
        }
        Held(())
    }
}

impl Held {
    /// Fetches up to so many rows, inside an SPI connection; `read` takes each row's columns.
    pub fn fetch<T>(&self, count: usize, mut read: impl FnMut(&Fetched) -> T) -> Vec<T> {
        // SAFETY: the portal was opened by `open` and is closed by `close` only, or by the abort of its transaction,
        // when SPI_cursor_find returns null; SPI_tuptable holds what was just fetched.
        unsafe {
            let portal = pg_sys::SPI_cursor_find(NAME.as_ptr());
            assert!(!portal.is_null(), "the cursor on the log is gone");
            pg_sys::SPI_cursor_fetch(portal, true, count as std::ffi::c_long);
            let table = pg_sys::SPI_tuptable;
            let rows = (0..pg_sys::SPI_processed as usize)
                .map(|i| {
                    read(&Fetched {
                        tuple: *(*table).vals.add(i),
                        descriptor: (*table).tupdesc,
                    })
                })
                .collect();
            pg_sys::SPI_freetuptable(table);
            rows
        }
    }

    /// Closes it, inside an SPI connection.
    pub fn close(self) {
        close_left_over();
    }
}

/// Closes the cursor where one is still open, as after an error.
pub fn close_left_over() {
    // SAFETY: a portal found by name is valid.
    unsafe {
        let portal = pg_sys::SPI_cursor_find(NAME.as_ptr());
        if !portal.is_null() {
            pg_sys::SPI_cursor_close(portal);
        }
    }
}

/// A row that was fetched.
pub struct Fetched {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl Fetched {
    /// A column, from 1, `None` for NULL. Its type must be the one the query gives it.
    pub fn get<T: FromDatum>(&self, column: i32) -> Option<T> {
        let mut is_null = false;
        // SAFETY: the tuple is of the descriptor; pgrx's FromDatum reads the type that the caller names.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.descriptor, column, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }
}
