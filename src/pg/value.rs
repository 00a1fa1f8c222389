//! A column's value, taken out of the server's representation by its type.
//!
//! [`Kind`] is decided once per column and [`Value`] is what the row's datum says under it, so that whoever writes
//! JSON sees integers, text and bytes and never a pointer.

use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

use super::moment::Moment;
use super::numeric::Numeric;
use super::row::Row;
use super::sys;
use super::versions::EmptySearchPath;

/// How values of a column are read.
#[derive(Debug)]
pub enum Kind {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `oid`
    Oid,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`
    Numeric,
    /// `text`, `varchar`, `char(n)`
    Text,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytes,
    /// `money`, as the number it is: with what sign and which separators people write it depends on the session.
    Money,
    /// `regclass` and its kin, whose output function is this: names, with their schema whatever the `search_path`.
    Name(Oid),
    /// `date`, `time`, `timetz`, `timestamp`, `timestamptz`
    DateTime(Oid),
    /// An array of elements that are read as the kind says.
    Array(Box<Element>),
    /// A composite type; its shape travels with each value.
    Composite,
    /// A type of the user's that can be cast to `json`, by this function.
    Cast(Oid),
    /// Every other type, as its output function writes it.
    Other(Oid),
}

/// What an array holds.
#[derive(Debug)]
pub struct Element {
    kind: Kind,
    oid: Oid,
    length: i16,
    by_value: bool,
    align: std::ffi::c_char,
}

/// One value that is not NULL. Bytes are in the database's encoding.
pub enum Value {
    /// true or false
    Bool(bool),
    /// Any integer
    Int(i64),
    /// `real`
    Float4(f32),
    /// `double precision`
    Float8(f64),
    /// `numeric`
    Numeric(Numeric),
    /// A date or timestamp that needs no help
    Moment(Moment),
    /// Text of any type that has no JSON form of its own
    Text(Bytes),
    /// JSON text
    Json(Bytes),
    /// `bytea`
    Bytes(Bytes),
    /// An array
    Array(Array),
    /// A composite value
    Composite(Row),
}

/// Bytes in the memory context that was current when they were read. The executor resets it after the row, so a
/// value must not outlive the row it was taken from; nothing outside `capture` ever holds one.
pub struct Bytes {
    start: *const u8,
    length: usize,
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: start and length were taken from a varlena or C string of the current row's memory context.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// An array's elements in storage order, and its dimensions.
pub struct Array {
    elements: *const Datum,
    nulls: *const bool,
    kind: *const Kind,
    /// Elements along each dimension; empty for an empty array.
    pub dimensions: Vec<usize>,
}

impl Array {
    /// The element at a position, `None` for NULL.
    pub fn get(&self, position: usize) -> Option<Value> {
        assert!(position < self.dimensions.iter().product());
        // SAFETY: deconstruct_array gave as many elements and null flags as the dimensions multiply to; the kind
        // belongs to the relation's plan, which is held while its rows are read.
        unsafe {
            (!*self.nulls.add(position)).then(|| (*self.kind).read(*self.elements.add(position)))
        }
    }
}

impl Kind {
    /// How values of this type are read; a domain is read as the type beneath it.
    pub fn of(type_oid: Oid) -> Kind {
        // SAFETY: catalog look-ups by OID; a type that is not there raises an error, which pgrx turns into a panic.
        let base = unsafe { pg_sys::getBaseType(type_oid) };
        match base {
            pg_sys::BOOLOID => Kind::Bool,
            pg_sys::INT2OID => Kind::Int2,
            pg_sys::INT4OID => Kind::Int4,
            pg_sys::INT8OID => Kind::Int8,
            pg_sys::OIDOID => Kind::Oid,
            pg_sys::FLOAT4OID => Kind::Float4,
            pg_sys::FLOAT8OID => Kind::Float8,
            pg_sys::NUMERICOID => Kind::Numeric,
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Kind::Text,
            pg_sys::JSONOID => Kind::Json,
            pg_sys::JSONBOID => Kind::Jsonb,
            pg_sys::BYTEAOID => Kind::Bytes,
            pg_sys::MONEYOID => Kind::Money,
            pg_sys::REGCLASSOID
            | pg_sys::REGTYPEOID
            | pg_sys::REGPROCOID
            | pg_sys::REGPROCEDUREOID
            | pg_sys::REGOPEROID
            | pg_sys::REGOPERATOROID
            | pg_sys::REGCONFIGOID
            | pg_sys::REGDICTIONARYOID
            | pg_sys::REGCOLLATIONOID => Kind::Name(output_function(base)),
            pg_sys::DATEOID
            | pg_sys::TIMEOID
            | pg_sys::TIMETZOID
            | pg_sys::TIMESTAMPOID
            | pg_sys::TIMESTAMPTZOID => Kind::DateTime(base),
            _ => Kind::of_other(base),
        }
    }

    fn of_other(base: Oid) -> Kind {
        // SAFETY: catalog look-ups by OID that write through pointers to locals of the right types.
        unsafe {
            let element = pg_sys::get_element_type(base);
            if element != pg_sys::InvalidOid {
                let mut length = 0;
                let mut by_value = false;
                let mut align = 0;
                pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
                return Kind::Array(Box::new(Element {
                    kind: Kind::of(element),
                    oid: element,
                    length,
                    by_value,
                    align,
                }));
            }
            if pg_sys::type_is_rowtype(base) {
                return Kind::Composite;
            }
            if base.to_u32() >= pg_sys::FirstNormalObjectId {
                let mut function = pg_sys::InvalidOid;
                let path = pg_sys::find_coercion_pathway(
                    pg_sys::JSONOID,
                    base,
                    pg_sys::CoercionContext::COERCION_EXPLICIT,
                    &mut function,
                );
                if path == pg_sys::CoercionPathType::COERCION_PATH_FUNC {
                    return Kind::Cast(function);
                }
            }
            Kind::Other(output_function(base))
        }
    }

    /// Reads a datum of this kind.
    ///
    /// # Safety
    /// The datum must be a value, not NULL, of the type this kind was made from, and live as long as the result.
    pub(super) unsafe fn read(&self, datum: Datum) -> Value {
        // SAFETY: each arm reads the datum as the type that `of` mapped to it, as the caller promised.
        unsafe {
            match self {
                Kind::Bool => Value::Bool(datum.value() as u8 != 0),
                Kind::Int2 => Value::Int((datum.value() as i16).into()),
                Kind::Int4 => Value::Int((datum.value() as i32).into()),
                Kind::Int8 => Value::Int(datum.value() as i64),
                Kind::Oid => Value::Int((datum.value() as u32).into()),
                Kind::Float4 => Value::Float4(f32::from_bits(datum.value() as u32)),
                Kind::Float8 => Value::Float8(f64::from_bits(datum.value() as u64)),
                Kind::Numeric => Value::Numeric(Numeric(detoasted(datum))),
                Kind::Text => Value::Text(detoasted(datum)),
                Kind::Json => Value::Json(detoasted(datum)),
                Kind::Jsonb => Value::Json(output(pg_sys::F_JSONB_OUT.into(), datum)),
                Kind::Bytes => Value::Bytes(detoasted(datum)),
                Kind::Money => Value::Numeric(Numeric(detoasted(pg_sys::OidFunctionCall1Coll(
                    pg_sys::F_NUMERIC_MONEY.into(),
                    pg_sys::InvalidOid,
                    datum,
                )))),
                Kind::Name(function) => {
                    let _path = EmptySearchPath::enter();
                    Value::Text(output(*function, datum))
                }
                Kind::DateTime(oid) => match Moment::read(*oid, datum) {
                    Some(moment) => Value::Moment(moment),
                    None => Value::Text(date_time(*oid, datum)),
                },
                Kind::Array(element) => Value::Array(array(element, datum)),
                Kind::Composite => Value::Composite(Row::of_composite(datum)),
                Kind::Cast(function) => Value::Json(detoasted(pg_sys::OidFunctionCall1Coll(
                    *function,
                    pg_sys::InvalidOid,
                    datum,
                ))),
                Kind::Other(function) => {
                    let _settings = PortableSettings::enter();
                    Value::Text(output(*function, datum))
                }
            }
        }
    }
}

fn output_function(type_oid: Oid) -> Oid {
    let mut output = pg_sys::InvalidOid;
    let mut is_varlena = false;
    // SAFETY: a catalog look-up that writes through pointers to locals of the right types.
    unsafe { pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena) };
    output
}

/// The bytes of a text-like value, taken out of line and uncompressed where need be.
pub(super) unsafe fn detoasted(datum: Datum) -> Bytes {
    // SAFETY: the caller's datum is a varlena; only one that is compressed or elsewhere needs the server's help.
    unsafe {
        let mut varlena = datum.cast_mut_ptr();
        if pgrx::varatt_is_4b_c(varlena) || pgrx::varatt_is_1b_e(varlena) {
            varlena = pg_sys::pg_detoast_datum_packed(varlena);
        }
        Bytes {
            start: pgrx::vardata_any(varlena).cast(),
            length: pgrx::varsize_any_exhdr(varlena),
        }
    }
}

/// What a type's output function writes.
unsafe fn output(function: Oid, datum: Datum) -> Bytes {
    // SAFETY: the function is the output function of the datum's type; it returns a C string of the current context.
    unsafe { of_c_string(pg_sys::OidOutputFunctionCall(function, datum)) }
}

unsafe fn of_c_string(string: *const std::ffi::c_char) -> Bytes {
    // SAFETY: the caller's pointer is a C string of the current context.
    unsafe {
        let bytes = CStr::from_ptr(string).to_bytes();
        Bytes {
            start: bytes.as_ptr(),
            length: bytes.len(),
        }
    }
}

/// Date and time as ISO 8601, a `timestamptz` in UTC whatever the session's time zone.
unsafe fn date_time(oid: Oid, datum: Datum) -> Bytes {
    let utc = 0;
    let zone = if oid == pg_sys::TIMESTAMPTZOID {
        &utc as *const _
    } else {
        std::ptr::null()
    };
    // SAFETY: the buffer has the MAXDATELEN + 1 bytes that JsonEncodeDateTime asks for; the datum is of type `oid`.
    unsafe {
        let buffer = pg_sys::palloc(pg_sys::MAXDATELEN as usize + 1).cast();
        of_c_string(pg_sys::JsonEncodeDateTime(buffer, datum, oid, zone))
    }
}

unsafe fn array(element: &Element, datum: Datum) -> Array {
    // SAFETY: the caller's datum is an array of this element type; pointers out of deconstruct_array live in the
    // current context; ndim and the dimensions behind it are read as ARR_NDIM and ARR_DIMS do.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let mut elements = std::ptr::null_mut();
        let mut nulls = std::ptr::null_mut();
        let mut count = 0;
        pg_sys::deconstruct_array(
            array,
            element.oid,
            element.length.into(),
            element.by_value,
            element.align,
            &mut elements,
            &mut nulls,
            &mut count,
        );
        let sizes = array.add(1).cast::<i32>();
        let dimensions = if count == 0 {
            Vec::new()
        } else {
            (0..(*array).ndim as usize)
                .map(|d| *sizes.add(d) as usize)
                .collect()
        };
        Array {
            elements,
            nulls,
            kind: &element.kind,
            dimensions,
        }
    }
}

/// While this lives, output functions write the same text in every session: ISO dates, UTC, all digits, bytes as hex.
///
/// The settings' variables are set directly and put back on drop, also when an output function raises an error:
/// going through `set_config` for each value would cost more than the value.
pub(super) struct PortableSettings {
    date_style: i32,
    interval_style: i32,
    float_digits: i32,
    time_zone: *mut pg_sys::pg_tz,
    bytea_output: i32,
    xml_binary: i32,
    quote_all: bool,
}

impl PortableSettings {
    /// Sets them.
    pub(super) fn enter() -> Self {
        // SAFETY: a backend has one thread, and these are its own variables; pg_tzset returns a zone from a cache
        // that lives as long as the backend.
        unsafe {
            let saved = Self {
                date_style: pg_sys::DateStyle,
                interval_style: pg_sys::IntervalStyle,
                float_digits: pg_sys::extra_float_digits,
                time_zone: pg_sys::session_timezone,
                bytea_output: sys::raw::bytea_output,
                xml_binary: sys::raw::xmlbinary,
                quote_all: pg_sys::quote_all_identifiers,
            };
            pg_sys::DateStyle = pg_sys::USE_ISO_DATES as i32;
            pg_sys::IntervalStyle = pg_sys::INTSTYLE_POSTGRES as i32;
            pg_sys::extra_float_digits = 1;
            pg_sys::session_timezone = pg_sys::pg_tzset(c"GMT".as_ptr());
            sys::raw::bytea_output = sys::BYTEA_HEX;
            sys::raw::xmlbinary = sys::XML_BASE64;
            pg_sys::quote_all_identifiers = false;
            saved
        }
    }
}

impl Drop for PortableSettings {
    fn drop(&mut self) {
        // SAFETY: as in `enter`; these are the values found there.
        unsafe {
            pg_sys::DateStyle = self.date_style;
            pg_sys::IntervalStyle = self.interval_style;
            pg_sys::extra_float_digits = self.float_digits;
            pg_sys::session_timezone = self.time_zone;
            sys::raw::bytea_output = self.bytea_output;
            sys::raw::xmlbinary = self.xml_binary;
            pg_sys::quote_all_identifiers = self.quote_all;
        }
    }
}
