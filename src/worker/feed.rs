//! From the log and from rows into the lanes, as fast as they take it and no faster.
//!
//! Reading waits for a lane that is full but moves, as long as no other lane goes short for it. A lane that would delay
//! others overflows: its deliveries wait in rows of `webhooks.delivery` and are read back when it has room.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use webhooks_delivery::{Delivery, Endpoint, LaneState, Message};

use super::deliveries::{id_of, Row};
use super::Worker;
use crate::log::reader::Page;
use crate::log::Entry;
use crate::pg::transaction::{self, RolledBack};
use crate::pg::{catalog, interrupt};
use crate::settings;

/// Deliveries that one lane holds in memory before it counts as full.
const LANE_CAPACITY: usize = 2000;
/// Rows read back at a time.
const READ_BACK: i32 = 500;
/// Retries of one endpoint in memory at a time.
const RETRIES_AT_ONCE: usize = 100;
/// When retries that are due do not fit in memory all at once, the others are asked for after so long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Pages read in one turn, so that outcomes are recorded in between.
const PAGES_PER_TURN: usize = 4;
/// A delivery that is in memory for longer gets a row, so that the reader's position can move past it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often that is looked after.
const PATIENCE_INTERVAL: Duration = Duration::from_millis(500);

/// Where feeding stands.
pub struct Feed {
    /// Read from the log and not handed on yet.
    page: Option<Page>,
    /// The lanes had no room when last asked.
    full: bool,
    next_look_at_old: Instant,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            page: None,
            full: false,
            next_look_at_old: Instant::now(),
        }
    }
}

/// What becomes of a page: deliveries for the lanes, and rows for those that must wait.
struct Routed {
    deliveries: Vec<(Arc<Endpoint>, Arc<Message>)>,
    rows: usize,
}

impl Worker {
    /// Reads the log and hands its messages on while there is room.
    pub(super) fn feed(&mut self) -> Result<(), RolledBack> {
        for _ in 0..PAGES_PER_TURN {
            self.feed.full = self.enabled && !self.has_room();
            if self.feed.page.is_none() {
                self.feed.page = self.read_page()?;
            }
            let Some(page) = self.feed.page.take() else {
                break;
            };
            match self.route(&page) {
                Ok(routed) => self.accept(&page, routed),
                Err(error) => {
                    self.feed.page = Some(page);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The next page, and before it the configuration as the page's own snapshot shows it.
    fn read_page(&mut self) -> Result<Option<Page>, RolledBack> {
        let read_on = self.enabled && !self.feed.full;
        let read = transaction::run(|| {
            let stale = catalog::extension_exists() && catalog::configuration_is_stale();
            let configuration = stale.then(super::Configuration::load);
            let page = read_on
                .then(|| interrupt::interruptible(|| self.reader.next_page()))
                .flatten();
            (configuration, page)
        });
        match read {
            Ok((configuration, page)) => {
                self.reader.page_is_safe();
                if let Some(configuration) = configuration {
                    self.configure(configuration);
                }
                Ok(page)
            }
            Err(error) if self.reader.is_torn() => {
                warning!(
                    "webhooks: the log could not be read on, the worker starts again: {}",
                    error.message
                );
                crate::pg::process::exit(1);
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a configuration the one that counts.
    pub(super) fn configure(&mut self, configuration: super::Configuration) {
        let endpoints = configuration.endpoints.values().cloned().collect();
        self.pool
            .scheduler(|scheduler| scheduler.configure(endpoints));
        for (generation, seq) in self
            .deliveries
            .forget_endpoints(|id| configuration.endpoints.contains_key(&id))
        {
            self.reader.handled(generation, seq);
        }
        self.configuration = configuration;
        self.withdraw_unwanted();
        self.release_lost_retries();
        // What was paused may have retries that were due long ago.
        self.deliveries.will_be_due(Instant::now());
    }

    /// Takes what waits for a subscription that has ended out of the lanes; whoever ended it has deleted the rows.
    fn withdraw_unwanted(&mut self) {
        let configuration = &self.configuration;
        let withdrawn: Vec<Delivery> = self.pool.scheduler(|scheduler| {
            let waiting: Vec<i64> = scheduler
                .lanes()
                .filter(|lane| lane.queued > 0)
                .map(|lane| lane.endpoint_id)
                .collect();
            let unwanted = |delivery: &Delivery| {
                let (endpoint_id, _, at) = id_of(delivery);
                !configuration.wants(endpoint_id, delivery.message.event.id, at)
            };
            waiting
                .into_iter()
                .flat_map(|id| scheduler.withdraw(id, unwanted))
                .collect()
        });
        for delivery in withdrawn {
            let id = id_of(&delivery);
            self.handled(id);
            self.deliveries.leave(id);
        }
    }

    /// What an unsubscribe, a stop or the retention took away blocks its record no more.
    pub(super) fn release_lost_retries(&mut self) {
        let lost = transaction::run(|| Spi::connect(|client| self.deliveries.lost_retries(client)));
        let (lost, events) = (lost.unwrap_or_default(), &self.configuration.events);
        self.pool.scheduler(|scheduler| {
            for (endpoint_id, event_id, record) in lost {
                if let Some(event) = events.get(&event_id) {
                    scheduler.unblock(endpoint_id, event, record.as_deref());
                }
            }
        });
    }

    /// Decides for each message of a page where it goes, and makes the rows for those that wait in one.
    fn route(&mut self, page: &Page) -> Result<Routed, RolledBack> {
        let configuration = &self.configuration;
        let (messages, deliveries) = (&self.messages, &mut self.deliveries);
        transaction::run(|| {
            Spi::connect_mut(|client| {
                let handled = if page.recovered {
                    let seqs = page.entries.iter().map(|entry| entry.place.seq).collect();
                    deliveries.handled(
                        client,
                        seqs,
                        configuration.endpoints.keys().copied().collect(),
                    )
                } else {
                    HashSet::new()
                };
                let mut rows = Vec::new();
                let mut sent: Vec<(&Arc<Endpoint>, &Entry)> = Vec::new();
                for entry in &page.entries {
                    for endpoint in configuration.recipients(entry.event_id, entry.place.at) {
                        let row = row_for(endpoint, entry);
                        if handled.contains(&row.id()) {
                            continue;
                        }
                        if deliveries.overflows(endpoint.id) {
                            rows.push(row);
                        } else {
                            sent.push((endpoint, entry));
                        }
                    }
                }
                deliveries.insert_waiting(client, &rows);
                let found = messages.fetch(
                    client,
                    sent.iter().map(|(_, entry)| &entry.place),
                    &configuration.events,
                );
                let deliveries = sent.into_iter().filter_map(|(endpoint, entry)| {
                    let message = found.get(&(entry.place.at, entry.place.seq))?;
                    Some((Arc::clone(endpoint), Arc::clone(message)))
                });
                Routed {
                    deliveries: deliveries.collect(),
                    rows: rows.len(),
                }
            })
        })
    }

    /// Puts what was routed into the lanes.
    fn accept(&mut self, page: &Page, routed: Routed) {
        let mut per_message: HashMap<i64, usize> = HashMap::new();
        let mut counted = HashSet::new();
        for (endpoint, message) in &routed.deliveries {
            *per_message.entry(message.seq).or_default() += 1;
            if counted.insert((endpoint.webhook.id, message.seq)) {
                self.recording
                    .message(endpoint.webhook.id, message.event.id);
            }
        }
        if routed.rows > 0 {
            self.count_overflowed(page);
        }
        for (seq, count) in per_message {
            self.reader.expect(page.generation, seq, count);
        }
        let now = Instant::now();
        let offers: Vec<Delivery> = routed
            .deliveries
            .into_iter()
            .map(|(endpoint, message)| Delivery {
                endpoint,
                message,
                attempt: 1,
                stored: false,
                since: now,
                generation: page.generation,
            })
            .collect();
        for delivery in &offers {
            self.deliveries.enter(id_of(delivery), page.generation);
        }
        self.pool.scheduler(|scheduler| {
            for delivery in offers {
                // A lane for each endpoint of the configuration was made when the configuration was.
                let _ = scheduler.offer(delivery);
            }
        });
    }

    fn count_overflowed(&mut self, page: &Page) {
        for entry in &page.entries {
            let mut webhooks = HashSet::new();
            for endpoint in self
                .configuration
                .recipients(entry.event_id, entry.place.at)
            {
                if self.deliveries.overflows(endpoint.id) && webhooks.insert(endpoint.webhook.id) {
                    self.recording.message(endpoint.webhook.id, entry.event_id);
                }
            }
        }
    }

    /// Whether the lanes take more: memory is left, and no lane is full unless another one would go short for it.
    fn has_room(&self) -> bool {
        let budget = settings::queue_memory();
        self.pool.scheduler(|scheduler| {
            if scheduler.bytes() >= budget {
                return false;
            }
            let (mut full, mut short) = (false, false);
            for lane in scheduler
                .lanes()
                .filter(|lane| !self.deliveries.overflows(lane.endpoint_id))
            {
                full |= lane.queued >= LANE_CAPACITY;
                short |= lane.queued == 0;
            }
            !full || short
        })
    }

    /// Has lanes overflow that keep others from being fed: full ones beside empty ones, paused ones, the largest one where
    /// memory is used up.
    pub(super) fn overflow_clogged_lanes(&mut self) -> Result<(), RolledBack> {
        self.store_old_ones();
        let budget = settings::queue_memory();
        let clogged: Vec<i64> = self.pool.scheduler(|scheduler| {
            let memory_is_used_up = scheduler.bytes() >= budget;
            let share = budget / 4;
            let others_go_short = scheduler.lanes().any(|lane| lane.queued == 0);
            let lanes = scheduler
                .lanes()
                .filter(|lane| !self.deliveries.overflows(lane.endpoint_id));
            lanes
                .filter(|lane| {
                    lane.paused
                        || (lane.queued >= LANE_CAPACITY && others_go_short)
                        || (memory_is_used_up && lane.bytes >= share)
                })
                .map(|lane| lane.endpoint_id)
                .collect()
        });
        if clogged.is_empty() {
            return Ok(());
        }
        // Rows come before what has none: all that the lane holds gets its row before anything newer does.
        let mut rows = Vec::new();
        self.pool.scheduler(|scheduler| {
            scheduler.for_each_unstored(Instant::now(), |delivery| {
                let clogs = clogged.contains(&delivery.endpoint.id);
                if clogs {
                    rows.push(Row::waiting(delivery));
                }
                clogs
            });
        });
        self.recording.store(rows);
        self.record()?;
        for endpoint_id in clogged {
            self.deliveries.overflow(endpoint_id);
            let evicted = self
                .pool
                .scheduler(|scheduler| scheduler.evict_stored(endpoint_id));
            for delivery in evicted {
                self.deliveries.leave(id_of(&delivery));
            }
        }
        Ok(())
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
        self.pool.scheduler(|scheduler| {
            scheduler.for_each_unstored(older_than, |delivery| {
                rows.push(Row::waiting(delivery));
                true
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
            let rows = transaction::run(|| {
                Spi::connect(|client| self.deliveries.read_back(client, endpoint_id, READ_BACK))
            });
            if let Err(error) = rows.and_then(|rows| self.bring_back(rows, false)) {
                // From the beginning again: what is in memory by then is passed over.
                self.deliveries.overflow(endpoint_id);
                return Err(error);
            }
        }
        Ok(())
    }

    fn takes_more(&self, endpoint_id: i64) -> bool {
        let paused = self
            .configuration
            .endpoints
            .get(&endpoint_id)
            .is_none_or(|endpoint| endpoint.paused);
        let budget = settings::queue_memory();
        !paused
            && self.pool.scheduler(|scheduler| {
                scheduler.queued(endpoint_id) < LANE_CAPACITY / 2 && scheduler.bytes() < budget
            })
    }

    fn resume_retries(&mut self) -> Result<(), RolledBack> {
        let closed = |id: &i64| {
            self.configuration
                .endpoints
                .get(id)
                .is_none_or(|endpoint| endpoint.paused)
        };
        let mut except: Vec<i64> = self
            .configuration
            .endpoints
            .keys()
            .copied()
            .filter(|id| closed(id))
            .collect();
        let before = except.len();
        self.pool.scheduler(|scheduler| {
            let full = |lane: &LaneState| lane.queued >= LANE_CAPACITY + RETRIES_AT_ONCE;
            except.extend(scheduler.lanes().filter(full).map(|lane| lane.endpoint_id));
        });
        let saturated = except.len() > before;
        let rows = transaction::run(|| {
            Spi::connect(|client| self.deliveries.due(client, except, READ_BACK as usize))
        })?;
        if saturated || rows.len() >= READ_BACK as usize {
            self.deliveries.will_be_due(Instant::now() + RETRY_PAUSE);
        }
        let result = self.bring_back(rows, true);
        if result.is_err() {
            self.deliveries.will_be_due(Instant::now());
        }
        result
    }

    /// Puts deliveries that have rows into their lanes.
    fn bring_back(&mut self, rows: Vec<Row>, are_retries: bool) -> Result<(), RolledBack> {
        let events = &self.configuration.events;
        let messages = transaction::run(|| {
            Spi::connect(|client| {
                self.messages
                    .fetch(client, rows.iter().map(|row| &row.place), events)
            })
        })?;
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
        Ok(())
    }

    /// Whether reading stopped for want of room, so that the sender threads' progress is worth waking up for.
    pub(super) fn wants_room(&self) -> bool {
        self.feed.full || self.deliveries.overflowing().next().is_some()
    }

    /// When to feed again without being woken.
    pub(super) fn next_feed(&self, now: Instant) -> Option<Instant> {
        let more =
            self.enabled && !self.feed.full && (self.feed.page.is_some() || self.reader.has_more());
        let reads_back =
            self.enabled && self.deliveries.overflowing().any(|id| self.takes_more(id));
        (more || reads_back).then_some(now)
    }
}

fn row_for(endpoint: &Endpoint, entry: &Entry) -> Row {
    Row {
        endpoint_id: endpoint.id,
        place: entry.place.clone(),
        event_id: entry.event_id,
        record: entry.record.clone(),
        attempts: 0,
    }
}
