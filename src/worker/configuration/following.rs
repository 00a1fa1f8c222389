//! What follows from a change of the configuration for what is under way.

use std::collections::HashSet;
use std::time::Instant;

use pgrx::prelude::*;
use webhooks_delivery::Delivery;

use super::changes::{Changed, News};
use super::Configuration;
use crate::pg::{process, transaction};
use crate::worker::deliveries::{id_of, Id};
use crate::worker::{outcomes, Worker};

/// When so many endpoints have changed at once, what they were before is worth giving back.
const MANY: usize = 1000;

impl Worker {
    /// Makes what was read the configuration that counts.
    pub(in crate::worker) fn configure(&mut self, news: News) {
        let was_copy = self.configuration.is_copy;
        let Changed { endpoints, gone } = self.configuration.take_in(news);
        let concerned: HashSet<i64> = endpoints
            .iter()
            .map(|endpoint| endpoint.id)
            .chain(gone.iter().copied())
            .collect();
        let new = self.pool.scheduler(|scheduler| {
            scheduler.remove(gone.iter().copied());
            scheduler.configure(endpoints)
        });
        if concerned.len() >= MANY {
            process::give_memory_back();
        }
        self.remember_calls(self.configuration.throttled(new));
        if !gone.is_empty() {
            let is_known = |id: i64| self.configuration.endpoints.contains_key(&id);
            for (generation, seq) in self.deliveries.forget_endpoints(is_known) {
                self.reader.handled(generation, seq);
            }
            self.recording.forget_endpoints(is_known);
        }
        if !was_copy {
            self.configuration.warn_of_copy();
        }
        let is_paused = |id: &i64| self.configuration.paused.contains(id);
        self.paused.extend(concerned.iter().copied());
        self.paused.retain(is_paused);
        // What was read beside it must not leave a copy.
        self.apply_settings();
        self.withdraw_unwanted(&concerned);
        self.release_lost_retries(|endpoint_id| concerned.contains(&endpoint_id));
        // What was paused may have retries that were due long ago.
        self.deliveries.will_be_due(Instant::now());
    }

    /// What was called before an endpoint was stopped or gone counts for its throttle when it is called again.
    fn remember_calls(&mut self, endpoints: Vec<i64>) {
        if endpoints.is_empty() {
            return;
        }
        self.collect();
        let unwritten = self.recording.ends_of_calls(&endpoints);
        let written = transaction::run(|| {
            Spi::connect(|client| outcomes::calls_that_count(client, endpoints))
        });
        // After an error the throttle begins anew.
        let written = written.unwrap_or_default();
        let written = written.iter().map(|call| (call.endpoint_id, call.ended));
        self.pool.scheduler(|scheduler| {
            for (endpoint_id, ended) in unwritten.into_iter().chain(written) {
                scheduler.remember(endpoint_id, ended);
            }
        });
    }

    /// Takes what waits for a subscription that has ended out of these lanes; whoever ended it has deleted the rows. What
    /// still has a row is sent again although nobody is subscribed.
    fn withdraw_unwanted(&mut self, endpoints: &HashSet<i64>) {
        let configuration = &self.configuration;
        let (waiting, stored) = self.pool.scheduler(|scheduler| {
            let mut waiting: Vec<i64> = endpoints.iter().copied().collect();
            waiting.retain(|&id| scheduler.queued(id) > 0);
            let all = waiting.iter().flat_map(|&id| scheduler.waiting_for(id));
            let stored = all.filter(|delivery| delivery.stored && !configuration.wants(delivery));
            let stored: Vec<Id> = stored.map(id_of).collect();
            (waiting, stored)
        });
        let deliveries = &self.deliveries;
        let states = ["waiting", "retrying"];
        let kept = match stored.is_empty() {
            true => Ok(HashSet::new()),
            false => transaction::run(|| {
                Spi::connect(|client| deliveries.still_there(client, &stored, &states))
            }),
        };
        // After an error all of it stays: to send what nobody wants is better than not to send what somebody does.
        let kept = kept.unwrap_or_else(|_| stored.into_iter().collect());
        self.withdraw(&waiting, |configuration, delivery| {
            !configuration.wants(delivery) && !kept.contains(&id_of(delivery))
        });
    }

    /// Takes what waits for these endpoints and is unwanted out of their lanes.
    pub(in crate::worker) fn withdraw(
        &mut self,
        endpoints: &[i64],
        unwanted: impl Fn(&Configuration, &Delivery) -> bool,
    ) {
        let configuration = &self.configuration;
        let withdrawn: Vec<Delivery> = self.pool.scheduler(|scheduler| {
            let of_endpoint = |&id| {
                scheduler.withdraw(id, |delivery: &Delivery| unwanted(configuration, delivery))
            };
            endpoints.iter().flat_map(of_endpoint).collect()
        });
        for delivery in withdrawn {
            self.done(id_of(&delivery));
        }
    }

    /// What an unsubscribe, a stop or the retention took away from these endpoints blocks its record no more.
    pub(in crate::worker) fn release_lost_retries(&mut self, concerns: impl Fn(i64) -> bool) {
        let lost = transaction::run(|| {
            Spi::connect(|client| self.deliveries.lost_retries(client, concerns))
        });
        // Asked again at the next change of the configuration, or by housekeeping.
        let (lost, events) = (lost.unwrap_or_default(), &self.configuration.events);
        self.pool.scheduler(|scheduler| {
            for (endpoint_id, event_id, record) in lost {
                if let Some(event) = events.get(&event_id) {
                    scheduler.unblock(endpoint_id, event, record.as_deref());
                }
            }
        });
    }
}

impl Configuration {
    /// Those of these endpoints that have a throttle.
    pub(in crate::worker) fn throttled(
        &self,
        endpoints: impl IntoIterator<Item = i64>,
    ) -> Vec<i64> {
        let is_throttled = |id: &i64| {
            let endpoint = self.endpoints.get(id);
            endpoint.is_some_and(|endpoint| endpoint.webhook.throttle.is_some())
        };
        endpoints.into_iter().filter(is_throttled).collect()
    }
}
