//! Which delivery is sent next: one lane for each endpoint, taken in turns.
//!
//! Knows neither clock nor threads. Endpoints take turns one delivery at a time, so that a long lane delays no other,
//! and only lanes that may send something are in the round, so that many idle ones cost nothing. A lane about which there
//! is nothing to remember but that its endpoint works is put away until it is needed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::delivery::{Batch, Delivery, Finished};
use crate::lane::{Lane, Load};
use crate::message::Event;
use crate::round::{Class, Round};
use crate::webhook::Endpoint;

/// Deliveries that a lane holds in memory before it counts as full.
pub const LANE_CAPACITY: usize = 2000;

/// The deliveries that are in memory, and which of them goes next.
#[derive(Debug, Default)]
pub struct Scheduler {
    lanes: HashMap<i64, Place>,
    resting: HashMap<i64, Resting>,
    round: Round,
    /// When lanes that wait for a time may send something.
    times: BinaryHeap<Reverse<(Instant, i64)>>,
    /// Lanes in which something waits.
    occupied: HashSet<i64>,
    /// Lanes that hold [`LANE_CAPACITY`] or more.
    full: HashSet<i64>,
    max_in_flight: usize,
    in_flight: usize,
    /// Open calls to endpoints of which nobody knows whether they work.
    suspect_in_flight: usize,
    /// Lanes whose last call has succeeded.
    proven: usize,
    load: Load,
}

#[derive(Debug)]
struct Place {
    lane: Lane,
    /// By class: a lane whose class has changed stays in the round where it was, too, and is passed over there.
    in_round: [bool; 2],
    time: Option<Instant>,
}

/// What is left of a lane that has been put away.
#[derive(Debug)]
struct Resting {
    endpoint: Arc<Endpoint>,
    /// Its last call has succeeded.
    proven: bool,
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
    /// Those of them that were tried before.
    pub retries: usize,
    /// Open calls.
    pub in_flight: usize,
    /// The memory of what waits.
    pub bytes: usize,
    /// Nothing is sent until somebody starts or enables it.
    pub paused: bool,
    /// Nothing but a probe is sent until the endpoint works again.
    pub broken: bool,
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

    /// Makes a lane for each of these endpoints that has none, and has the others go on with their endpoint as it is now.
    ///
    /// What waits in a lane is sent to the endpoint as it is now. Open calls may end as if nothing had happened. A change of
    /// `ordering` holds the lane back until its open calls have ended. Gives the endpoints that had no lane, of whose calls
    /// nothing is known.
    pub fn configure(&mut self, endpoints: Vec<Arc<Endpoint>>) -> Vec<i64> {
        let mut new = Vec::new();
        for endpoint in endpoints {
            let id = endpoint.id;
            let replace = |lane: &mut Lane| lane.replace(Arc::clone(&endpoint));
            if self.change(id, replace).is_none() {
                let proven = false;
                self.resting.insert(id, Resting { endpoint, proven });
                new.push(id);
            }
        }
        new
    }

    /// Takes lanes away. What waits in them is dropped, and their open calls may end as if nothing had happened.
    pub fn remove(&mut self, endpoints: impl IntoIterator<Item = i64>) {
        for id in endpoints {
            self.change(id, Lane::remove);
            self.forget_if_drained(id);
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
        if self.endpoint(id).is_none() {
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

    /// A call to this endpoint was made by another, before this one began, and counts for its throttle.
    pub fn remember(&mut self, endpoint_id: i64, ended: Instant) {
        self.change(endpoint_id, |lane| lane.remember(ended));
    }

    /// Takes out what is to be sent next, in one call, if anything may be sent now.
    pub fn next(&mut self, now: Instant) -> Option<Batch> {
        self.strike(now);
        while self.in_flight < self.max_in_flight {
            let id = self.take_turn()?;
            if let Some(batch) = self.change_at(id, now, |lane| lane.next(now)).flatten() {
                self.in_flight += 1;
                return Some(batch);
            }
        }
        None
    }

    /// The lane whose turn it is.
    fn take_turn(&mut self) -> Option<i64> {
        loop {
            let suspects = self.suspect_in_flight < self.suspect_limit();
            let (id, class) = self.round.pop(suspects)?;
            if let Some(place) = self.lanes.get_mut(&id) {
                place.in_round[class as usize] = false;
                if Class::of(&place.lane) == class {
                    return Some(id);
                }
                self.put_away(id);
            }
        }
    }

    /// How many calls may be open to endpoints of which nobody knows whether they work: not so many that those which are
    /// known to work have to wait for their timeouts.
    fn suspect_limit(&self) -> usize {
        match self.proven {
            0 => self.max_in_flight,
            _ => self.max_in_flight - self.max_in_flight / 4,
        }
    }

    /// Ends a call that [`next`](Self::next) began. Its records are free again unless their deliveries will be retried.
    pub fn finish(&mut self, finished: &Finished, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let id = finished.batch.endpoint().id;
        self.change_at(id, now, |lane| {
            lane.finish(&finished.batch, &finished.verdicts, finished.effect, now);
        });
        self.forget_if_drained(id);
    }

    /// How many calls could begin now, counted up to `limit`. Some may turn out to have to wait for their record.
    pub fn sendable(&mut self, limit: usize, now: Instant) -> usize {
        self.strike(now);
        let limit = limit.min(self.max_in_flight.saturating_sub(self.in_flight));
        let suspects = self.suspect_limit().saturating_sub(self.suspect_in_flight);
        let proven = self.count_sendable(Class::Proven, limit, now);
        let suspects = self.count_sendable(Class::Suspect, suspects.min(limit - proven), now);
        proven + suspects
    }

    fn count_sendable(&mut self, class: Class, limit: usize, now: Instant) -> usize {
        let mut count = 0;
        for id in self.round.of(class) {
            if count >= limit {
                break;
            }
            let lane = self.lanes.get_mut(id).map(|place| &mut place.lane);
            let lane = lane.filter(|lane| Class::of(lane) == class);
            count += lane.map_or(0, |lane| lane.sendable(now));
        }
        count.min(limit)
    }

    /// When something may be sent that may not be sent now, if nothing but time keeps it. It may turn out that it may not.
    pub fn opens_at(&self) -> Option<Instant> {
        self.times.peek().map(|Reverse((time, _))| *time)
    }

    /// Lanes whose time has come go into the round.
    fn strike(&mut self, now: Instant) {
        while let Some(&Reverse((time, id))) = self.times.peek() {
            let place = self.lanes.get_mut(&id);
            // Else the lane is gone, or an earlier time has come in between.
            let place = place.filter(|place| place.time == Some(time));
            if place.is_some() && time > now {
                break;
            }
            self.times.pop();
            if let Some(place) = place {
                place.time = None;
                self.change_at(id, now, |_| ());
            }
        }
    }

    /// The state of every lane in which something waits, in no particular order.
    pub fn waiting_lanes(&self) -> impl Iterator<Item = LaneState> {
        self.occupied.iter().filter_map(|id| self.lane_state(*id))
    }

    /// The state of a lane.
    pub fn lane_state(&self, endpoint_id: i64) -> Option<LaneState> {
        let paused = self.endpoint(endpoint_id)?.paused;
        let lane = self.lane(endpoint_id);
        let load = lane.map(Lane::load).unwrap_or_default();
        Some(LaneState {
            endpoint_id,
            queued: load.deliveries,
            held: lane.map_or(0, Lane::held),
            retries: load.retries,
            in_flight: lane.map_or(0, Lane::in_flight),
            bytes: load.bytes,
            paused,
            broken: lane.is_some_and(Lane::is_broken),
        })
    }

    /// The lanes that hold [`LANE_CAPACITY`] deliveries or more.
    pub fn full_lanes(&self) -> impl Iterator<Item = i64> {
        self.full.iter().copied()
    }

    /// Whether there is a lane in which nothing waits.
    pub fn has_empty_lane(&self) -> bool {
        self.occupied.len() < self.lanes.len() + self.resting.len()
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
        for id in &self.occupied {
            if let Some(place) = self.lanes.get_mut(id) {
                place.lane.for_each_unstored(older_than, &mut store);
            }
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

    /// What waits for this endpoint, in no particular order.
    pub fn waiting_for(&self, endpoint_id: i64) -> impl Iterator<Item = &Delivery> {
        self.lane(endpoint_id)
            .into_iter()
            .flat_map(Lane::all_waiting)
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

    /// Whose lane this is, if there is one.
    fn endpoint(&self, id: i64) -> Option<&Endpoint> {
        let resting = self.resting.get(&id).map(|resting| &*resting.endpoint);
        resting.or_else(|| self.lane(id).map(Lane::endpoint))
    }

    /// A lane that has not been put away.
    fn lane(&self, id: i64) -> Option<&Lane> {
        let lane = &self.lanes.get(&id)?.lane;
        (!lane.is_removed()).then_some(lane)
    }

    fn change<R>(&mut self, id: i64, change: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        self.change_at(id, Instant::now(), change)
    }

    /// Changes a lane and keeps the sums, the sets, the round and the times right.
    fn change_at<R>(
        &mut self,
        id: i64,
        now: Instant,
        change: impl FnOnce(&mut Lane) -> R,
    ) -> Option<R> {
        self.take_out(id);
        let place = self.lanes.get_mut(&id)?;
        let lane = &mut place.lane;
        let (load_before, counts_before) = (lane.load(), Counts::of(lane));
        let result = change(lane);
        let (load, counts) = (lane.load(), Counts::of(lane));
        self.load.deliveries = self.load.deliveries - load_before.deliveries + load.deliveries;
        self.load.bytes = self.load.bytes - load_before.bytes + load.bytes;
        self.proven = self.proven - counts_before.proven + counts.proven;
        self.suspect_in_flight =
            self.suspect_in_flight - counts_before.suspect_in_flight + counts.suspect_in_flight;
        let before = load_before.deliveries;
        keep_in(&mut self.occupied, id, before, load.deliveries, 1);
        keep_in(&mut self.full, id, before, load.deliveries, LANE_CAPACITY);

        if lane.sendable(now) > 0 {
            let class = Class::of(lane);
            if !std::mem::replace(&mut place.in_round[class as usize], true) {
                self.round.push(id, class);
            }
        } else if let Some(time) = lane.opens_at()
            && time > now
            && place.time.is_none_or(|earlier| time < earlier)
        {
            place.time = Some(time);
            self.times.push(Reverse((time, id)));
        } else {
            self.put_away(id);
        }
        Some(result)
    }

    fn take_out(&mut self, id: i64) {
        if let Some(Resting { endpoint, proven }) = self.resting.remove(&id) {
            let place = Place {
                lane: Lane::new(endpoint, proven),
                in_round: [false; 2],
                time: None,
            };
            self.lanes.insert(id, place);
        }
    }

    /// Puts a lane away if it is at rest. One that is in a round still would have a turn too many when it is taken out.
    fn put_away(&mut self, id: i64) {
        let can_rest = |place: &Place| place.in_round == [false; 2] && place.lane.is_at_rest();
        if !self.lanes.get(&id).is_some_and(can_rest) {
            return;
        }
        if let Some(place) = self.lanes.remove(&id) {
            let proven = !place.lane.is_suspect();
            let endpoint = place.lane.into_endpoint();
            self.resting.insert(id, Resting { endpoint, proven });
        }
    }

    fn forget_if_drained(&mut self, id: i64) {
        let drained = |place: &Place| place.lane.is_removed() && place.lane.in_flight() == 0;
        if self.lanes.get(&id).is_some_and(drained) {
            self.proven -= self
                .lanes
                .remove(&id)
                .map_or(0, |place| Counts::of(&place.lane).proven);
            self.round.forget(id);
        }
    }
}

/// What a lane adds to the scheduler's sums.
struct Counts {
    proven: usize,
    suspect_in_flight: usize,
}

impl Counts {
    fn of(lane: &Lane) -> Self {
        match Class::of(lane) {
            Class::Proven => Counts {
                proven: 1,
                suspect_in_flight: 0,
            },
            Class::Suspect => Counts {
                proven: 0,
                suspect_in_flight: lane.in_flight(),
            },
        }
    }
}

/// Keeps a set of the lanes that hold at least so much.
fn keep_in(set: &mut HashSet<i64>, id: i64, before: usize, after: usize, at_least: usize) {
    if before < at_least && after >= at_least {
        set.insert(id);
    } else if before >= at_least && after < at_least {
        set.remove(&id);
    }
}
