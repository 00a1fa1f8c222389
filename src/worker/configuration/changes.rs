//! What somebody has changed since the configuration was read, and reading that again.
//!
//! What it is, [notes](super::notes) say. That there may be some is announced ([`catalog::configuration_is_stale`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::Endpoint;

use super::notes::Xid;
use super::tables::{EventRead, WebhookRead, AT_ONCE};
use super::Configuration;
use crate::pg::catalog::{self, Touched};

/// What was read.
pub enum News {
    /// The whole configuration.
    All(Box<Configuration>),
    /// What has changed of it.
    Some(Changes),
}

/// Webhooks and events that were read again.
pub struct Changes {
    /// Each webhook's id, and what is to be in memory of it.
    webhooks: Vec<(i64, Option<WebhookRead>)>,
    /// Each event's id, and the event if it is still there.
    events: Vec<(i64, Option<EventRead>)>,
    is_copy: bool,
    noted_before: Xid,
}

/// What a configuration has become other than it was.
#[derive(Default)]
pub struct Changed {
    /// Endpoints as they are now, those that are new included.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Endpoints that are no more.
    pub gone: HashSet<i64>,
}

impl Configuration {
    /// Reads all of it, inside a transaction.
    pub fn load() -> Self {
        catalog::read_configuration(|_| {
            let mut configuration = Self::read();
            configuration.noted_before = configuration.forget_notes();
            let tables = configuration.watched(&[]);
            (configuration, tables)
        })
    }

    /// What has changed since it was read, inside a transaction; `None` if nothing has. Until the transaction has committed
    /// and the news were [taken in](Self::take_in), the configuration is as it was.
    pub fn news(&mut self) -> Option<News> {
        if !catalog::configuration_is_stale() {
            return None;
        }
        catalog::read_configuration(|touched| {
            let news = self.read_news(touched);
            let tables = match &news {
                None => self.watched(&[]),
                Some(News::All(configuration)) => configuration.watched(&[]),
                Some(News::Some(changes)) => self.watched(&changes.events),
            };
            (news, tables)
        })
    }

    /// Becomes what was read.
    pub fn take_in(&mut self, news: News) -> Changed {
        match news {
            News::All(configuration) => {
                let before = std::mem::replace(self, *configuration);
                let mut gone: HashSet<i64> = before.endpoints.into_keys().collect();
                gone.retain(|id| !self.endpoints.contains_key(id));
                let endpoints = self.endpoints.values().cloned().collect();
                Changed { endpoints, gone }
            }
            News::Some(changes) => self.take_in_changes(changes),
        }
    }

    fn take_in_changes(&mut self, changes: Changes) -> Changed {
        self.is_copy = changes.is_copy;
        self.noted_before = changes.noted_before;
        for (id, read) in changes.events {
            match read {
                Some(read) => self.insert_event(read),
                None => {
                    self.events.remove(&id);
                }
            }
        }
        let mut changed = Changed::default();
        // All are taken out first: a hand that writes to the tables can give one's endpoint to another.
        for (id, _) in &changes.webhooks {
            changed.gone.extend(self.remove(*id).as_slice());
        }
        for webhook in changes.webhooks.into_iter().filter_map(|(_, read)| read) {
            let endpoints = webhook.endpoints.iter().map(|(endpoint, _)| endpoint);
            for endpoint in endpoints {
                changed.gone.remove(&endpoint.id);
                changed.endpoints.push(Arc::clone(endpoint));
            }
            self.insert(webhook);
        }
        changed
    }

    fn read() -> Self {
        let mut configuration = Self::default();
        configuration.is_copy = Spi::connect(|client| configuration.tables.is_copy(client));
        let mut after = i64::MIN;
        // Each part in a connection of its own, which frees what the server needed for it.
        while let Some(last) = Spi::connect(|client| {
            let ids = configuration.tables.event_ids(client, after);
            for event in configuration.tables.events(client, &ids) {
                configuration.insert_event(event);
            }
            ids.last().copied()
        }) {
            after = last;
        }
        after = i64::MIN;
        while let Some(last) = Spi::connect(|client| {
            let Configuration {
                tables, library, ..
            } = &mut configuration;
            let ids = tables.webhook_ids(client, after);
            for webhook in tables.webhooks(client, &ids, library) {
                configuration.insert(webhook);
            }
            ids.last().copied()
        }) {
            after = last;
        }
        configuration
    }

    fn read_news(&mut self, touched: Touched) -> Option<News> {
        let (noted, is_copy) = Spi::connect(|client| {
            (
                self.notes.since(client, self.noted_before),
                self.tables.is_copy(client),
            )
        });
        if noted.anything {
            let mut configuration = Self::read();
            configuration.noted_before = self.forget_notes();
            return Some(News::All(Box::new(configuration)));
        }
        let renamed = self.events_on(&touched);
        if noted.is_empty() && renamed.is_empty() && is_copy == self.is_copy {
            return None;
        }
        let events: HashSet<i64> = noted.events.iter().copied().chain(renamed).collect();
        let events: Vec<i64> = events.into_iter().collect();
        let mut changes = Changes {
            webhooks: read_again(&noted.webhooks, |client, ids| {
                let read = self.tables.webhooks(client, ids, &mut self.library);
                read.into_iter().map(|webhook| (webhook.id, webhook))
            }),
            events: read_again(&events, |client, ids| {
                let read = self.tables.events(client, ids);
                read.into_iter().map(|read| (read.event.id, read))
            }),
            is_copy,
            noted_before: self.noted_before,
        };
        if !noted.is_empty() {
            changes.noted_before = self.forget_notes();
        }
        Some(News::Some(changes))
    }

    fn forget_notes(&self) -> Xid {
        Spi::connect_mut(|client| self.notes.forget(client, self.noted_before))
    }

    /// The events on these tables.
    fn events_on(&self, tables: &Touched) -> Vec<i64> {
        let on = |table| self.events_on.get(table).into_iter().flatten().copied();
        match tables {
            Touched::None => Vec::new(),
            Touched::Some(tables) => tables.iter().flat_map(on).collect(),
            Touched::Any => self.events_on.values().flatten().copied().collect(),
        }
    }

    /// The tables that events are on, those included that were read just now.
    fn watched(&self, read: &[(i64, Option<EventRead>)]) -> HashSet<pg_sys::Oid> {
        let known = self.events_on.keys().copied();
        let new = read.iter().filter_map(|(_, read)| read.as_ref()?.table);
        known.chain(new).collect()
    }
}

/// Reads these again, so many at once; what is not found is no more.
fn read_again<T, Found: Iterator<Item = (i64, T)>>(
    ids: &[i64],
    mut read: impl FnMut(&SpiClient<'_>, &[i64]) -> Found,
) -> Vec<(i64, Option<T>)> {
    let mut all = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        let mut found: HashMap<i64, T> = Spi::connect(|client| read(client, ids).collect());
        all.extend(ids.iter().map(|&id| (id, found.remove(&id))));
    }
    all
}
