//! Which endpoints have been reached, and when: for the decision whether one is dead.

use std::collections::HashMap;

use webhooks_delivery::{Delivery, Effect, Finished};

use super::deliveries::now;
use super::tally::started_at;
use crate::log::from_unix;

/// What this worker has seen of endpoints.
pub struct Health {
    /// Since when it looks, in microseconds since the server's epoch.
    since: i64,
    last_reached_at: HashMap<i64, i64>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            since: now(),
            last_reached_at: HashMap::new(),
        }
    }
}

impl Health {
    /// Takes in calls that have ended.
    pub fn note(&mut self, calls: &[Finished]) {
        for call in calls {
            if matches!(call.effect, Effect::Alive | Effect::Wait(_)) {
                let at = self
                    .last_reached_at
                    .entry(call.batch.endpoint().id)
                    .or_insert(i64::MIN);
                *at = (*at).max(started_at(call));
            }
        }
    }

    /// Whether nothing has reached the endpoint since the delivery's first attempt. Not known, hence false, where an earlier
    /// worker made that.
    pub fn is_dead(&self, delivery: &Delivery) -> bool {
        let Some(first_attempt_at) = delivery.first_attempt_at.map(from_unix) else {
            return false;
        };
        // What was tried before somebody enabled it, or gave it another URL, says nothing about it as it is.
        let since = self.since.max(delivery.endpoint.state_since);
        let reached_at = self.last_reached_at.get(&delivery.endpoint.id);
        first_attempt_at >= since && reached_at.is_none_or(|&at| at < first_attempt_at)
    }

    /// Forgets endpoints that are no more.
    pub fn forget_endpoints(&mut self, is_known: impl Fn(i64) -> bool) {
        self.last_reached_at.retain(|&id, _| is_known(id));
    }
}
