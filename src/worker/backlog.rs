//! What the lanes cannot take at once.
//!
//! Reading waits for a lane that is full but moves, as long as no other lane goes short for it. A lane that would delay
//! others overflows: its deliveries wait in rows of `webhooks.delivery` and are read back when it has room. Retries wait
//! there until they are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use webhooks_delivery::{Delivery, LaneState, Scheduler, LANE_CAPACITY};

use super::deliveries::{id_of, Row};
use super::Worker;
use crate::log::to_unix;
use crate::pg::transaction::{self, RolledBack};
use crate::settings;

/// Rows read back at a time …
const READ_BACK: i32 = 500;
/// … and for an endpoint that does not work: something to find out with when it does.
const READ_BACK_TO_PROBE: i32 = 10;
/// A lane that holds so many retries gets no further ones. Whatever else it holds may wait for one of them.
const ENOUGH_RETRIES: usize = 100;
/// When retries that are due do not fit in memory all at once, the others are asked for after so long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// A delivery that is in memory for longer gets a row, so that the reader's position can move past it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked after.
const PATIENCE_INTERVAL: Duration = Duration::from_secs(1);

impl Worker {
    /// How much memory messages may take that are read at once. While they are read they take it twice, as the server's
    /// and as the lanes'.
    pub(super) fn memory_to_read_into(&self) -> usize {
        let budget = settings::queue_memory();
        let left = budget.saturating_sub(self.pool.scheduler(|scheduler| scheduler.bytes()));
        left.min(budget / 4)
    }

    /// Whether the lanes take more: memory is left, and no lane is full unless another one would go short for it.
    pub(super) fn has_room(&self) -> bool {
        if self.recording.is_too_much() {
            return false;
        }
        let budget = settings::queue_memory();
        self.pool.scheduler(|scheduler| {
            let stuffed = |id| !self.deliveries.overflows(id);
            scheduler.bytes() < budget
                && (scheduler.has_empty_lane() || !scheduler.full_lanes().any(stuffed))
        })
    }

    /// Has lanes overflow that keep others from being fed: full ones beside empty ones, those of endpoints that were paused,
    /// the largest ones where memory is used up.
    pub(super) fn overflow_clogged_lanes(&mut self) -> Result<(), RolledBack> {
        self.store_old_ones();
        let budget = settings::queue_memory();
        let clogged: Vec<i64> = self.pool.scheduler(|scheduler| {
            let mut clogged = self.paused.clone();
            if scheduler.has_empty_lane() {
                clogged.extend(scheduler.full_lanes());
            }
            if scheduler.bytes() >= budget {
                clogged.extend(largest_lanes(scheduler, budget / 4));
            }
            clogged.retain(|&id| !self.deliveries.overflows(id));
            clogged.into_iter().collect()
        });
        if clogged.is_empty() {
            return Ok(());
        }
        for endpoint_id in self.set_aside(&clogged)? {
            self.paused.remove(&endpoint_id);
        }
        Ok(())
    }

    /// Has these endpoints' deliveries wait in their rows, those that are in memory and those that come, to be read back from
    /// the beginning. Not where somebody has locked the endpoint, so that the rows cannot be made now. Gives those where it was
    /// done.
    pub(super) fn set_aside(&mut self, endpoints: &[i64]) -> Result<Vec<i64>, RolledBack> {
        let mut endpoints = endpoints.to_vec();
        endpoints.retain(|&id| !self.recording.is_locked_out(id));
        if endpoints.is_empty() {
            return Ok(endpoints);
        }
        // Rows come before what has none: all that the lane holds gets its row before anything newer does.
        self.store_waiting(&endpoints);
        self.record()?;
        endpoints.retain(|&id| !self.recording.is_locked_out(id));
        for &endpoint_id in &endpoints {
            self.deliveries.overflow(endpoint_id);
            let evicted = self
                .pool
                .scheduler(|scheduler| scheduler.evict_stored(endpoint_id));
            for delivery in evicted {
                self.deliveries.leave(id_of(&delivery));
            }
        }
        Ok(endpoints)
    }

    /// Has rows made for all that waits in these endpoints' lanes.
    pub(super) fn store_waiting(&mut self, endpoints: &[i64]) {
        if endpoints.is_empty() {
            return;
        }
        let mut rows = Vec::new();
        self.pool.scheduler(|scheduler| {
            scheduler.for_each_unstored(Instant::now(), |delivery| {
                let concerned = endpoints.contains(&delivery.endpoint.id);
                if concerned {
                    rows.push(Row::waiting(delivery));
                }
                concerned
            });
        });
        self.recording.store(rows);
    }

    /// Has rows made for deliveries that wait for long.
    fn store_old_ones(&mut self) {
        let now = Instant::now();
        if now < self.feed.next_look_at_old {
            return;
        }
        self.feed.next_look_at_old = now + PATIENCE_INTERVAL;
        let Some(older_than) = now.checked_sub(PATIENCE) else {
            return;
        };
        let mut rows = Vec::new();
        let recording = &self.recording;
        self.pool.scheduler(|scheduler| {
            scheduler.for_each_unstored(older_than, |delivery| {
                let can_be_made = !recording.is_locked_out(delivery.endpoint.id);
                if can_be_made {
                    rows.push(Row::waiting(delivery));
                }
                can_be_made
            });
        });
        self.recording.store(rows);
    }

    /// Brings back what waits in rows: retries that are due, and what overflowed, where its lane has room.
    pub(super) fn resume(&mut self) -> Result<(), RolledBack> {
        if !self.enabled {
            return Ok(());
        }
        if self
            .deliveries
            .next_due()
            .is_some_and(|due| due <= Instant::now())
        {
            self.resume_retries()?;
        }
        let endpoints: Vec<i64> = self
            .deliveries
            .overflowing()
            .filter(|&id| self.takes_more(id))
            .collect();
        for endpoint_id in endpoints {
            let limit = if self.is_broken(endpoint_id) {
                READ_BACK_TO_PROBE
            } else {
                READ_BACK
            };
            let rows = transaction::run(|| {
                Spi::connect(|client| self.deliveries.read_back(client, endpoint_id, limit))
            });
            match rows.and_then(|rows| self.bring_back(rows, false)) {
                Ok(None) => {}
                Ok(Some(left)) => self.deliveries.read_back_later(&left),
                Err(error) => {
                    // From the beginning again: what is in memory by then is passed over.
                    self.deliveries.overflow(endpoint_id);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    pub(super) fn takes_more(&self, endpoint_id: i64) -> bool {
        let budget = settings::queue_memory();
        !self.is_closed(endpoint_id)
            && self.pool.scheduler(|scheduler| {
                let broken = scheduler
                    .lane_state(endpoint_id)
                    .is_some_and(|lane| lane.broken);
                let enough = if broken { 1 } else { LANE_CAPACITY / 2 };
                scheduler.queued(endpoint_id) < enough && scheduler.bytes() < budget
            })
    }

    fn is_broken(&self, endpoint_id: i64) -> bool {
        let lane = self
            .pool
            .scheduler(|scheduler| scheduler.lane_state(endpoint_id));
        lane.is_some_and(|lane| lane.broken)
    }

    /// Whether nothing is read back for it: it is paused or gone, or what came of its calls has to wait for a lock.
    fn is_closed(&self, endpoint_id: i64) -> bool {
        let endpoint = self.configuration.endpoints.get(&endpoint_id);
        endpoint.is_none_or(|endpoint| endpoint.paused) || self.recording.is_locked_out(endpoint_id)
    }

    fn resume_retries(&mut self) -> Result<(), RolledBack> {
        let mut except = self.recording.locked_out();
        except.extend(&self.configuration.paused);
        let before = except.len();
        self.pool.scheduler(|scheduler| {
            let has_enough = |lane: &LaneState| lane.retries >= ENOUGH_RETRIES;
            let saturated = scheduler.waiting_lanes().filter(has_enough);
            except.extend(saturated.map(|lane| lane.endpoint_id));
        });
        let saturated = except.len() > before;
        let rows = transaction::run(|| {
            Spi::connect(|client| self.deliveries.due(client, except, READ_BACK as usize))
        })?;
        let enough = saturated || rows.len() >= READ_BACK as usize;
        let result = self.bring_back(rows, true);
        match &result {
            Ok(left) if enough || left.is_some() => {
                self.deliveries.will_be_due(Instant::now() + RETRY_PAUSE);
            }
            Ok(_) => {}
            Err(_) => self.deliveries.will_be_due(Instant::now()),
        }
        result.map(|_| ())
    }

    /// Puts deliveries that have rows into their lanes, as far as there is memory; gives the first that is left.
    fn bring_back(
        &mut self,
        mut rows: Vec<Row>,
        are_retries: bool,
    ) -> Result<Option<Row>, RolledBack> {
        if rows.is_empty() {
            return Ok(None);
        }
        let events = &self.configuration.events;
        let memory = self.memory_to_read_into();
        let (fitting, messages) = transaction::run(|| {
            Spi::connect(|client| {
                let places = rows.iter().map(|row| &row.place);
                let fitting = self.messages.fitting(client, places.clone(), memory);
                let messages = self.messages.fetch(client, places.take(fitting), events);
                (fitting, messages)
            })
        })?;
        let left = rows.drain(fitting..).next();
        let now = Instant::now();
        let mut offers = Vec::new();
        for row in &rows {
            let endpoint = self.configuration.endpoints.get(&row.endpoint_id);
            let message = messages.get(&(row.place.at, row.place.seq));
            if let (Some(endpoint), Some(message)) = (endpoint, message) {
                if self.deliveries.enter(row.id(), 0) {
                    self.deliveries.retry_now(row.id());
                    offers.push(Delivery {
                        endpoint: Arc::clone(endpoint),
                        message: Arc::clone(message),
                        attempt: row.attempts + 1,
                        first_attempt_at: row.first_attempt_at.map(to_unix),
                        stored: true,
                        since: now,
                        generation: 0,
                    });
                }
            }
        }
        self.pool.scheduler(|scheduler| {
            for delivery in offers {
                // As in `accept`, there is a lane for each endpoint of the configuration.
                let _ = if are_retries {
                    scheduler.retry(delivery)
                } else {
                    scheduler.offer(delivery)
                };
            }
        });
        Ok(left)
    }

    /// Whether reading stopped for want of room, so that the sender threads' progress is worth waking up for.
    pub(super) fn wants_room(&self) -> bool {
        self.feed.full || self.deliveries.overflowing().next().is_some()
    }
}

/// The lanes that hold the most, so many that they hold so many bytes.
fn largest_lanes(scheduler: &Scheduler, bytes: usize) -> Vec<i64> {
    let mut lanes: Vec<LaneState> = scheduler.waiting_lanes().collect();
    lanes.sort_unstable_by_key(|lane| std::cmp::Reverse(lane.bytes));
    let mut sum = 0;
    let needed = lanes.into_iter().take_while(|lane| {
        let goes_on = sum < bytes;
        sum += lane.bytes;
        goes_on
    });
    needed.map(|lane| lane.endpoint_id).collect()
}
