//! What reads texts that others wrote, within reach of the fuzz targets and of the tests that replay what they found.
//! No part of the crate's interface.

use std::time::{Duration, SystemTime};

/// Reads the value of a `Retry-After`.
pub fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    crate::retry_after::retry_after(value, now)
}
