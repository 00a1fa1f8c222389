//! Which delivery is sent next: one lane for each endpoint, taken in turns.
//!
//! Knows neither clock nor threads. Endpoints take turns one delivery at a time, so that a long lane delays no other,
//! and only lanes that may send something are in the round, so that many idle ones cost nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::delivery::Delivery;
use crate::lane::{Lane, Load};
use crate::message::Event;
use crate::outcome::Verdict;
use crate::webhook::Endpoint;

/// The deliveries that are in memory, and which of them goes next.
#[derive(Debug, Default)]
pub struct Scheduler {
    lanes: HashMap<i64, Place>,
    /// Endpoints whose lanes may send something, in turn.
    round: VecDeque<i64>,
    max_in_flight: usize,
    in_flight: usize,
    load: Load,
}

#[derive(Debug)]
struct Place {
    lane: Lane,
    in_round: bool,
}

/// What one lane holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    /// Whose lane it is.
    pub endpoint_id: i64,
    /// Deliveries in memory that wait, the held ones included.
    pub queued: usize,
    /// Those of them that wait for another one of their record.
    pub held: usize,
    /// Open calls.
    pub in_flight: usize,
    /// The memory of what waits.
    pub bytes: usize,
    /// Nothing is sent at the moment.
    pub paused: bool,
}

impl Scheduler {
    /// One without lanes that keeps at most so many calls open.
    pub fn new(max_in_flight: usize) -> Self {
        Scheduler {
            max_in_flight,
            ..Scheduler::default()
        }
    }

    /// Changes how many calls may be open. What is open beyond that ends in its own time.
    pub fn set_max_in_flight(&mut self, max_in_flight: usize) {
        self.max_in_flight = max_in_flight;
    }

    /// Makes the lanes those of these endpoints.
    ///
    /// What waits in a lane that stays is sent to the endpoint as it is now; what waits in one that goes is dropped.
    /// The open calls of either may end as if nothing had happened. A change of `ordering` holds the lane back until
    /// its open calls have ended.
    pub fn configure(&mut self, endpoints: Vec<Arc<Endpoint>>) {
        let wanted: HashSet<i64> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        let unwanted: Vec<i64> = self
            .lanes
            .keys()
            .copied()
            .filter(|id| !wanted.contains(id))
            .collect();
        for id in unwanted {
            self.change(id, Lane::remove);
            self.forget_if_drained(id);
        }
        for endpoint in endpoints {
            let id = endpoint.id;
            let replace = |lane: &mut Lane| lane.replace(Arc::clone(&endpoint));
            if self.change(id, replace).is_none() {
                let lane = Lane::new(endpoint);
                let in_round = false;
                self.lanes.insert(id, Place { lane, in_round });
            }
        }
    }

    /// Adds a delivery at the end of its lane. Gives it back if there is no such lane.
    pub fn offer(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        self.insert(delivery, Lane::offer)
    }

    /// Adds a retry that is due, ahead of everything of its record. Gives it back if there is no such lane.
    ///
    /// Nothing of that record is sent until the retry is finished.
    pub fn retry(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        self.insert(delivery, Lane::retry)
    }

    fn insert(
        &mut self,
        delivery: Delivery,
        into: fn(&mut Lane, Delivery),
    ) -> Result<(), Delivery> {
        let id = delivery.endpoint.id;
        if self.lane(id).is_none() {
            return Err(delivery);
        }
        self.change(id, |lane| into(lane, delivery));
        Ok(())
    }

    /// Says that a delivery about this record waits in the table for its retry, which [`retry`](Self::retry) will
    /// bring. Until then nothing of that record is sent to this endpoint.
    pub fn block(&mut self, endpoint_id: i64, event: &Event, record: Option<&str>) {
        self.change(endpoint_id, |lane| lane.block(event, record));
    }

    /// Takes one [`block`](Self::block), or one [`Verdict::Retry`], back: that retry will not come.
    pub fn unblock(&mut self, endpoint_id: i64, event: &Event, record: Option<&str>) {
        self.change(endpoint_id, |lane| lane.unblock(event, record));
    }

    /// Takes out the delivery to send next, if any may be sent now.
    #[expect(
        clippy::should_implement_trait,
        reason = "the deliveries do not end with the first None"
    )]
    pub fn next(&mut self) -> Option<Delivery> {
        while self.in_flight < self.max_in_flight {
            let id = self.round.pop_front()?;
            if let Some(place) = self.lanes.get_mut(&id) {
                place.in_round = false;
            }
            if let Some(delivery) = self.change(id, Lane::next).flatten() {
                self.in_flight += 1;
                return Some(delivery);
            }
        }
        None
    }

    /// Ends a call that [`next`](Self::next) began. Its record is free again unless the verdict is a retry.
    pub fn finish(&mut self, delivery: &Delivery, verdict: &Verdict) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let id = delivery.endpoint.id;
        self.change(id, |lane| lane.finish(&delivery.message, verdict));
        self.forget_if_drained(id);
    }

    /// How many calls could begin now, counted up to `limit`. Some may turn out to have to wait for their record.
    pub fn sendable(&self, limit: usize) -> usize {
        let limit = limit.min(self.max_in_flight.saturating_sub(self.in_flight));
        let mut count = 0;
        for id in &self.round {
            if count >= limit {
                break;
            }
            count += self.lane(*id).map_or(0, Lane::sendable);
        }
        count.min(limit)
    }

    /// The state of every lane, in no particular order.
    pub fn lanes(&self) -> impl Iterator<Item = LaneState> {
        let lanes = self.lanes.values().map(|place| &place.lane);
        lanes.filter(|lane| !lane.is_removed()).map(|lane| {
            let (endpoint, load) = (lane.endpoint(), lane.load());
            LaneState {
                endpoint_id: endpoint.id,
                queued: load.deliveries,
                held: lane.held(),
                in_flight: lane.in_flight(),
                bytes: load.bytes,
                paused: endpoint.paused,
            }
        })
    }

    /// Deliveries in memory that wait for this endpoint, the held ones included.
    pub fn queued(&self, endpoint_id: i64) -> usize {
        self.lane(endpoint_id)
            .map_or(0, |lane| lane.load().deliveries)
    }

    /// The memory of everything that waits.
    pub fn bytes(&self) -> usize {
        self.load.bytes
    }

    /// Deliveries in memory that wait, for any endpoint.
    pub fn waiting(&self) -> usize {
        self.load.deliveries
    }

    /// Open calls.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Nothing waits and no call is open.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.waiting() == 0
    }

    /// Shows everything that waits, entered memory no later than `older_than` and has no row in
    /// `webhooks.delivery`. Those for which `store` returns true count as stored from now on.
    ///
    /// What is shown of a record is shown in the order in which it will be sent. The first `false` of a lane ends
    /// that lane, so that of each record the stored ones come before those that are not.
    pub fn for_each_unstored(
        &mut self,
        older_than: Instant,
        mut store: impl FnMut(&Delivery) -> bool,
    ) {
        for place in self.lanes.values_mut() {
            place.lane.for_each_unstored(older_than, &mut store);
        }
    }

    /// Gives up what waits for this endpoint and has a row, to free memory.
    ///
    /// Retries stay, and so do deliveries of a record of which one without a row waits: it would overtake those that
    /// are read back from their rows.
    pub fn evict_stored(&mut self, endpoint_id: i64) -> Vec<Delivery> {
        self.change(endpoint_id, Lane::evict_stored)
            .unwrap_or_default()
    }

    /// Gives up what waits for this endpoint and is unwanted, as when a subscription ended. Open calls end as they do.
    pub fn withdraw(
        &mut self,
        endpoint_id: i64,
        unwanted: impl Fn(&Delivery) -> bool,
    ) -> Vec<Delivery> {
        self.change(endpoint_id, |lane| lane.withdraw(&unwanted))
            .unwrap_or_default()
    }

    fn lane(&self, id: i64) -> Option<&Lane> {
        let lane = &self.lanes.get(&id)?.lane;
        (!lane.is_removed()).then_some(lane)
    }

    /// Changes a lane and keeps the sums and the round right.
    fn change<R>(&mut self, id: i64, change: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        let Place { lane, in_round } = self.lanes.get_mut(&id)?;
        let before = lane.load();
        let result = change(lane);
        let after = lane.load();
        self.load.deliveries = self.load.deliveries - before.deliveries + after.deliveries;
        self.load.bytes = self.load.bytes - before.bytes + after.bytes;
        if !*in_round && lane.sendable() > 0 {
            *in_round = true;
            self.round.push_back(id);
        }
        Some(result)
    }

    fn forget_if_drained(&mut self, id: i64) {
        let drained = |place: &Place| place.lane.is_removed() && place.lane.in_flight() == 0;
        if self.lanes.get(&id).is_some_and(drained) {
            self.lanes.remove(&id);
            self.round.retain(|other| *other != id);
        }
    }
}
