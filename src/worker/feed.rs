//! From the log into the lanes: which messages are new, who gets them, and whether they go to a lane or wait in a row.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use pgrx::prelude::*;
use webhooks_delivery::{Delivery, Endpoint, Event, Message};

use super::deliveries::{id_of, Row};
use super::troubles::Troubles;
use super::{Configuration, Worker};
use crate::log::messages::Room;
use crate::log::reader::Page;
use crate::log::Entry;
use crate::pg::transaction::{self, RolledBack};
use crate::pg::{catalog, interrupt};

/// Pages read in one turn, so that outcomes are recorded in between.
const PAGES_PER_TURN: usize = 4;

/// Where feeding stands.
pub struct Feed {
    /// Read from the log and not handed on yet, or what is left of it.
    page: Option<Page>,
    /// The lanes had no room when last asked.
    pub(super) full: bool,
    pub(super) next_look_at_old: Instant,
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
    /// So many messages of the page: there is no memory for more.
    entries: usize,
    deliveries: Vec<(Arc<Endpoint>, Arc<Message>)>,
    /// Rows that cannot be made now.
    locked: Vec<Row>,
    /// The messages to be counted: webhook, and without one, and event.
    messages: Vec<(Option<i64>, i64)>,
}

impl Worker {
    /// Reads the log and hands its messages on while there is room.
    pub(super) fn feed(&mut self) -> Result<(), RolledBack> {
        for _ in 0..PAGES_PER_TURN {
            self.feed.full = self.enabled && !self.has_room();
            if self.feed.page.is_none() || !self.may_route() {
                let page = self.read_page()?;
                self.feed.page = self.feed.page.take().or(page);
            }
            self.mend()?;
            if !self.may_route() {
                break;
            }
            let Some(mut page) = self.feed.page.take() else {
                break;
            };
            match self.route(&page) {
                Ok(routed) => {
                    let rest = page.entries.split_off(routed.entries);
                    self.accept(&page, routed);
                    if !rest.is_empty() {
                        let entries = rest;
                        self.feed.page = Some(Page { entries, ..page });
                        continue;
                    }
                }
                Err(error) => {
                    self.feed.page = Some(page);
                    return Err(error);
                }
            }
            // What is new was read to its end, and what is newer has set the latch. Only after the window of the last
            // worker it is sure that there is more to look for.
            if !page.recovered && !self.reader.has_more() {
                break;
            }
        }
        Ok(())
    }

    /// Whether there is room for messages, and they may be sent.
    fn may_route(&self) -> bool {
        self.enabled && !self.feed.full
    }

    /// The next page unless there is one, and before it the configuration as the page's own snapshot shows it.
    fn read_page(&mut self) -> Result<Option<Page>, RolledBack> {
        let read_on = self.may_route() && self.feed.page.is_none();
        let read = transaction::run(|| {
            let installed = catalog::extension().is_some();
            let news = installed.then(|| self.configuration.news()).flatten();
            if installed {
                catalog::notice_mending();
            }
            let page = read_on
                .then(|| interrupt::interruptible(|| self.reader.next_page()))
                .flatten();
            (news, page)
        });
        if read.is_err() {
            catalog::configuration_is_stale_still();
        }
        match read {
            Ok((news, page)) => {
                self.reader.page_is_safe();
                if let Some(news) = news {
                    self.configure(news);
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

    /// Decides for each message of a page where it goes, and makes the rows for those that wait in one. It ends where there
    /// is no memory for the next.
    fn route(&mut self, page: &Page) -> Result<Routed, RolledBack> {
        let mut room = Room::new(self.memory_to_read_into());
        let configuration = &self.configuration;
        let (messages, mending, recording) = (&self.messages, &self.mending, &self.recording);
        let deliveries = &mut self.deliveries;
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
                let mut counted = Vec::new();
                let mut troubles = Troubles::default();
                let mut entries = 0;
                for entry in &page.entries {
                    let mut recipients = configuration.recipients(entry);
                    let is_sent = recipients.any(|endpoint| !deliveries.overflows(endpoint.id));
                    if is_sent && !room.takes(entry.bytes) {
                        break;
                    }
                    entries += 1;
                    let mut webhooks = HashSet::new();
                    for endpoint in configuration.recipients(entry) {
                        let row = row_for(endpoint, entry);
                        if handled.contains(&row.id()) || mending.cancels(endpoint.id, &entry.place)
                        {
                            continue;
                        }
                        webhooks.insert(endpoint.webhook.id);
                        if let Some(event) = reduced_event(configuration, entry) {
                            troubles.reduced(endpoint.id, event, &entry.place);
                        }
                        if deliveries.overflows(endpoint.id) {
                            rows.push(row);
                        } else {
                            sent.push((endpoint, entry));
                        }
                    }
                    // What the last worker has handled, it has counted.
                    if !page.recovered || !webhooks.is_empty() {
                        counted.push((None, entry.event_id));
                    }
                    counted.extend(webhooks.iter().map(|&id| (Some(id), entry.event_id)));
                }
                let overflowing = rows.iter().map(|row| row.endpoint_id).collect();
                let locked = recording.locked(client, overflowing);
                let (locked, rows): (Vec<Row>, Vec<Row>) = rows
                    .into_iter()
                    .partition(|row| locked.contains(&row.endpoint_id));
                deliveries.insert_waiting(client, &rows);
                troubles.tell(client, &[]);
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
                    entries,
                    deliveries: deliveries.collect(),
                    locked,
                    messages: counted,
                }
            })
        })
    }

    /// Puts what was routed into the lanes.
    fn accept(&mut self, page: &Page, routed: Routed) {
        let mut per_message: HashMap<i64, usize> = HashMap::new();
        let sent = routed.deliveries.iter().map(|(_, message)| message.seq);
        let locked = routed.locked.iter().map(|row| row.place.seq);
        for seq in sent.chain(locked) {
            *per_message.entry(seq).or_default() += 1;
        }
        for row in &routed.locked {
            self.deliveries.enter(row.id(), page.generation);
        }
        self.recording.store_later(routed.locked);
        for (webhook_id, event_id) in routed.messages {
            self.recording.message(webhook_id, event_id);
        }
        for (seq, count) in per_message {
            self.reader.expect(page.generation, seq, count);
        }
        self.reader.routed(page.generation, &page.entries);
        let now = Instant::now();
        let offers: Vec<Delivery> = routed
            .deliveries
            .into_iter()
            .map(|(endpoint, message)| Delivery {
                endpoint,
                message,
                attempt: 1,
                first_attempt_at: None,
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

    /// When to feed again without being woken.
    pub(super) fn next_feed(&self, now: Instant) -> Option<Instant> {
        let more =
            self.enabled && !self.feed.full && (self.feed.page.is_some() || self.reader.has_more());
        let reads_back =
            self.enabled && self.deliveries.overflowing().any(|id| self.takes_more(id));
        (more || reads_back).then_some(now)
    }
}

/// The event of a message that is larger than may be.
fn reduced_event<'a>(configuration: &'a Configuration, entry: &Entry) -> Option<&'a Event> {
    let event = configuration.events.get(&entry.event_id);
    event.filter(|_| entry.is_reduced).map(|event| &**event)
}

fn row_for(endpoint: &Endpoint, entry: &Entry) -> Row {
    Row {
        endpoint_id: endpoint.id,
        place: entry.place.clone(),
        event_id: entry.event_id,
        record: entry.record.clone(),
        account: entry.account.clone(),
        in_lane: false,
        attempts: 0,
        first_attempt_at: None,
    }
}
