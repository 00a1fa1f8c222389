//! Partitions: made before they are needed, dropped when all they hold is older than the retention. Secrets that sign
//! no more are forgotten, and events are dropped whose table or trigger is gone.

use std::time::{Duration, Instant};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;

use crate::pg::{interrupt, transaction};
use crate::settings;

const INTERVAL: Duration = Duration::from_secs(600);
const DAYS_AHEAD: i32 = 7;

/// When it was last seen to.
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
    /// Looks after them, if it is time to: then true. What is locked by someone is left for the next time.
    pub fn run_if_due(&mut self) -> bool {
        if Instant::now() < self.next {
            return false;
        }
        self.next = Instant::now() + INTERVAL;
        let retention = settings::retention().as_secs();
        for (what, argument) in [
            (
                "SELECT webhooks.make_partitions($1::int)",
                Some(i64::from(DAYS_AHEAD)),
            ),
            (
                "SELECT webhooks.drop_expired_partitions($1 * interval '1 second')",
                Some(retention as i64),
            ),
            ("SELECT webhooks.drop_ended_secrets()", None),
            ("SELECT webhooks.tie_event_functions()", None),
            ("SELECT webhooks.retire_dead_events()", None),
        ] {
            let arguments: Vec<DatumWithOid> = argument.into_iter().map(Into::into).collect();
            let done = transaction::run(|| {
                interrupt::interruptible(|| {
                    Spi::connect_mut(|client| {
                        client
                            .update(what, None, &arguments)
                            .map(drop)
                            .unwrap_or_else(|e| panic!("{e}"));
                    });
                });
            });
            if let Err(error) = done {
                warning!(
                    "webhooks: {what} failed and is tried again in ten minutes: {}",
                    error.message
                );
            }
        }
        true
    }
}
