//! Whether an endpoint may be called now, and if not, when: its breaker, its throttle, and what it asked for.

use std::time::Instant;

use crate::breaker::{Breaker, Effect};
use crate::delivery::Batch;
use crate::throttle::Window;
use crate::webhook::Webhook;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    breaker: Breaker,
    window: Window,
    /// The receiver asked for no call before.
    closed_until: Option<Instant>,
    /// It asked for none at all. What is configured says the same soon.
    disabled: bool,
}

impl Gate {
    /// `proven` says that a call has succeeded, and none has failed since.
    pub(crate) fn new(proven: bool) -> Self {
        Gate {
            breaker: Breaker::new(proven),
            ..Gate::default()
        }
    }

    /// It differs from a [new](Gate::new) one in nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.breaker.is_at_rest()
            && self.window.is_empty()
            && self.closed_until.is_none()
            && !self.disabled
    }

    /// How many calls may begin now.
    pub(crate) fn room(&mut self, webhook: &Webhook, in_flight: usize, now: Instant) -> usize {
        if self.disabled || self.closed_until.is_some_and(|until| now < until) {
            return 0;
        }
        self.closed_until = None;
        let limit = self.breaker.limit(in_flight, now);
        let room = limit
            .min(webhook.max_in_flight as usize)
            .saturating_sub(in_flight);
        match &webhook.throttle {
            Some(throttle) if room > 0 => room.min(self.window.room(throttle, now)),
            _ => room,
        }
    }

    /// When a call may begin that may not now, unless another one has to end first.
    pub(crate) fn opens_at(&self, webhook: &Webhook) -> Option<Instant> {
        if self.disabled {
            return None;
        }
        let throttled = webhook.throttle.as_ref();
        let reasons = [
            self.closed_until,
            self.breaker.opens_at(),
            throttled.and_then(|throttle| self.window.opens_at(throttle)),
        ];
        reasons.into_iter().flatten().max()
    }

    /// Nobody knows whether the endpoint works, or it does not.
    pub(crate) fn is_suspect(&self) -> bool {
        self.breaker.is_suspect()
    }

    /// Calls are held back because of errors.
    pub(crate) fn is_broken(&self) -> bool {
        self.breaker.is_open()
    }

    /// The call that is about to begin is better made with something that has not failed yet.
    pub(crate) fn probes_fresh(&self) -> bool {
        self.breaker.probes_fresh()
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, webhook: &Webhook, now: Instant) {
        self.breaker.begin();
        if let Some(throttle) = &webhook.throttle {
            self.window.begin(throttle, now);
        }
    }

    /// A call has ended.
    pub(crate) fn end(&mut self, webhook: &Webhook, batch: &Batch, effect: Effect, now: Instant) {
        let message = batch.deliveries[0].message.seq;
        self.breaker.end(effect, message, now);
        self.breaker.end_ramp(webhook.max_in_flight as usize);
        if let Some(throttle) = &webhook.throttle {
            self.window.end(throttle, batch.begun, now);
        }
        match effect {
            Effect::Wait(wait) => self.closed_until = self.closed_until.max(Some(now + wait)),
            Effect::Disable | Effect::Gone => self.disabled = true,
            Effect::Alive | Effect::Failing { .. } => {}
        }
    }

    /// The same of a call to where the endpoint was before: it says nothing about where it is now.
    pub(crate) fn end_elsewhere(&mut self, webhook: &Webhook, batch: &Batch, now: Instant) {
        if let Some(throttle) = &webhook.throttle {
            self.window.end(throttle, batch.begun, now);
        }
    }

    /// A call was made before this lane was.
    pub(crate) fn remember(&mut self, ended: Instant) {
        self.window.add(ended);
    }

    /// Somebody has said that it may be called: what was before counts no more, but for the throttle.
    pub(crate) fn enable(&mut self) {
        *self = Gate {
            window: std::mem::take(&mut self.window),
            ..Gate::default()
        };
    }
}
