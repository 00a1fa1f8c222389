//! At most so many calls in any interval of some length.
//!
//! What counts is when the receiver counts a call: somewhere between its begin and its end. Counted here is its end, so
//! that no delay on the way can bring one call too many into the receiver's interval. A call that takes longer than a
//! quarter of the interval counts by then, so that a slow receiver still gets four fifths of what it may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A call that is open counts this share of the interval after its begin.
const ALLOWANCE: u32 = 4;

/// The bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// So many calls, at least one …
    pub calls: u32,
    /// … in any interval of this length.
    pub per: Duration,
}

/// The calls that still count.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// How many calls count at which time.
    counted: BTreeMap<Instant, usize>,
    count: usize,
}

impl Throttle {
    fn counts_at(&self, begun: Instant) -> Instant {
        begun + self.per / ALLOWANCE
    }
}

impl Window {
    /// No call counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many calls may begin now.
    pub(crate) fn room(&mut self, throttle: &Throttle, now: Instant) -> usize {
        while let Some(oldest) = self.counted.first_entry() {
            if *oldest.key() + throttle.per > now {
                break;
            }
            self.count -= oldest.remove();
        }
        (throttle.calls as usize).saturating_sub(self.count)
    }

    /// When a call may begin, if none may now.
    pub(crate) fn opens_at(&self, throttle: &Throttle) -> Option<Instant> {
        let mut surplus = self.count.checked_sub(throttle.calls as usize)?;
        for (&at, &count) in &self.counted {
            if count > surplus {
                return Some(at + throttle.per);
            }
            surplus -= count;
        }
        None
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, throttle: &Throttle, now: Instant) {
        self.add(throttle.counts_at(now));
    }

    /// A call that began then has ended.
    pub(crate) fn end(&mut self, throttle: &Throttle, begun: Instant, now: Instant) {
        let counted_at = throttle.counts_at(begun);
        if now >= counted_at {
            return;
        }
        // Where the bound was changed in between, the call stays counted as it was.
        if let Some(count) = self.counted.get_mut(&counted_at) {
            *count -= 1;
            if *count == 0 {
                self.counted.remove(&counted_at);
            }
            self.count -= 1;
            self.add(now);
        }
    }

    /// A call counts from this time on.
    pub(crate) fn add(&mut self, at: Instant) {
        *self.counted.entry(at).or_default() += 1;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_A_SECOND: Throttle = Throttle {
        calls: 2,
        per: Duration::from_secs(1),
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_call_counts_for_the_whole_interval_after_its_end() {
        let (mut window, start) = (Window::default(), Instant::now());
        for at in [0, 10] {
            assert!(window.room(&TWO_A_SECOND, start + ms(at)) > 0);
            window.begin(&TWO_A_SECOND, start + ms(at));
            window.end(&TWO_A_SECOND, start + ms(at), start + ms(at + 5));
        }
        assert_eq!(window.opens_at(&TWO_A_SECOND), Some(start + ms(1005)));
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(1004)), 0);
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(1005)), 1);
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(1015)), 2);
        assert_eq!(window.opens_at(&TWO_A_SECOND), None);
    }

    #[test]
    fn a_long_call_counts_from_soon_after_its_begin() {
        let (mut window, start) = (Window::default(), Instant::now());
        window.begin(&TWO_A_SECOND, start);
        window.begin(&TWO_A_SECOND, start);
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(1249)), 0);
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(1250)), 2);
        window.end(&TWO_A_SECOND, start, start + ms(5000));
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(5000)), 2);
    }

    #[test]
    fn a_bound_that_becomes_lower_holds_at_once() {
        let (mut window, start) = (Window::default(), Instant::now());
        let many = Throttle {
            calls: 5,
            per: Duration::from_secs(1),
        };
        for at in 0..5 {
            window.begin(&many, start + ms(at));
            window.end(&many, start + ms(at), start + ms(at + 1));
        }
        assert_eq!(window.room(&TWO_A_SECOND, start + ms(10)), 0);
        assert_eq!(window.opens_at(&TWO_A_SECOND), Some(start + ms(1004)));
    }
}
