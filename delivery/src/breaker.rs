//! An endpoint that does not work is left alone.
//!
//! ```text
//!          5 messages failed in a row             the wait is over, one call
//!   closed ───────────────────────▶ open ◀──────────────────────────────▶ probing
//!     ▲                                       the probe failed               │
//!     └──────────────── it succeeded: from few calls at once to many ────────┘
//! ```
//!
//! Errors are counted by message: one that the receiver will never take says nothing of the others, however often it is
//! tried. For the same reason probes are made with what has failed before and with what has not, in turn.

use std::time::{Duration, Instant};

/// So many messages that fail, with no success between, open the breaker.
const FAILED_IN_A_ROW: usize = 5;

/// How a call ended, as far as the endpoint is concerned and not the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The receiver does its work.
    Alive,
    /// An error. If the endpoint is left alone, then for so long.
    Failing {
        /// The wait of the retry schedule.
        wait: Duration,
    },
    /// The receiver asked to be left alone for so long (`Retry-After`).
    Wait(Duration),
    /// The receiver asked for no more calls until somebody enables the endpoint again.
    Disable,
    /// The endpoint is gone for good.
    Gone,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    state: State,
    /// Messages that have failed since the last success, by their numbers: no more than it takes to open the breaker.
    failed: Vec<i64>,
    /// How long the endpoint is left alone: never shorter than before, until it works.
    wait: Duration,
    /// The next probe is to be made with something that has not failed yet.
    probes_fresh: bool,
    /// A call has succeeded.
    proven: bool,
    /// How many calls may be open: grows with each success after a failed endpoint came back, until it bounds nothing.
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    Probing,
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker {
            state: State::Closed,
            failed: Vec::new(),
            wait: Duration::ZERO,
            probes_fresh: false,
            proven: false,
            limit: usize::MAX,
        }
    }
}

impl Breaker {
    /// One that is closed. `proven` says that a call has succeeded, and none has failed since.
    pub(crate) fn new(proven: bool) -> Self {
        Breaker {
            proven,
            ..Breaker::default()
        }
    }

    /// It differs from a [new](Breaker::new) one in nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        *self == Breaker::new(self.proven)
    }

    /// How many calls may be open now, those included that are.
    pub(crate) fn limit(&self, in_flight: usize, now: Instant) -> usize {
        match self.state {
            State::Closed => self.limit,
            State::Open { until } if now >= until && in_flight == 0 => 1,
            State::Open { .. } | State::Probing => 0,
        }
    }

    /// When the probe may be made, while the endpoint is left alone.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::Probing => None,
        }
    }

    /// Nobody knows whether the endpoint works, or it does not.
    pub(crate) fn is_suspect(&self) -> bool {
        !self.proven || !self.failed.is_empty()
    }

    /// The call that is about to begin is a probe, and better made with something that has not failed yet.
    pub(crate) fn probes_fresh(&self) -> bool {
        self.is_open() && self.probes_fresh
    }

    /// Calls are held back because of errors.
    pub(crate) fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    pub(crate) fn begin(&mut self) {
        if self.is_open() {
            self.state = State::Probing;
        }
    }

    /// So many calls may be open as are wanted at most: what was before counts no more.
    pub(crate) fn end_ramp(&mut self, wanted: usize) {
        if self.limit >= wanted {
            self.limit = usize::MAX;
        }
    }

    /// A call with the message of this number, and perhaps further ones, has ended.
    pub(crate) fn end(&mut self, effect: Effect, message: i64, now: Instant) {
        match effect {
            Effect::Alive => {
                if self.is_open() {
                    self.limit = 1;
                }
                self.state = State::Closed;
                self.failed.clear();
                self.wait = Duration::ZERO;
                self.proven = true;
                self.limit = self.limit.saturating_add(1);
            }
            Effect::Failing { wait } => {
                if self.failed.len() < FAILED_IN_A_ROW && !self.failed.contains(&message) {
                    self.failed.push(message);
                }
                if self.limit < usize::MAX {
                    self.limit = 1;
                }
                self.wait = self.wait.max(wait);
                let opens = match self.state {
                    State::Closed => self.failed.len() == FAILED_IN_A_ROW,
                    State::Open { .. } => false,
                    State::Probing => {
                        self.probes_fresh = !self.probes_fresh;
                        true
                    }
                };
                if opens {
                    self.state = State::Open {
                        until: now + self.wait,
                    };
                }
            }
            Effect::Wait(wait) => {
                self.limit = 1;
                if self.state == State::Probing {
                    self.state = State::Open { until: now + wait };
                }
            }
            // No call follows until the endpoint is enabled, and then it begins anew.
            Effect::Disable | Effect::Gone => *self = Breaker::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(60);
    const FAILING: Effect = Effect::Failing { wait: WAIT };

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for message in 0..5 {
            breaker.end(FAILING, message, now);
        }
        breaker
    }

    #[test]
    fn five_errors_in_a_row_open_it_and_a_success_between_starts_anew() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            (0..4).for_each(|message| breaker.end(FAILING, message, now));
            assert!(!breaker.is_open());
            breaker.end(Effect::Alive, 9, now);
        }
        (0..5).for_each(|message| breaker.end(FAILING, message, now));
        assert!(breaker.is_open());
        assert_eq!(breaker.limit(0, now), 0);
        assert_eq!(breaker.opens_at(), Some(now + WAIT));
    }

    #[test]
    fn one_call_probes_when_the_others_have_ended() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + WAIT;
        assert_eq!(breaker.limit(2, later), 0, "calls from before are open");
        assert_eq!(breaker.limit(0, later), 1);
        breaker.begin();
        assert_eq!(breaker.limit(1, later), 0);
        breaker.end(FAILING, 1, later);
        assert_eq!(breaker.limit(0, later), 0);
        assert_eq!(breaker.opens_at(), Some(later + WAIT));
    }

    #[test]
    fn a_message_that_fails_again_and_again_is_one() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..20).for_each(|n| breaker.end(FAILING, n % 4, now));
        assert!(!breaker.is_open());
        assert!(breaker.is_suspect());
    }

    #[test]
    fn probes_take_turns_and_do_not_come_sooner_than_those_before() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let mut fresh = Vec::new();
        let mut waits = Vec::new();
        for wait in [300, 5, 600, 5].map(Duration::from_secs) {
            fresh.push(breaker.probes_fresh());
            breaker.begin();
            breaker.end(Effect::Failing { wait }, 1, now);
            waits.push((breaker.opens_at().unwrap() - now).as_secs());
        }
        assert_eq!(fresh, [false, true, false, true]);
        assert_eq!(waits, [300, 300, 600, 600]);
    }

    #[test]
    fn it_ramps_up_after_a_success() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.begin();
        let limits: Vec<usize> = (0..4)
            .map(|_| {
                breaker.end(Effect::Alive, 1, now);
                breaker.limit(0, now)
            })
            .collect();
        assert_eq!(limits, [2, 3, 4, 5]);
        breaker.end(FAILING, 2, now);
        assert_eq!(breaker.limit(0, now), 1, "an error while ramping up");
    }

    #[test]
    fn an_endpoint_that_works_has_no_limit() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        assert!(breaker.is_suspect());
        breaker.end(Effect::Alive, 1, now);
        breaker.end(FAILING, 2, now);
        assert_eq!(breaker.limit(7, now), usize::MAX);
        assert!(breaker.is_suspect());
        breaker.end(Effect::Alive, 3, now);
        assert!(!breaker.is_suspect());
    }

    #[test]
    fn who_asks_for_a_pause_is_called_gently_afterwards() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.end(Effect::Wait(WAIT), 1, now);
        assert_eq!(breaker.limit(0, now), 1);
        assert!(!breaker.is_open(), "it is no error");
    }
}
