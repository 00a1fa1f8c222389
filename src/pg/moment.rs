//! Dates and timestamps as ISO 8601, without the detour of the server's general output.

use pgrx::pg_sys::{self, Datum, Oid};

use super::sys;

const DAY: i64 = 86_400_000_000;
/// Years of four digits, 0001 to 9999, in days from 2000-01-01.
const YEARS_OF_FOUR_DIGITS: std::ops::Range<i64> = -730_119..2_921_940;

/// A date, or a date and a time, in a year of four digits.
pub struct Moment {
    /// Since 2000-01-01.
    day: i64,
    /// Microseconds of that day, where it is more than a date.
    time: Option<i64>,
    /// Whether the time is known to be UTC.
    utc: bool,
}

impl Moment {
    /// Reads a `date`, `timestamp` or `timestamptz`; `None` for other types, other years and the infinite.
    ///
    /// # Safety
    /// The datum is of the type.
    pub(super) unsafe fn read(type_oid: Oid, datum: Datum) -> Option<Self> {
        let (day, time) = match type_oid {
            pg_sys::DATEOID => (i64::from(datum.value() as i32), None),
            pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => {
                let at = datum.value() as i64;
                (at.div_euclid(DAY), Some(at.rem_euclid(DAY)))
            }
            _ => return None,
        };
        let utc = type_oid == pg_sys::TIMESTAMPTZOID;
        YEARS_OF_FOUR_DIGITS
            .contains(&day)
            .then_some(Self { day, time, utc })
    }

    /// Appends it as the server would write it into JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (year, month, date) = sys::calendar_date(self.day as i32);
        digits(out, year / 100);
        digits(out, year % 100);
        out.push(b'-');
        digits(out, month);
        out.push(b'-');
        digits(out, date);
        let Some(time) = self.time else { return };
        let seconds = (time / 1_000_000) as i32;
        for (separator, part) in [
            (b'T', seconds / 3600),
            (b':', seconds / 60 % 60),
            (b':', seconds % 60),
        ] {
            out.push(separator);
            digits(out, part);
        }
        let fraction = (time % 1_000_000) as i32;
        if fraction > 0 {
            out.push(b'.');
            for part in [fraction / 10_000, fraction / 100 % 100, fraction % 100] {
                digits(out, part);
            }
            let zeros = out.iter().rev().take_while(|&&digit| digit == b'0').count();
            out.truncate(out.len() - zeros);
        }
        if self.utc {
            out.extend_from_slice(b"+00:00");
        }
    }
}

/// Two digits.
fn digits(out: &mut Vec<u8>, number: i32) {
    out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
}
