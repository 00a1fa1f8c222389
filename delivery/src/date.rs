//! Times as the payload writes them.

use std::io::Write;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Appends a time, given in microseconds since the Unix epoch, as ISO 8601 in UTC with six digits after the second.
pub(crate) fn append_iso8601(out: &mut Vec<u8>, at: i64) {
    let (year, month, day) = civil(at.div_euclid(MICROSECONDS_A_DAY));
    let in_day = at.rem_euclid(MICROSECONDS_A_DAY);
    let (seconds, microseconds) = (in_day / 1_000_000, in_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microseconds:06}Z"
    )
    .expect("writing to memory cannot fail");
}

/// Year, month and day of a day counted from the Unix epoch.
///
/// Counts in years that begin with March, so that the leap day is the last of its year, and in eras of 400 years,
/// after which the calendar repeats.
fn civil(days_since_epoch: i64) -> (i64, i64, i64) {
    const DAYS_A_400_YEARS: i64 = 146_097;
    // From 1 March of the year 0 to the epoch.
    let days = days_since_epoch + 719_468;
    let era = days.div_euclid(DAYS_A_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_A_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months have 153 days, whichever five from March on.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso8601(at: i64) -> String {
        let mut out = Vec::new();
        append_iso8601(&mut out, at);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_utc_with_six_digits() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_999_999, "2024-02-29T23:59:59.999999Z"),
            (1_709_251_200_000_000, "2024-03-01T00:00:00.000000Z"),
            (1_795_464_000_123_456, "2026-11-23T20:00:00.123456Z"),
            (4_107_542_399_000_001, "2100-02-28T23:59:59.000001Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(iso8601(at), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = iso8601(0);
        for day in 1..60_000 {
            let next = iso8601(day * MICROSECONDS_A_DAY);
            assert!(last < next, "{last} {next}");
            last = next;
        }
        assert_eq!(last, "2134-04-10T00:00:00.000000Z");
    }

    #[test]
    fn the_ends_of_the_range_do_not_panic() {
        for at in [i64::MIN, i64::MAX] {
            assert!(iso8601(at).ends_with('Z'));
        }
    }
}
