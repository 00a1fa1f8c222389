//! Text in and out of the database's encoding.

use std::ffi::CStr;
use std::ops::Deref;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::UnboxDatum;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

use crate::error;

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

/// Text that came from the database, as UTF-8, in its encoding again.
pub fn encoded(text: &str) -> Vec<u8> {
    let encoding = database_encoding();
    if encoding == UTF8 || encoding == pg_sys::pg_enc::PG_SQL_ASCII as i32 || text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    // What stands for bytes that were no text has no place in any other encoding.
    let text = text.replace('\u{fffd}', "?");
    // SAFETY: the conversion reads the bytes given, and returns them or a C string of the current context.
    unsafe {
        let converted = pg_sys::pg_any_to_server(text.as_ptr().cast(), text.len() as i32, UTF8);
        if converted.cast_const() == text.as_ptr().cast() {
            return text.into_bytes();
        }
        CStr::from_ptr(converted).to_bytes().to_vec()
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

// SAFETY: it is a text to SQL, and read as one.
unsafe impl<'fcx> ArgAbi<'fcx> for RawText {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's argument is a text that is not NULL.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("it is not NULL")
    }
}

impl_sql_translatable!(RawText, "TEXT");

/// Text of the database as UTF-8, and back.
#[derive(Clone)]
pub struct Utf8(pub String);

impl Deref for Utf8 {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromDatum for Utf8 {
    unsafe fn from_polymorphic_datum(
        datum: Datum,
        is_null: bool,
        type_oid: pg_sys::Oid,
    ) -> Option<Self> {
        // SAFETY: the caller's datum is a text.
        let raw = unsafe { RawText::from_polymorphic_datum(datum, is_null, type_oid) };
        raw.map(|raw| Self(utf8(&raw.0)))
    }
}

// SAFETY: a text that is not NULL, copied.
unsafe impl UnboxDatum for Utf8 {
    type As<'src> = Self;

    unsafe fn unbox<'src>(datum: pgrx::datum::Datum<'src>) -> Self
    where
        Self: 'src,
    {
        // SAFETY: the caller's datum is a text.
        unsafe { Self::from_datum(datum.sans_lifetime(), false) }.expect("it is not NULL")
    }
}

impl IntoDatum for Utf8 {
    fn into_datum(self) -> Option<Datum> {
        encoded(&self.0).into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }

    fn is_compatible_with(other: pg_sys::Oid) -> bool {
        RawText::is_compatible_with(other)
    }
}

// SAFETY: it is a text to SQL, and read as one.
unsafe impl<'fcx> ArgAbi<'fcx> for Utf8 {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promised.
        let raw = unsafe { RawText::unbox_arg_unchecked(arg) };
        // In a database that knows no encoding there can be anything; an expression must not become another one unnoticed.
        if database_encoding() == pg_sys::pg_enc::PG_SQL_ASCII as i32
            && std::str::from_utf8(&raw.0).is_err()
        {
            error::raise(
                PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
                "an argument is not text in UTF-8",
                "The encoding of this database is SQL_ASCII: give what is not ASCII in UTF-8.",
            )
        }
        Self(utf8(&raw.0))
    }
}

// SAFETY: it is a text to SQL, and given as one.
unsafe impl BoxRet for Utf8 {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: a text in the current context.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

impl_sql_translatable!(Utf8, "TEXT");
