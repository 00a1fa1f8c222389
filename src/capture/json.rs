//! Rows as JSON, the same in every session.
//!
//! `row_to_json` follows the session's time zone and writes bytea as hex; a body may depend on neither, and looking up
//! each column's type for each row is what it spends its time on.

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::write::EncoderWriter;
use std::io::Write;

use crate::pg::row::{Row, Shape};
use crate::pg::store::Text;
use crate::pg::value::{Array, Value};

/// Writes rows of one shape.
pub struct Writer {
    /// `,"name":` of each column.
    names: Vec<Vec<u8>>,
}

impl Writer {
    /// A writer for rows of this shape.
    pub fn new(shape: &Shape) -> Self {
        let name = |column: &crate::pg::row::Column| {
            let mut quoted = vec![b','];
            string(&mut quoted, &column.name);
            quoted.push(b':');
            quoted
        };
        Self {
            names: shape.columns.iter().map(name).collect(),
        }
    }

    /// The row as an object.
    pub fn whole(&self, out: &mut Vec<u8>, row: &Row) {
        self.object(out, row, 0..self.names.len());
    }

    /// Some columns of the row as an object.
    pub fn part(&self, out: &mut Vec<u8>, row: &Row, positions: &[usize]) {
        self.object(out, row, positions.iter().copied());
    }

    fn object(&self, out: &mut Vec<u8>, row: &Row, positions: impl Iterator<Item = usize>) {
        out.push(b'{');
        for (n, position) in positions.enumerate() {
            let name = &self.names[position];
            out.extend_from_slice(if n > 0 { name } else { &name[1..] });
            value(out, row.value(position));
        }
        out.push(b'}');
    }

    /// The key that orders a row's messages: its primary key as text, several columns as a JSON array.
    pub fn record(&self, row: &Row, key: &[usize]) -> Option<Text> {
        let mut text = Text::new();
        let out = text.buffer();
        match *key {
            [] => return None,
            [column] => match row.value(column)? {
                Value::Text(bytes) => out.extend_from_slice(&bytes),
                Value::Bytes(bytes) => base64(out, &bytes),
                Value::Moment(moment) => moment.write(out),
                other => value(out, Some(other)),
            },
            _ => {
                out.push(b'[');
                for (n, &column) in key.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    value(out, row.value(column));
                }
                out.push(b']');
            }
        }
        Some(text)
    }
}

fn value(out: &mut Vec<u8>, value: Option<Value>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(Value::Bool(true)) => out.extend_from_slice(b"true"),
        Some(Value::Bool(false)) => out.extend_from_slice(b"false"),
        Some(Value::Int(number)) => {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
        Some(Value::Float4(number)) if number.is_finite() => {
            float(out, ryu::Buffer::new().format(number))
        }
        Some(Value::Float8(number)) if number.is_finite() => {
            float(out, ryu::Buffer::new().format(number))
        }
        Some(Value::Float4(number)) => not_finite(out, number.into()),
        Some(Value::Float8(number)) => not_finite(out, number),
        Some(Value::Numeric(number)) => match number.special() {
            Some(name) => string(out, name.as_bytes()),
            None => number.write(out),
        },
        Some(Value::Moment(moment)) => {
            out.push(b'"');
            moment.write(out);
            out.push(b'"');
        }
        Some(Value::Text(bytes)) => string(out, &bytes),
        Some(Value::Json(text)) => out.extend_from_slice(&text),
        Some(Value::Bytes(bytes)) => {
            out.push(b'"');
            base64(out, &bytes);
            out.push(b'"');
        }
        Some(Value::Array(array)) => elements(out, &array, 0, 0),
        Some(Value::Composite(row)) => Writer::new(&row.shape).whole(out, &row),
    }
}

/// One dimension of an array, and those within it; `first` is the position of its first element.
fn elements(out: &mut Vec<u8>, array: &Array, dimension: usize, first: usize) {
    out.push(b'[');
    let count = array.dimensions.get(dimension).copied().unwrap_or(0);
    let inner = array
        .dimensions
        .iter()
        .skip(dimension + 1)
        .product::<usize>();
    for n in 0..count {
        if n > 0 {
            out.push(b',');
        }
        let position = first + n * inner;
        if dimension + 1 == array.dimensions.len() {
            value(out, array.get(position));
        } else {
            elements(out, array, dimension + 1, position);
        }
    }
    out.push(b']');
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut encoder = EncoderWriter::new(out, &BASE64);
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish().map(drop))
        .expect("writing to memory");
}

/// Shortest digits that read back as the same number; `1`, not `1.0`, as Postgres writes it.
fn float(out: &mut Vec<u8>, digits: &str) {
    out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
}

fn not_finite(out: &mut Vec<u8>, number: f64) {
    let name: &[u8] = match number {
        n if n.is_nan() => b"\"NaN\"",
        n if n > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    };
    out.extend_from_slice(name);
}

/// A JSON string. Every encoding a database can have keeps ASCII bytes for ASCII, so bytes can be looked at one by one.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[(byte >> 4) as usize],
                HEX[(byte & 15) as usize],
            ]),
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}
