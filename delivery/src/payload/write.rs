//! Writing JSON by hand, around text that is JSON already.

use std::io::Write;

use crate::date;

/// Appends what `format_args!` made.
pub(super) fn append_format(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

/// Appends a JSON string.
pub(super) fn append_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is always JSON");
}

/// Appends what stands between the quotes of a JSON string.
pub(super) fn append_escaped(out: &mut Vec<u8>, text: &str) {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    append_string(&mut quoted, text);
    out.extend_from_slice(&quoted[1..quoted.len() - 1]);
}

/// Appends a JSON string or `null`.
pub(super) fn append_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => append_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends an array of strings.
pub(super) fn append_names(out: &mut Vec<u8>, names: &[String]) {
    out.push(b'[');
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        append_string(out, name);
    }
    out.push(b']');
}

/// Appends an array of one row, or of none.
pub(super) fn append_rows(out: &mut Vec<u8>, row: Option<&str>) {
    out.push(b'[');
    out.extend_from_slice(row.unwrap_or_default().as_bytes());
    out.push(b']');
}

/// An object whose members are appended one after the other. The closing brace comes when it is dropped.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
}

impl<'a> Object<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Object {
            out,
            separator: b'{',
        }
    }

    /// A member whose value the caller appends.
    pub(super) fn value(&mut self, key: &str) -> &mut Vec<u8> {
        self.out.push(self.separator);
        self.separator = b',';
        append_string(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(super) fn string(&mut self, key: &str, text: &str) {
        append_string(self.value(key), text);
    }

    pub(super) fn optional(&mut self, key: &str, text: Option<&str>) {
        append_optional(self.value(key), text);
    }

    pub(super) fn number(&mut self, key: &str, number: i64) {
        append_format(self.value(key), format_args!("{number}"));
    }

    /// A time in microseconds since the Unix epoch, as ISO 8601.
    pub(super) fn time(&mut self, key: &str, at: i64) {
        let out = self.value(key);
        out.push(b'"');
        date::append_iso8601(out, at);
        out.push(b'"');
    }

    /// A value that is JSON text already; `null` where there is none.
    pub(super) fn json(&mut self, key: &str, text: Option<&str>) {
        self.value(key)
            .extend_from_slice(text.unwrap_or("null").as_bytes());
    }

    /// A record's key: a number where it is a whole number, as receivers that know numbers only expect it.
    pub(super) fn record(&mut self, key: &str, record: Option<&str>) {
        let is_number = |text: &&str| text.parse().is_ok_and(|n: i64| n.to_string() == **text);
        match record.filter(is_number) {
            Some(number) => self.json(key, Some(number)),
            None => self.optional(key, record),
        }
    }

    /// The handshake key, if the webhook has one.
    pub(super) fn handshake(&mut self, handshake_key: Option<&str>) {
        if let Some(handshake_key) = handshake_key {
            self.string("handshake_key", handshake_key);
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}
