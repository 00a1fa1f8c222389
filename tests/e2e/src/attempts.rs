//! Calls as the attempt log tells of them.

use std::time::Duration;

use crate::{wait_for, Session};

/// So many messages that fail in a row make the endpoint be left alone.
const FAILED_IN_A_ROW: usize = 5;

/// One call, with times since some moment that is the same for all.
#[derive(Debug)]
pub struct Attempt {
    /// When it began.
    pub begun: Duration,
    /// When it ended.
    pub ended: Duration,
    /// Which one of its message.
    pub attempt: i64,
}

/// Calls in the order in which they began.
pub struct AttemptLog(Vec<Attempt>);

impl AttemptLog {
    /// Those that have ended with an error, once there are so many.
    #[track_caller]
    pub fn of_errors(session: &mut Session, at_least: usize) -> Self {
        let calls = "SELECT (extract(epoch FROM at) * 1000000)::bigint,
                            (extract(epoch FROM at + duration) * 1000000)::bigint, attempt
                     FROM webhooks.attempt_log WHERE error IS NOT NULL ORDER BY at";
        let rows = wait_for("calls have failed", || {
            Some(session.rows(calls)).filter(|rows| rows.len() >= at_least)
        });
        let number =
            |text: Option<&str>| text.and_then(|text| text.parse().ok()).expect("a number");
        let attempt = |row: &postgres::SimpleQueryRow| Attempt {
            begun: Duration::from_micros(number(row.get(0))),
            ended: Duration::from_micros(number(row.get(1))),
            attempt: number(row.get(2)) as i64,
        };
        Self(rows.iter().map(attempt).collect())
    }

    /// The calls of before the endpoint was left alone for `wait`, and the probes that followed.
    pub fn first_round_and_probes(&self, wait: Duration) -> (&[Attempt], &[Attempt]) {
        let mut ends: Vec<Duration> = self.0.iter().map(|call| call.ended).collect();
        ends.sort_unstable();
        let probed_from = ends[FAILED_IN_A_ROW - 1] + wait;
        let first_round = self.0.partition_point(|call| call.begun < probed_from);
        self.0.split_at(first_round)
    }
}
