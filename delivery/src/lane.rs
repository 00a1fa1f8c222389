//! The deliveries of one endpoint that wait in memory, and which of them may go, together and when.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use crate::breaker::Effect;
use crate::delivery::{Batch, Delivery};
use crate::gate::Gate;
use crate::keys::{Key, Keys};
use crate::message::{Event, Message};
use crate::outcome::Verdict;
use crate::webhook::{Endpoint, Ordering, Webhook};

/// The key of a lane in strict order.
const WHOLE_LANE: Key = 0;
/// No more is added to a batch that weighs so much.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What waits in a lane, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) deliveries: usize,
    pub(crate) bytes: usize,
    /// Those without a row in `webhooks.delivery`.
    pub(crate) unstored: usize,
    /// Those that were tried before.
    pub(crate) retries: usize,
}

impl Load {
    fn add(&mut self, delivery: &Delivery) {
        self.deliveries += 1;
        self.bytes += weight(delivery);
        self.unstored += usize::from(!delivery.stored);
        self.retries += usize::from(delivery.attempt > 1);
    }

    fn remove(&mut self, delivery: &Delivery) {
        self.deliveries -= 1;
        self.bytes -= weight(delivery);
        self.unstored -= usize::from(!delivery.stored);
        self.retries -= usize::from(delivery.attempt > 1);
    }
}

/// A message shared by several deliveries counts for each: the bound on memory errs on the safe side.
fn weight(delivery: &Delivery) -> usize {
    mem::size_of::<Delivery>() + delivery.message.weight()
}

/// Whether a delivery may go in the call of this one, if there is one: at the same attempt, and in the same body.
fn fits(webhook: &Webhook, first: Option<&Delivery>, next: &Delivery) -> bool {
    first.is_none_or(|first| {
        first.attempt == next.attempt && webhook.payloads.share_call(&first.message, &next.message)
    })
}

#[derive(Debug)]
pub(crate) struct Lane {
    endpoint: Arc<Endpoint>,
    hasher: RandomState,
    /// Goes next: due retries and what was held. Each has taken its key already.
    ready: VecDeque<Delivery>,
    /// Nobody has looked at the keys of these yet.
    queue: VecDeque<Delivery>,
    keys: Keys,
    /// Retries that wait elsewhere, by record, whatever the order is: it may be changed.
    outstanding: HashMap<Option<Key>, usize>,
    gate: Gate,
    load: Load,
    in_flight: usize,
    /// The number of the next call.
    next_call: u64,
    /// No longer configured; only waits for its open calls.
    removed: bool,
    /// The order was changed: nothing goes until the calls that followed the old one have ended.
    draining: bool,
}

impl Lane {
    /// `proven` says that a call to the endpoint has succeeded, and none has failed since.
    pub(crate) fn new(endpoint: Arc<Endpoint>, proven: bool) -> Self {
        Lane {
            endpoint,
            hasher: RandomState::new(),
            ready: VecDeque::new(),
            queue: VecDeque::new(),
            keys: Keys::default(),
            outstanding: HashMap::new(),
            gate: Gate::new(proven),
            load: Load::default(),
            in_flight: 0,
            next_call: 1,
            removed: false,
            draining: false,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn into_endpoint(self) -> Arc<Endpoint> {
        self.endpoint
    }

    /// It differs from a [new](Lane::new) one in nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.load.deliveries == 0
            && self.in_flight == 0
            && !self.removed
            && self.keys.is_empty()
            && self.outstanding.is_empty()
            && self.gate.is_at_rest()
    }

    pub(crate) fn load(&self) -> Load {
        self.load
    }

    pub(crate) fn held(&self) -> usize {
        self.keys.held_count()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed
    }

    /// Nobody knows whether its endpoint works, or it does not.
    pub(crate) fn is_suspect(&self) -> bool {
        self.gate.is_suspect()
    }

    /// It waits for its endpoint to work again.
    pub(crate) fn is_broken(&self) -> bool {
        self.gate.is_broken()
    }

    /// How many calls it would begin now, at most: some of its deliveries may turn out to be held, or to go together.
    pub(crate) fn sendable(&mut self, now: Instant) -> usize {
        match self.waiting() {
            0 => 0,
            waiting => waiting.min(self.gate.room(&self.endpoint.webhook, self.in_flight, now)),
        }
    }

    /// When it may send something, if it has something and nothing but time keeps it.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        match self.waiting() {
            0 => None,
            _ => self.gate.opens_at(&self.endpoint.webhook),
        }
    }

    /// What waits for nothing but its turn.
    fn waiting(&self) -> usize {
        if self.removed || self.draining || self.endpoint.paused {
            return 0;
        }
        self.ready.len() + self.queue.len()
    }

    /// Adds a delivery at the end.
    pub(crate) fn offer(&mut self, delivery: Delivery) {
        self.load.add(&delivery);
        self.queue.push_back(delivery);
    }

    /// Adds a due retry, ahead of everything of its record.
    pub(crate) fn retry(&mut self, delivery: Delivery) {
        self.load.add(&delivery);
        let message = &delivery.message;
        self.forget_outstanding(&message.event, message.record.as_deref());
        let ready = match self.key(&delivery.message) {
            Some(key) => self.keys.take_retry(key, delivery),
            None => Some(delivery),
        };
        self.ready.extend(ready);
    }

    /// Notes that a delivery about this record waits elsewhere for its retry.
    pub(crate) fn block(&mut self, event: &Event, record: Option<&str>) {
        *self.outstanding_of(event, record) += 1;
        if let Some(key) = self.key_of(event, record) {
            self.keys.block(key);
        }
    }

    /// Notes that such a delivery will not come after all.
    pub(crate) fn unblock(&mut self, event: &Event, record: Option<&str>) {
        self.forget_outstanding(event, record);
        if let Some(key) = self.key_of(event, record) {
            let next = self.keys.unblock(key);
            self.ready.extend(next);
        }
    }

    /// Takes out what goes next, in one call.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Batch> {
        if self.sendable(now) == 0 {
            return None;
        }
        let call = self.next_call;
        let fresh = if self.gate.probes_fresh() {
            self.next_of_queue(None, call)
        } else {
            None
        };
        let mut deliveries = vec![fresh.or_else(|| self.next_of(None, call))?];
        let mut bytes = weight(&deliveries[0]);
        while deliveries.len() < self.endpoint.webhook.batch_size as usize && bytes < BATCH_BYTES {
            let (first, last) = (&deliveries[0], &deliveries[deliveries.len() - 1]);
            let goes_along = |next: &Delivery| fits(&self.endpoint.webhook, Some(first), next);
            let held = self
                .key(&last.message)
                .and_then(|key| self.keys.follow(key, call, goes_along));
            let Some(delivery) = held.or_else(|| self.next_of(Some(first), call)) else {
                break;
            };
            bytes += weight(&delivery);
            deliveries.push(delivery);
        }
        deliveries.sort_by_key(|delivery| delivery.message.seq);
        for delivery in &mut deliveries {
            self.load.remove(delivery);
            delivery.endpoint = Arc::clone(&self.endpoint);
        }
        self.next_call += 1;
        self.in_flight += 1;
        self.gate.begin(&self.endpoint.webhook, now);
        let begun = now;
        Some(Batch { deliveries, begun })
    }

    /// The next delivery that may go in this call, along with the first of the call if there is one.
    fn next_of(&mut self, first: Option<&Delivery>, call: u64) -> Option<Delivery> {
        if self
            .ready
            .front()
            .is_some_and(|next| fits(&self.endpoint.webhook, first, next))
        {
            return self.ready.pop_front();
        }
        self.next_of_queue(first, call)
    }

    /// The same, of those that nobody has looked at.
    fn next_of_queue(&mut self, first: Option<&Delivery>, call: u64) -> Option<Delivery> {
        while self
            .queue
            .front()
            .is_some_and(|next| fits(&self.endpoint.webhook, first, next))
        {
            let delivery = self.queue.pop_front()?;
            let free = match self.key(&delivery.message) {
                Some(key) => self.keys.take(key, call, delivery),
                None => Some(delivery),
            };
            if free.is_some() {
                return free;
            }
        }
        None
    }

    /// Ends a call. Its records are free again unless their deliveries will be retried.
    pub(crate) fn finish(
        &mut self,
        batch: &Batch,
        verdicts: &[Verdict],
        effect: Effect,
        now: Instant,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        for (delivery, verdict) in batch.deliveries.iter().zip(verdicts) {
            let comes_back = matches!(verdict, Verdict::Retry { .. });
            if comes_back && !self.removed {
                let message = &delivery.message;
                *self.outstanding_of(&message.event, message.record.as_deref()) += 1;
            }
            if let Some(key) = self.key(&delivery.message) {
                if !self.draining {
                    let next = self.keys.release(key, comes_back);
                    self.ready.extend(next);
                } else if comes_back {
                    self.keys.block(key);
                }
            }
        }
        self.draining &= self.in_flight > 0;
        let webhook = &self.endpoint.webhook;
        if batch.endpoint().url == self.endpoint.url {
            self.gate.end(webhook, batch, effect, now);
        } else {
            self.gate.end_elsewhere(webhook, batch, now);
        }
    }

    /// A call was made before this lane was, and counts.
    pub(crate) fn remember(&mut self, ended: Instant) {
        self.gate.remember(ended);
    }

    /// Goes on with the endpoint as configured now.
    pub(crate) fn replace(&mut self, endpoint: Arc<Endpoint>) {
        let reordered = endpoint.webhook.ordering != self.endpoint.webhook.ordering;
        // Disabled and enabled again within a moment, it was never seen paused.
        let touched = self.endpoint.paused || self.endpoint.state_since != endpoint.state_since;
        if touched && !endpoint.paused {
            self.gate.enable();
        }
        self.endpoint = endpoint;
        self.removed = false;
        if reordered {
            self.restart_order();
        }
    }

    fn restart_order(&mut self) {
        let held = self.keys.drain_held(|_, _| true);
        let mut waiting: Vec<Delivery> = mem::take(&mut self.ready).into();
        waiting.extend(held);
        waiting.extend(mem::take(&mut self.queue));
        waiting.sort_by_key(|delivery| delivery.message.seq);
        self.queue = waiting.into();
        self.keys = Keys::default();
        for (&record, &count) in &self.outstanding {
            if let Some(key) = self.key_in_order(record) {
                (0..count).for_each(|_| self.keys.block(key));
            }
        }
        self.draining = self.in_flight > 0;
    }

    /// Drops what waits. The lane lives on until its open calls have ended.
    pub(crate) fn remove(&mut self) {
        // Before the keys are released, lest one is handed on to what is dropped.
        self.keys.drain_held(|_, _| true);
        for delivery in mem::take(&mut self.ready) {
            if let Some(key) = self.key(&delivery.message) {
                self.keys.release(key, false);
            }
        }
        self.keys.orphan();
        self.outstanding.clear();
        self.queue.clear();
        self.load = Load::default();
        self.removed = true;
    }

    /// Shows what entered memory by then and has no row, in order for each record. `store` says whether it gets one.
    ///
    /// The first of a lane that gets none ends it, lest a later one of the same record got one.
    pub(crate) fn for_each_unstored(
        &mut self,
        older_than: Instant,
        store: &mut impl FnMut(&Delivery) -> bool,
    ) {
        if self.load.unstored == 0 {
            return;
        }
        let waiting = self
            .ready
            .iter_mut()
            .chain(self.keys.held_mut())
            .chain(&mut self.queue);
        for delivery in waiting.filter(|d| !d.stored && d.since <= older_than) {
            if !store(delivery) {
                return;
            }
            delivery.stored = true;
            self.load.unstored -= 1;
        }
    }

    /// Gives up what has a row, but for retries, and but for records of which something without a row waits: what
    /// is read back from rows comes after that.
    pub(crate) fn evict_stored(&mut self) -> Vec<Delivery> {
        let stays = self.keys_of_unstored();
        let leaves = |key: Option<Key>, delivery: &Delivery| {
            let ordered_before_unstored = key.is_some_and(|key| stays.contains(&key));
            delivery.stored && delivery.attempt == 1 && !ordered_before_unstored
        };
        let mut evicted = self
            .keys
            .drain_held(|key, delivery| leaves(Some(key), delivery));
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = mem::take(&mut self.queue)
            .into_iter()
            .partition(|delivery| leaves(self.key(&delivery.message), delivery));
        self.queue = kept;
        evicted.extend(gone);
        for delivery in &evicted {
            self.load.remove(delivery);
        }
        evicted
    }

    /// What waits, in no particular order.
    pub(crate) fn all_waiting(&self) -> impl Iterator<Item = &Delivery> {
        self.ready.iter().chain(self.keys.held()).chain(&self.queue)
    }

    /// Gives up what nobody wants any more. What waited behind it for its record goes on.
    pub(crate) fn withdraw(&mut self, unwanted: &impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        let mut withdrawn = self.keys.drain_held(|_, delivery| unwanted(delivery));
        let (gone, kept): (VecDeque<_>, VecDeque<_>) =
            mem::take(&mut self.queue).into_iter().partition(unwanted);
        self.queue = kept;
        withdrawn.extend(gone);
        // What is ready has taken its key, which must be handed on; what is held now is wanted.
        for delivery in mem::take(&mut self.ready) {
            if !unwanted(&delivery) {
                self.ready.push_back(delivery);
                continue;
            }
            if let Some(key) = self.key(&delivery.message) {
                let next = self.keys.release(key, false);
                self.ready.extend(next);
            }
            withdrawn.push(delivery);
        }
        for delivery in &withdrawn {
            self.load.remove(delivery);
        }
        withdrawn
    }

    fn keys_of_unstored(&self) -> HashSet<Key> {
        self.all_waiting()
            .filter(|delivery| !delivery.stored)
            .filter_map(|delivery| self.key(&delivery.message))
            .collect()
    }

    fn key(&self, message: &Message) -> Option<Key> {
        self.key_of(&message.event, message.record.as_deref())
    }

    fn key_of(&self, event: &Event, record: Option<&str>) -> Option<Key> {
        self.key_in_order(self.key_of_record(event, record))
    }

    /// What a record's deliveries have to take as the order is now.
    fn key_in_order(&self, record: Option<Key>) -> Option<Key> {
        match self.endpoint.webhook.ordering {
            Ordering::Strict => Some(WHOLE_LANE),
            Ordering::None => None,
            Ordering::Record => record,
        }
    }

    /// The key of a record. Two tables may have a record of the same name, so the table is part of it.
    fn key_of_record(&self, event: &Event, record: Option<&str>) -> Option<Key> {
        let table = (&event.object_schema, &event.object_name);
        record.map(|record| self.hasher.hash_one((table, record)))
    }

    fn outstanding_of(&mut self, event: &Event, record: Option<&str>) -> &mut usize {
        let record = self.key_of_record(event, record);
        self.outstanding.entry(record).or_default()
    }

    /// One of them waits elsewhere no more.
    fn forget_outstanding(&mut self, event: &Event, record: Option<&str>) {
        let record = self.key_of_record(event, record);
        if let Some(count) = self.outstanding.get_mut(&record) {
            *count -= 1;
            if *count == 0 {
                self.outstanding.remove(&record);
            }
        }
    }
}
