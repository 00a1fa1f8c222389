//! What an answer means.

use std::time::Duration;

use crate::fault::{Fault, FaultKind};
use crate::retry;

/// What follows from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Retry {
        /// How long from now; the random part is included.
        after: Duration,
    },
    /// That was the last attempt.
    Exhausted,
}

/// Judges the end of attempt number `attempt` (from 1). `jitter` is a random number in `0.0..1.0`.
///
/// `error` is what [`status_fault`] or the client found wrong; nothing wrong means delivered.
pub(crate) fn judge(
    error: Option<&Fault>,
    attempt: u32,
    schedule: &[Duration],
    jitter: f64,
) -> Verdict {
    if error.is_none() {
        return Verdict::Delivered;
    }
    match retry::wait(schedule, attempt, jitter) {
        Some(after) => Verdict::Retry { after },
        None => Verdict::Exhausted,
    }
}

/// What is wrong with a status: nothing with 2xx. A redirect is as wrong as the rest, since none is followed.
pub(crate) fn status_fault(status: u16) -> Option<Fault> {
    (!(200..300).contains(&status)).then(|| Fault::new(FaultKind::Status, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

    #[test]
    fn any_2xx_is_delivered_and_nothing_else_is() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(status_fault(status), None, "{status}");
        }
        for status in [
            100, 199, 300, 301, 302, 304, 307, 400, 404, 410, 429, 500, 503, 599, 999,
        ] {
            let fault = status_fault(status).expect("a fault");
            assert_eq!(fault.to_string(), format!("status: {status}"));
        }
    }

    #[test]
    fn without_an_error_it_is_delivered_whatever_the_schedule() {
        assert_eq!(judge(None, 1, &[], 0.0), Verdict::Delivered);
        assert_eq!(judge(None, 9, &SCHEDULE, 0.0), Verdict::Delivered);
    }

    #[test]
    fn n_waits_are_n_plus_one_attempts() {
        let fault = Fault::new(FaultKind::Timeout, "no answer");
        let verdicts: Vec<Verdict> = (1..=4)
            .map(|attempt| judge(Some(&fault), attempt, &SCHEDULE, 0.0))
            .collect();
        assert_eq!(
            verdicts,
            [
                Verdict::Retry { after: SCHEDULE[0] },
                Verdict::Retry { after: SCHEDULE[1] },
                Verdict::Exhausted,
                Verdict::Exhausted,
            ]
        );
        assert_eq!(judge(Some(&fault), 1, &[], 0.9), Verdict::Exhausted);
    }
}
