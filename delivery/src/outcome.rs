//! What an answer means. [`meaning`] reads like the table in `docs/delivery.md`, and [`judge`] says what follows.

use std::time::Duration;

use crate::breaker::Effect;
use crate::client::Answer;
use crate::fault::{Fault, FaultKind};
use crate::retry;

/// What follows from a call for one delivery.
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
    /// The receiver wants no further attempt.
    Refused,
}

/// What a receiver asks for in the header `webhook-delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// No more calls to this endpoint.
    Disable,
    /// No more calls with this message.
    AbortMessage,
}

impl Wish {
    /// Reads the header's value; one that is not known asks for nothing.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        match value.trim_ascii() {
            b"disable" => Some(Wish::Disable),
            b"abort-message" => Some(Wish::AbortMessage),
            _ => None,
        }
    }
}

/// What an answer, or its absence, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The receiver has the messages.
    Delivered,
    /// It has not, and may have them at a later attempt.
    Error,
    /// The same, but not before so long.
    ErrorUntil(Duration),
    /// It does not want these messages.
    Refused,
    /// There is no such endpoint any more.
    Gone,
}

/// What the table says: the first line that fits counts.
pub(crate) fn meaning(answer: &Answer) -> Meaning {
    match (answer.status, answer.retry_after) {
        _ if answer.fault.is_some() => Meaning::Error,
        _ if answer.wish == Some(Wish::AbortMessage) && !answer.is_2xx() => Meaning::Refused,
        (Some(200..=299), _) => Meaning::Delivered,
        (Some(410), _) => Meaning::Gone,
        (Some(429 | 503), Some(wait)) => Meaning::ErrorUntil(wait),
        _ => Meaning::Error,
    }
}

/// How far deliveries have come that went in one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// The number of this attempt, from 1.
    pub(crate) attempt: u32,
    /// How long ago the first one was.
    pub(crate) since_first: Duration,
}

/// What follows for deliveries and for their endpoint. `jitter` is a random number in `0.0..1.0`.
///
/// A receiver that asks for a second again and again is not given up within seconds: what it puts off has the time that
/// the schedule takes, however many attempts that is.
pub(crate) fn judge(
    answer: &Answer,
    tried: Tried,
    schedule: &[Duration],
    jitter: f64,
) -> (Verdict, Effect) {
    let attempt = tried.attempt;
    let scheduled = retry::wait(schedule, attempt, jitter);
    let again = |wait: Option<Duration>| match wait {
        Some(after) => Verdict::Retry { after },
        None => Verdict::Exhausted,
    };
    let (verdict, effect) = match meaning(answer) {
        Meaning::Delivered => (Verdict::Delivered, Effect::Alive),
        Meaning::Error => {
            let wait = retry::probe_wait(schedule, attempt, jitter);
            (again(scheduled), Effect::Failing { wait })
        }
        Meaning::ErrorUntil(wait) => {
            let goes_on = scheduled.is_some() || tried.since_first < retry::total(schedule);
            (again(goes_on.then_some(wait)), Effect::Wait(wait))
        }
        Meaning::Refused => (Verdict::Refused, Effect::Alive),
        Meaning::Gone => (Verdict::Refused, Effect::Gone),
    };
    match answer.wish {
        Some(Wish::Disable) if effect != Effect::Gone => (verdict, Effect::Disable),
        _ => (verdict, effect),
    }
}

/// What is wrong with an answer. A redirect is as wrong as the rest, since none is followed.
pub(crate) fn fault(answer: Answer) -> Option<Fault> {
    let meaning = meaning(&answer);
    if answer.fault.is_some() {
        return answer.fault;
    }
    let status = answer.status?;
    match meaning {
        Meaning::Delivered => None,
        Meaning::Error | Meaning::ErrorUntil(_) => Some(Fault::new(FaultKind::Status, status)),
        Meaning::Refused => {
            let detail = format_args!("{status}, and the receiver wants no further attempt");
            Some(Fault::new(FaultKind::Status, detail))
        }
        Meaning::Gone => {
            let detail = format_args!("{status}, the endpoint is gone");
            Some(Fault::new(FaultKind::Status, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
    const MINUTE: Duration = Duration::from_secs(60);

    fn answer(status: u16) -> Answer {
        Answer {
            status: Some(status),
            ..Answer::default()
        }
    }

    /// At this attempt, when all the time that a schedule takes is over.
    fn at(attempt: u32) -> Tried {
        Tried {
            attempt,
            since_first: Duration::MAX,
        }
    }

    fn no_answer() -> Answer {
        Answer {
            fault: Some(Fault::new(FaultKind::Timeout, "no answer")),
            ..Answer::default()
        }
    }

    fn verdict(answer: &Answer, attempt: u32, schedule: &[Duration]) -> Verdict {
        judge(answer, at(attempt), schedule, 0.0).0
    }

    #[test]
    fn any_2xx_is_delivered_and_nothing_else_is() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(meaning(&answer(status)), Meaning::Delivered);
            assert_eq!(fault(answer(status)), None, "{status}");
        }
        for status in [
            100, 199, 300, 301, 302, 304, 307, 400, 404, 429, 500, 503, 599, 999,
        ] {
            assert_eq!(meaning(&answer(status)), Meaning::Error, "{status}");
            let fault = fault(answer(status)).expect("a fault");
            assert_eq!(fault.to_string(), format!("status: {status}"));
        }
    }

    #[test]
    fn a_2xx_whose_body_does_not_end_is_an_error() {
        let broken_off = Answer {
            status: Some(200),
            ..no_answer()
        };
        assert_eq!(meaning(&broken_off), Meaning::Error);
    }

    #[test]
    fn without_an_error_it_is_delivered_whatever_the_schedule() {
        assert_eq!(verdict(&answer(200), 1, &[]), Verdict::Delivered);
        assert_eq!(verdict(&answer(200), 9, &SCHEDULE), Verdict::Delivered);
    }

    #[test]
    fn n_waits_are_n_plus_one_attempts() {
        let verdicts: Vec<Verdict> = (1..=4)
            .map(|attempt| verdict(&no_answer(), attempt, &SCHEDULE))
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
        assert_eq!(verdict(&no_answer(), 1, &[]), Verdict::Exhausted);
    }

    #[test]
    fn who_says_when_to_come_back_is_heard_with_429_and_503_only() {
        let later = |status| Answer {
            retry_after: Some(MINUTE),
            ..answer(status)
        };
        for status in [429, 503] {
            let expected = (Verdict::Retry { after: MINUTE }, Effect::Wait(MINUTE));
            assert_eq!(judge(&later(status), at(1), &SCHEDULE, 1.0), expected);
            let last = judge(&later(status), at(3), &SCHEDULE, 1.0);
            assert_eq!(last, (Verdict::Exhausted, Effect::Wait(MINUTE)));
        }
        for status in [301, 400, 500] {
            assert_eq!(meaning(&later(status)), Meaning::Error, "{status}");
        }
        assert_eq!(meaning(&later(200)), Meaning::Delivered);
    }

    #[test]
    fn who_asks_for_a_moment_again_and_again_has_the_time_of_the_schedule() {
        let soon = Duration::from_secs(1);
        let busy = Answer {
            retry_after: Some(soon),
            ..answer(503)
        };
        for (seconds, verdict) in [
            (64, Verdict::Retry { after: soon }),
            (65, Verdict::Exhausted),
        ] {
            let tried = Tried {
                attempt: 60,
                since_first: Duration::from_secs(seconds),
            };
            let expected = (verdict, Effect::Wait(soon));
            assert_eq!(judge(&busy, tried, &SCHEDULE, 0.0), expected);
        }
    }

    #[test]
    fn gone_is_gone() {
        let expected = (Verdict::Refused, Effect::Gone);
        assert_eq!(judge(&answer(410), at(1), &SCHEDULE, 0.0), expected);
        let fault = fault(answer(410)).expect("a fault");
        assert_eq!(fault.to_string(), "status: 410, the endpoint is gone");
    }

    #[test]
    fn a_wish_is_granted_with_any_answer_that_it_fits() {
        let wishing = |status, wish: &[u8]| Answer {
            wish: Wish::parse(wish),
            ..answer(status)
        };
        let judged = |answer: Answer| judge(&answer, at(1), &SCHEDULE, 0.0);
        let retry = Verdict::Retry { after: SCHEDULE[0] };
        for (status, wish, expected) in [
            (400, "abort-message", (Verdict::Refused, Effect::Alive)),
            (200, "abort-message", (Verdict::Delivered, Effect::Alive)),
            (200, " disable ", (Verdict::Delivered, Effect::Disable)),
            (500, "disable", (retry, Effect::Disable)),
            (410, "disable", (Verdict::Refused, Effect::Gone)),
            (200, "dance", (Verdict::Delivered, Effect::Alive)),
        ] {
            assert_eq!(
                judged(wishing(status, wish.as_bytes())),
                expected,
                "{status} {wish}"
            );
        }
    }
}
