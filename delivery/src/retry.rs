//! When a failed delivery is tried again.

use std::time::Duration;

/// At most so much of a wait is added at random, so that what failed together does not come back together.
const MAX_JITTER: f64 = 0.2;
/// How long an endpoint that does not work is left alone whose webhook never tries again.
const PROBE_WITHOUT_SCHEDULE: Duration = Duration::from_secs(5);

/// The wait after attempt number `attempt` (from 1) failed, or `None` when that was the last one.
///
/// `jitter` is a random number in `0.0..1.0`.
pub(crate) fn wait(schedule: &[Duration], attempt: u32, jitter: f64) -> Option<Duration> {
    let wait = schedule.get(attempt.saturating_sub(1) as usize)?;
    let extra = wait.as_secs_f64() * MAX_JITTER * jitter.clamp(0.0, 1.0);
    // A wait of thousands of years is what was asked for; adding to it must not panic.
    Some(wait.saturating_add(Duration::try_from_secs_f64(extra).unwrap_or_default()))
}

/// How long all of the waits take.
pub(crate) fn total(schedule: &[Duration]) -> Duration {
    let add = |sum: Duration, wait: &Duration| sum.saturating_add(*wait);
    schedule.iter().fold(Duration::ZERO, add)
}

/// How long an endpoint that failed is left alone: as long as the delivery waits, or did, or for a moment where there is no
/// schedule.
pub(crate) fn probe_wait(schedule: &[Duration], attempt: u32, jitter: f64) -> Duration {
    let last = schedule.len().min(attempt as usize) as u32;
    wait(schedule, last, jitter).unwrap_or(PROBE_WITHOUT_SCHEDULE)
}

/// A small generator of random numbers (SplitMix64): good enough to spread retries and to tell calls apart, not for
/// secrets.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Random(seed)
    }

    /// 64 bits, each as likely set as not.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        // The upper 53 bits are what a float holds exactly.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_taken_in_order_and_then_end() {
        let schedule = [5, 60, 300].map(Duration::from_secs);
        let waits: Vec<Option<Duration>> = (1..=4).map(|n| wait(&schedule, n, 0.0)).collect();
        assert_eq!(
            waits,
            [
                Some(schedule[0]),
                Some(schedule[1]),
                Some(schedule[2]),
                None
            ]
        );
        assert_eq!(wait(&[], 1, 0.5), None);
    }

    #[test]
    fn a_failed_endpoint_is_left_alone_as_long_as_the_last_wait_says() {
        let schedule = [5, 60].map(Duration::from_secs);
        let waits: Vec<Duration> = (1..=4).map(|n| probe_wait(&schedule, n, 0.0)).collect();
        assert_eq!(waits, [schedule[0], schedule[1], schedule[1], schedule[1]]);
        assert_eq!(probe_wait(&[], 1, 0.0), PROBE_WITHOUT_SCHEDULE);
    }

    #[test]
    fn up_to_a_fifth_is_added() {
        let schedule = [Duration::from_secs(100)];
        assert_eq!(wait(&schedule, 1, 0.5), Some(Duration::from_secs(110)));
        assert_eq!(wait(&schedule, 1, 1.0), Some(Duration::from_secs(120)));
    }

    #[test]
    fn extreme_waits_do_not_panic() {
        assert_eq!(wait(&[Duration::MAX], 1, 1.0), Some(Duration::MAX));
        assert_eq!(wait(&[Duration::ZERO], 1, 1.0), Some(Duration::ZERO));
    }

    #[test]
    fn random_numbers_fill_the_unit_interval() {
        let mut random = Random::from_seed(7);
        let numbers: Vec<f64> = (0..1000).map(|_| random.unit()).collect();
        assert!(numbers.iter().all(|n| (0.0..1.0).contains(n)));
        assert!(numbers.iter().any(|n| *n < 0.05) && numbers.iter().any(|n| *n > 0.95));
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
