//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// When a test gives up on something that should have happened. Far more than it takes on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and returns it. `what` says in a failure what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_until(Instant::now() + PATIENCE, what, look)
}

/// Waits until the condition is true.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// The same, for what may take longer.
#[track_caller]
pub fn wait_patiently(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    look_until(Instant::now() + patience, what, || {
        condition().then_some(())
    });
}

#[track_caller]
fn look_until<T>(deadline: Instant, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        thread::sleep(STEP);
    }
}

/// Does something that must return promptly: fails, once it has returned, if that took longer than `limit`.
///
/// The limit is one that a hang misses and a slow machine does not, not a measurement.
#[track_caller]
pub fn within<T>(limit: Duration, what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    assert!(
        start.elapsed() < limit,
        "{what} did not return within {limit:?}: it took {:?}",
        start.elapsed()
    );
    result
}
