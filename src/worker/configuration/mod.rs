//! Who is to be told of what: webhooks, endpoints, events and subscriptions, as the tables have them.
//!
//! All of it is in memory. What somebody changes is noted in `webhooks.configuration_change`, and only the webhooks and
//! events that are noted there are read again ([`changes`]).

mod authentication;
mod changes;
mod few;
mod following;
mod library;
mod notes;
mod subscribers;
mod tables;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pgrx::prelude::*;
use webhooks_delivery::{Delivery, Endpoint, Event};

use self::few::Few;
use self::library::Library;
use self::notes::{Notes, Xid};
use self::subscribers::{Subscriber, Subscribers};
use self::tables::{EventRead, Tables, WebhookRead};
use super::deliveries::id_of;
use crate::log::Entry;

/// The configuration.
#[derive(Default)]
pub struct Configuration {
    /// The endpoints of webhooks that are not stopped, but for those that are gone.
    pub endpoints: HashMap<i64, Arc<Endpoint>>,
    /// Those of them whose deliveries wait.
    pub paused: HashSet<i64>,
    /// All events, dropped ones too: their last messages may still be under way.
    pub events: HashMap<i64, Arc<Event>>,
    /// Whether it was made in another database: then nothing is sent until somebody adopts it.
    pub is_copy: bool,
    /// Events by the table they are on, whose name goes with their messages.
    events_on: HashMap<pg_sys::Oid, HashSet<i64>>,
    /// What there is of each webhook, to be taken out when it changes.
    webhooks: HashMap<i64, Known>,
    subscribers: Subscribers,
    notes: Notes,
    /// Notes of transactions before this one were read.
    noted_before: Xid,
    library: Library,
    tables: Tables,
}

/// Where a webhook is in the configuration.
struct Known {
    account: Option<Arc<str>>,
    endpoints: Few<i64>,
    events: Few<i64>,
}

impl Configuration {
    /// Tells the server's log why nothing is sent.
    pub fn warn_of_copy(&self) {
        if self.is_copy {
            warning!(
                "webhooks: nothing is sent: the webhooks of this database were made in another one. \
                 SELECT webhooks.adopt() lets them call from here"
            );
        }
    }

    /// An endpoint of this webhook and this event, whatever their state is, inside a transaction. `None` where there is
    /// none, or none that can be used.
    pub fn one(webhook_id: i64, event_id: i64) -> Option<(Arc<Endpoint>, Arc<Event>)> {
        let endpoint = Self::endpoints_of(webhook_id).into_iter().next()?;
        let read = Spi::connect(|client| Tables::default().events(client, &[event_id]));
        let event = read.into_iter().next()?.event;
        Some((endpoint, event))
    }

    /// The endpoints of this webhook, whatever their state is, inside a transaction, the oldest first; none if they cannot
    /// be used.
    pub fn endpoints_of(webhook_id: i64) -> Vec<Arc<Endpoint>> {
        let read = Spi::connect(|client| {
            let (tables, mut library) = (Tables::default(), Library::default());
            tables.webhooks_in_any_state(client, &[webhook_id], &mut library)
        });
        let endpoints = read.into_iter().flat_map(|webhook| webhook.endpoints);
        endpoints.map(|(endpoint, _)| endpoint).collect()
    }

    /// Takes a webhook in that is not there.
    fn insert(&mut self, webhook: WebhookRead) {
        let id = webhook.id;
        for &(event_id, since) in &webhook.subscriptions {
            for (endpoint, endpoint_since) in &webhook.endpoints {
                let subscriber = Subscriber {
                    endpoint: Arc::clone(endpoint),
                    since: since.max(*endpoint_since),
                };
                self.subscribers
                    .add(event_id, webhook.account.as_ref(), subscriber);
            }
        }
        let known = Known {
            account: webhook.account,
            endpoints: webhook.endpoints.iter().map(|(e, _)| e.id).collect(),
            events: webhook.subscriptions.iter().map(|(id, _)| *id).collect(),
        };
        for (endpoint, _) in webhook.endpoints {
            if endpoint.paused {
                self.paused.insert(endpoint.id);
            }
            self.endpoints.insert(endpoint.id, endpoint);
        }
        self.webhooks.insert(id, known);
    }

    /// Takes a webhook out; gives its endpoints.
    fn remove(&mut self, webhook_id: i64) -> Few<i64> {
        let Some(known) = self.webhooks.remove(&webhook_id) else {
            return Few::default();
        };
        for &event_id in known.events.as_slice() {
            self.subscribers
                .remove(event_id, known.account.as_deref(), webhook_id);
        }
        for endpoint_id in known.endpoints.as_slice() {
            self.endpoints.remove(endpoint_id);
            self.paused.remove(endpoint_id);
        }
        known.endpoints
    }

    /// Takes an event in, in place of what it was.
    fn insert_event(&mut self, read: EventRead) {
        let EventRead { event, table } = read;
        if let Some(table) = table {
            self.events_on.entry(table).or_default().insert(event.id);
        }
        self.events.insert(event.id, event);
    }

    /// Whether somebody is subscribed to what this delivery is of, and was when it was recorded.
    fn wants(&self, delivery: &Delivery) -> bool {
        let (endpoint_id, _, at) = id_of(delivery);
        let message = &delivery.message;
        self.told(
            message.event.id,
            message.account.as_deref(),
            message.record.as_deref(),
            at,
        )
        .any(|endpoint| endpoint.id == endpoint_id)
    }

    /// The endpoints that a message goes to.
    pub fn recipients(&self, entry: &Entry) -> impl Iterator<Item = &Arc<Endpoint>> {
        let (account, record) = (entry.account.as_deref(), entry.record.as_deref());
        self.told(entry.event_id, account, record, entry.place.at)
    }

    /// The endpoints that get an event's messages of an account and about a record, recorded at this time. What is about a
    /// webhook does not go to itself.
    fn told(
        &self,
        event_id: i64,
        account: Option<&str>,
        record: Option<&str>,
        at: i64,
    ) -> impl Iterator<Item = &Arc<Endpoint>> {
        let event = self.events.get(&event_id);
        let about: Option<i64> = event
            .filter(|event| event.is_about_webhooks())
            .and(record)
            .and_then(|webhook_id| webhook_id.parse().ok());
        self.subscribers
            .of(event_id, account)
            .filter(move |subscriber| at >= subscriber.since)
            .filter(move |subscriber| Some(subscriber.endpoint.webhook.id) != about)
            .map(|subscriber| &subscriber.endpoint)
    }
}
