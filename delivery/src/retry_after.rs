//! How long a receiver asks to be left alone: the `Retry-After` of an answer.

use std::time::{Duration, SystemTime};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the value of the header: whole seconds, or a date of HTTP in any of its three forms. The result is at least a
/// second and at most a day.
///
/// What is neither, or lies in the past, is as if it were absent: a receiver cannot stop a lane with a value that makes
/// no sense.
pub(crate) fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let value = str::from_utf8(value.trim_ascii()).ok()?;
    let wait = if value.bytes().all(|c| c.is_ascii_digit()) {
        Duration::from_secs(value.parse().ok()?)
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        until.duration_since(now).ok()?
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: u64 = 784_111_777;

    fn read(value: &[u8]) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let wait = retry_after(value, now)?;
        assert_eq!(wait.subsec_nanos(), 0);
        Some(wait.as_secs())
    }

    #[test]
    fn whole_seconds_are_seconds() {
        for (value, seconds) in [
            ("1", 1),
            ("120", 120),
            ("86399", 86_399),
            (" 120\t", 120),
            ("0000000000000000000000000120", 120),
        ] {
            assert_eq!(read(value.as_bytes()), Some(seconds), "{value}");
        }
    }

    #[test]
    fn a_date_of_http_is_the_time_until_then() {
        for (value, seconds) in [
            ("Sun, 06 Nov 1994 08:51:37 GMT", 120),
            ("Sunday, 06-Nov-94 08:51:37 GMT", 120),
            ("Sun Nov  6 08:51:37 1994", 120),
            ("Mon, 07 Nov 1994 08:49:36 GMT", 86_399),
        ] {
            assert_eq!(read(value.as_bytes()), Some(seconds), "{value}");
        }
    }

    #[test]
    fn it_is_never_less_than_a_second_nor_more_than_a_day() {
        for (value, seconds) in [
            ("0", 1),
            ("86400", 86_400),
            ("86401", 86_400),
            ("18446744073709551615", 86_400),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 1),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ] {
            assert_eq!(read(value.as_bytes()), Some(seconds), "{value}");
        }
    }

    #[test]
    fn what_lies_in_the_past_is_as_if_absent() {
        for value in [
            "Sun, 06 Nov 1994 08:49:36 GMT",
            "Sunday, 06-Nov-94 08:49:36 GMT",
            "Sun Nov  6 08:49:36 1994",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(read(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn what_is_neither_is_as_if_absent() {
        for value in [
            "",
            " ",
            "inf",
            "-inf",
            "NaN",
            "1e300",
            "1e3",
            "-1",
            "+1",
            "1.5",
            "0x10",
            "120s",
            "1 2",
            "120, 240",
            "18446744073709551616",
            "99999999999999999999999999999999999999999999",
            "١٢٠",
            "１２０",
            "soon",
            "1994-11-06T08:51:37Z",
            "Sun, 06 Nov 1994 08:51:37",
            "Sun, 06 Nov 1994 08:51:37 CET",
            "Sun, 06 Nov 1994 08:51:61 GMT",
            "Sun, 31 Feb 1994 08:51:37 GMT",
            "Mon, 06 Nov 1994 08:51:37 GMT",
            "Sun, 06 Nov 99999 08:51:37 GMT",
            "Sun, 06 Nov 0000 08:51:37 GMT",
        ] {
            assert_eq!(read(value.as_bytes()), None, "{value}");
        }
        for value in [&b"\xff"[..], b"120\0", b"\xc3", &[b'9'; 100_000]] {
            assert_eq!(read(value), None);
        }
    }

    #[test]
    fn a_clock_before_the_epoch_does_no_harm() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(
            retry_after(b"Sun, 06 Nov 1994 08:49:37 GMT", before),
            Some(LONGEST)
        );
    }
}
