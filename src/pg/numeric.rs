//! `numeric` values as digits, written from the form in which the server stores them.
//!
//! That form is what files of a database hold, so it does not change between versions; the server's own output function
//! copies the value twice on the way to the same text.

use super::value::Bytes;

// The first sixteen bits say which form the rest has.
const FORM: u16 = 0xC000;
const LONG_NEGATIVE: u16 = 0x4000;
const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xC000;

/// A value of type `numeric`.
pub struct Numeric(pub(super) Bytes);

/// Where the digits are: four in each group, `weight` + 1 groups before the point.
struct Layout<'a> {
    negative: bool,
    weight: i32,
    scale: usize,
    groups: &'a [u8],
}

impl Numeric {
    /// The name of what is no number.
    pub fn special(&self) -> Option<&'static str> {
        match self.word(0) {
            0xC000 => Some("NaN"),
            0xD000 => Some("Infinity"),
            0xF000 => Some("-Infinity"),
            _ => None,
        }
    }

    /// Appends the digits of a number.
    pub fn write(&self, out: &mut Vec<u8>) {
        let layout = self.layout();
        if layout.negative {
            out.push(b'-');
        }
        if layout.weight < 0 {
            out.push(b'0');
        }
        for n in 0..=layout.weight {
            let digits = layout.group(n);
            let zeros = digits.iter().take(3).take_while(|&&d| d == b'0').count();
            out.extend_from_slice(if n == 0 { &digits[zeros..] } else { &digits });
        }
        if layout.scale > 0 {
            out.push(b'.');
            let end = out.len() + layout.scale;
            let mut n = layout.weight + 1;
            while out.len() < end {
                out.extend_from_slice(&layout.group(n));
                n += 1;
            }
            out.truncate(end);
        }
    }

    fn word(&self, n: usize) -> u16 {
        word(&self.0, n).unwrap_or(SPECIAL)
    }

    fn layout(&self) -> Layout<'_> {
        let header = self.word(0);
        if header & FORM == SHORT {
            // Seven bits of two's complement.
            let weight = i32::from(header & 0x3F) - i32::from(header & 0x40);
            Layout {
                negative: header & 0x2000 != 0,
                weight,
                scale: usize::from((header & 0x1F80) >> 7),
                groups: self.0.get(2..).unwrap_or_default(),
            }
        } else {
            Layout {
                negative: header & FORM == LONG_NEGATIVE,
                weight: i32::from(self.word(1) as i16),
                scale: usize::from(header & !FORM),
                groups: self.0.get(4..).unwrap_or_default(),
            }
        }
    }
}

impl Layout<'_> {
    /// Four digits; zeros at either end are not stored.
    fn group(&self, n: i32) -> [u8; 4] {
        let value = usize::try_from(n).ok().and_then(|n| word(self.groups, n));
        let value = value.unwrap_or(0);
        [value / 1000, value / 100 % 10, value / 10 % 10, value % 10].map(|d| b'0' + d as u8)
    }
}

fn word(bytes: &[u8], n: usize) -> Option<u16> {
    let pair = bytes.get(2 * n..2 * n + 2)?;
    Some(u16::from_ne_bytes([pair[0], pair[1]]))
}
