//! Text in and out of the database's encoding.

use std::ffi::CStr;

use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;

fn database_encoding() -> i32 {
    // SAFETY: set when the session began.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// Text of the database, as UTF-8. Bytes that are no text in the database's encoding become U+FFFD.
pub fn utf8(bytes: &[u8]) -> String {
    let encoding = database_encoding();
    if encoding == UTF8 || encoding == pg_sys::pg_enc::PG_SQL_ASCII as i32 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // SAFETY: the conversion reads the bytes given, and returns them or a C string of the current context.
    unsafe {
        let converted = pg_sys::pg_server_to_any(bytes.as_ptr().cast(), bytes.len() as i32, UTF8);
        if converted.cast_const() == bytes.as_ptr().cast() {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        CStr::from_ptr(converted).to_string_lossy().into_owned()
    }
}

/// Text that any database can store: a receiver's words must never fail the transaction that records them. What a
/// database in another encoding than UTF-8 might have no character for becomes `?`; no database can hold a NUL.
pub fn storable(text: &str) -> String {
    let any = database_encoding() == UTF8;
    text.chars()
        .map(|c| {
            if c == '\0' || !(any || c.is_ascii()) {
                '?'
            } else {
                c
            }
        })
        .collect()
}

/// The bytes of a column of text or json, as they are.
pub struct RawText(pub Vec<u8>);

impl FromDatum for RawText {
    unsafe fn from_polymorphic_datum(
        datum: Datum,
        is_null: bool,
        _type: pg_sys::Oid,
    ) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the caller's datum is a varlena; what was made of one that is not packed is nobody else's.
        unsafe {
            let stored = datum.cast_mut_ptr();
            let varlena = pg_sys::pg_detoast_datum_packed(stored);
            let bytes = pgrx::varlena_to_byte_slice(varlena).to_vec();
            if varlena != stored {
                // A copy of the server's, which would stay until the transaction ends.
                pg_sys::pfree(varlena.cast());
            }
            Some(RawText(bytes))
        }
    }
}

impl IntoDatum for RawText {
    fn into_datum(self) -> Option<Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }

    fn is_compatible_with(other: pg_sys::Oid) -> bool {
        [pg_sys::TEXTOID, pg_sys::JSONOID].contains(&other)
    }
}
