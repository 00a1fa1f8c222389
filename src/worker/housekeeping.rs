//! Partitions: made before they are needed, dropped when all they hold is older than the retention.

use std::time::{Duration, Instant};

use pgrx::prelude::*;

use crate::pg::{interrupt, transaction};
use crate::settings;

const INTERVAL: Duration = Duration::from_secs(600);
const DAYS_AHEAD: i32 = 7;

/// When the partitions were last looked after.
pub struct Housekeeping {
    next: Instant,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self {
            next: Instant::now(),
        }
    }
}

impl Housekeeping {
    /// Makes and drops partitions, if it is time to: then true. What is locked by someone is left for the next time.
    pub fn run_if_due(&mut self) -> bool {
        if Instant::now() < self.next {
            return false;
        }
        self.next = Instant::now() + INTERVAL;
        let retention = settings::retention().as_secs();
        for (what, seconds_or_days) in [
            (
                "SELECT webhooks.make_partitions($1::int)",
                i64::from(DAYS_AHEAD),
            ),
            (
                "SELECT webhooks.drop_expired_partitions($1 * interval '1 second')",
                retention as i64,
            ),
        ] {
            let done = transaction::run(|| {
                interrupt::interruptible(|| {
                    Spi::connect_mut(|client| {
                        client
                            .update(what, None, &[seconds_or_days.into()])
                            .map(drop)
                            .unwrap_or_else(|e| panic!("{e}"));
                    });
                });
            });
            if let Err(error) = done {
                warning!("webhooks: partitions could not be looked after, tried again in ten minutes: {}", error.message);
            }
        }
        true
    }
}
