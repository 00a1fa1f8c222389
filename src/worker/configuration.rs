//! Who is to be told of what: webhooks, endpoints, events and subscriptions, as the tables have them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData, SpiTupleTable};
use webhooks_delivery::payload::Hidden;
use webhooks_delivery::{Delivery, Endpoint, Event, Ordering, Throttle, Webhook};

use super::authentication;
use super::deliveries::{id_of, Id};
use super::payloads::Library;
use super::{outcomes, Worker};
use crate::log::Entry;
use crate::pg::statement::{column, optional, optional_text, text};
use crate::pg::{catalog, transaction};

/// An endpoint that gets an event's messages.
#[derive(Clone)]
pub struct Subscriber {
    /// Where to.
    pub endpoint: Arc<Endpoint>,
    /// From this time on, as the server counts it.
    pub since: i64,
}

/// One state of the configuration.
#[derive(Default)]
pub struct Configuration {
    /// The endpoints of webhooks that are not stopped, but for those that are gone.
    pub endpoints: HashMap<i64, Arc<Endpoint>>,
    /// All events, dropped ones too: their last messages may still be under way.
    pub events: HashMap<i64, Arc<Event>>,
    /// Whether it was made in another database: then nothing is sent until somebody adopts it.
    pub is_copy: bool,
    /// Who is told, by event.
    subscribers: HashMap<i64, Subscribers>,
}

/// Who is told of an event. However many accounts there are, a message costs the look-up of its own.
#[derive(Default)]
struct Subscribers {
    /// Of whatever account a message is, or none.
    of_all: Vec<Subscriber>,
    /// Only of messages of an account.
    of_account: HashMap<String, Vec<Subscriber>>,
}

const EVENTS: &str = "
    SELECT e.id, CASE WHEN e.named THEN e.name END, e.type, coalesce(n.nspname, e.object_schema)::text,
           coalesce(c.relname, e.object_name)::text, e.on_table::oid, e.data IS NOT NULL
      FROM webhooks.event e
      LEFT JOIN pg_class c ON c.oid = e.on_table
      LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE $1 IS NULL OR e.id = $1";

const ENDPOINTS: &str = "
    SELECT e.id, e.url, w.id, w.name, w.signature, w.ordering, w.max_in_flight,
           (extract(epoch FROM w.timeout) * 1000)::bigint,
           ARRAY(SELECT (extract(epoch FROM wait) * 1000)::bigint
                   FROM unnest(w.retry_schedule) WITH ORDINALITY AS s (wait, n) ORDER BY n),
           w.state = 'paused' OR e.state = 'disabled', w.throttle_calls, (extract(epoch FROM w.throttle_per) * 1000000)::bigint,
           w.batch_size,
           ARRAY(SELECT coalesce(s.secret, '') FROM webhooks.secret s WHERE s.webhook_id = w.id ORDER BY s.id DESC),
           ARRAY(SELECT extract(epoch FROM s.ends_at)::float8 FROM webhooks.secret s WHERE s.webhook_id = w.id ORDER BY s.id DESC),
           ARRAY(SELECT coalesce(h.name, '') FROM webhooks.header h WHERE h.webhook_id = w.id ORDER BY h.id),
           ARRAY(SELECT coalesce(h.value, '') FROM webhooks.header h WHERE h.webhook_id = w.id ORDER BY h.id),
           w.payload::text, w.handshake_key, e.state_since
      FROM webhooks.endpoint e
      JOIN webhooks.webhook w ON w.id = e.webhook_id
     WHERE CASE WHEN $1 IS NULL THEN w.state <> 'stopped' AND e.state <> 'gone' ELSE w.id = $1 END";

const SUBSCRIPTIONS: &str = "
    SELECT s.event_id, e.id, greatest(s.since, e.since), w.account
      FROM webhooks.subscription s
      JOIN webhooks.webhook w ON w.id = s.webhook_id
      JOIN webhooks.endpoint e ON e.webhook_id = s.webhook_id
     ORDER BY e.id";

impl Configuration {
    /// Reads all of it, inside a transaction.
    pub fn load() -> Self {
        catalog::load_configuration(|| Spi::connect(Self::read))
    }

    /// The configuration, and the tables that events are on.
    fn read(client: &SpiClient<'_>) -> (Self, Vec<pg_sys::Oid>) {
        let mut payloads = Library::load(client);
        let endpoints = load_endpoints(client, &mut payloads, None);
        let mut subscribers: HashMap<i64, Subscribers> = HashMap::new();
        for row in rows(client, SUBSCRIPTIONS) {
            let event_id = column(&row, 1);
            if let Some(endpoint) = endpoints.get(&column::<i64>(&row, 2)) {
                let webhook = &endpoint.webhook;
                if !payloads.is_usable(webhook.id, event_id) {
                    let name = &webhook.name;
                    warning!("webhook \"{name}\" does not get event {event_id}: the payload is not valid");
                    continue;
                }
                let since = column::<TimestampWithTimeZone>(&row, 3).into();
                let subscriber = Subscriber {
                    endpoint: Arc::clone(endpoint),
                    since,
                };
                let of_event = subscribers.entry(event_id).or_default();
                match optional_text(&row, 4) {
                    None => of_event.of_all.push(subscriber),
                    Some(account) => {
                        let of_account = of_event.of_account.entry(account);
                        of_account.or_default().push(subscriber);
                    }
                }
            }
        }
        let (events, tables) = load_events(client, None);
        let is_copy = rows(client, "SELECT webhooks.is_copy()").any(|row| column(&row, 1));
        (
            Self {
                is_copy,
                endpoints,
                events,
                subscribers,
            },
            tables,
        )
    }

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
        Spi::connect(|client| {
            let mut payloads = Library::load(client);
            let endpoints = load_endpoints(client, &mut payloads, Some(webhook_id));
            let (_, endpoint) = endpoints.into_iter().min_by_key(|(id, _)| *id)?;
            let (mut events, _) = load_events(client, Some(event_id));
            Some((endpoint, events.remove(&event_id)?))
        })
    }

    /// The endpoints of this webhook, whatever their state is, inside a transaction; none if they cannot be used.
    pub fn endpoints_of(webhook_id: i64) -> Vec<Arc<Endpoint>> {
        let endpoints = Spi::connect(|client| {
            load_endpoints(client, &mut Library::load(client), Some(webhook_id))
        });
        let mut endpoints: Vec<Arc<Endpoint>> = endpoints.into_values().collect();
        endpoints.sort_unstable_by_key(|endpoint| endpoint.id);
        endpoints
    }

    /// The endpoints whose deliveries wait.
    pub fn paused(&self) -> impl Iterator<Item = i64> + '_ {
        let endpoints = self.endpoints.values();
        endpoints
            .filter(|endpoint| endpoint.paused)
            .map(|endpoint| endpoint.id)
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
        let of_event = self.subscribers.get(&event_id);
        let of_all = of_event.map(|subscribers| &subscribers.of_all);
        let of_account = of_event
            .zip(account)
            .and_then(|(subscribers, account)| subscribers.of_account.get(account));
        of_all
            .into_iter()
            .chain(of_account)
            .flatten()
            .filter(move |subscriber| at >= subscriber.since)
            .filter(move |subscriber| Some(subscriber.endpoint.webhook.id) != about)
            .map(|subscriber| &subscriber.endpoint)
    }
}

/// A table's name goes with each of its messages, so that renaming it is a change of the configuration.
fn load_events(
    client: &SpiClient<'_>,
    only: Option<i64>,
) -> (HashMap<i64, Arc<Event>>, Vec<pg_sys::Oid>) {
    let mut tables = Vec::new();
    let mut events = HashMap::new();
    for row in rows_of(client, EVENTS, only) {
        let event = Event {
            id: column(&row, 1),
            name: optional_text(&row, 2),
            event_type: text(&row, 3),
            object_schema: optional_text(&row, 4),
            object_name: optional_text(&row, 5),
            has_data: column(&row, 7),
        };
        tables.extend(optional::<pg_sys::Oid>(&row, 6));
        events.insert(event.id, Arc::new(event));
    }
    (events, tables)
}

/// `only` is a webhook's id.
fn load_endpoints(
    client: &SpiClient<'_>,
    payloads: &mut Library,
    only: Option<i64>,
) -> HashMap<i64, Arc<Endpoint>> {
    let mut webhooks: HashMap<i64, Option<Arc<Webhook>>> = HashMap::new();
    let mut endpoints = HashMap::new();
    for row in rows_of(client, ENDPOINTS, only) {
        let webhook_id = column(&row, 3);
        let webhook = webhooks
            .entry(webhook_id)
            .or_insert_with(|| load_webhook(&row, webhook_id, payloads));
        if let Some(webhook) = webhook {
            let endpoint = Endpoint {
                id: column(&row, 1),
                url: text(&row, 2),
                webhook: Arc::clone(webhook),
                paused: column(&row, 10),
                state_since: column::<TimestampWithTimeZone>(&row, 20).into(),
            };
            endpoints.insert(endpoint.id, Arc::new(endpoint));
        }
    }
    endpoints
}

/// A definition that cannot be used must not take the others down with it. The functions refuse to make one, so that
/// only a hand that writes to the tables can.
fn load_webhook(
    row: &SpiHeapTupleData<'_>,
    id: i64,
    payloads: &mut Library,
) -> Option<Arc<Webhook>> {
    let name = text(row, 4);
    let signature: String = column(row, 5);
    let (secrets, ends): (Vec<String>, Vec<_>) = (column(row, 14), column(row, 15));
    let signing = authentication::signing(&signature, &secrets, &ends);
    let headers = authentication::headers(column(row, 16), column(row, 17));
    let (signing, headers) = match signing.and_then(|signing| Ok((signing, headers?))) {
        Ok(both) => both,
        Err(problem) => {
            warning!("webhook \"{name}\" is left out: {problem}");
            return None;
        }
    };
    let Ok(ordering) = column::<String>(row, 6).parse::<Ordering>() else {
        warning!("webhook \"{name}\" is left out: its ordering is not valid");
        return None;
    };
    let Some(payloads) = payloads.of_webhook(id, column(row, 18)) else {
        warning!("webhook \"{name}\" is left out: its payload is not valid");
        return None;
    };
    let told_secrets = if payloads.disclose_secret() {
        authentication::told(&signature, secrets, &ends)
    } else {
        Vec::new()
    };
    let milliseconds = |ms: i64| Duration::from_millis(ms.max(0) as u64);
    Some(Arc::new(Webhook {
        id,
        name,
        signing,
        headers,
        ordering,
        max_in_flight: column::<i32>(row, 7).max(1) as u32,
        throttle: optional::<i32>(row, 11).map(|calls| Throttle {
            calls: calls.max(1) as u32,
            per: Duration::from_micros(column::<i64>(row, 12).max(1) as u64),
        }),
        batch_size: column::<i32>(row, 13).max(1) as u32,
        timeout: milliseconds(column(row, 8)),
        retry_schedule: column::<Vec<i64>>(row, 9)
            .into_iter()
            .map(milliseconds)
            .collect(),
        payloads,
        handshake_key: optional_text(row, 19).map(Hidden::new),
        told_secrets,
    }))
}

/// What a query of the configuration gives.
pub(super) fn rows<'client>(
    client: &'client SpiClient<'_>,
    query: &str,
) -> impl Iterator<Item = SpiHeapTupleData<'client>> {
    select(client, query, &[])
}

/// The same of a query whose parameter is the id of the only thing that is wanted, if it is not all.
fn rows_of<'client>(
    client: &'client SpiClient<'_>,
    query: &str,
    only: Option<i64>,
) -> impl Iterator<Item = SpiHeapTupleData<'client>> {
    select(client, query, &[only.into()])
}

fn select<'client>(
    client: &'client SpiClient<'_>,
    query: &str,
    arguments: &[DatumWithOid<'_>],
) -> SpiTupleTable<'client> {
    client
        .select(query, None, arguments)
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

impl Worker {
    /// Makes a configuration the one that counts.
    pub(super) fn configure(&mut self, configuration: Configuration) {
        let endpoints = configuration.endpoints.values().cloned().collect();
        let new = self
            .pool
            .scheduler(|scheduler| scheduler.configure(endpoints));
        let is_throttled = |id: &i64| configuration.endpoints[id].webhook.throttle.is_some();
        self.remember_calls(new.into_iter().filter(is_throttled).collect());
        for (generation, seq) in self
            .deliveries
            .forget_endpoints(|id| configuration.endpoints.contains_key(&id))
        {
            self.reader.handled(generation, seq);
        }
        self.recording
            .forget_endpoints(|id| configuration.endpoints.contains_key(&id));
        if !self.configuration.is_copy {
            configuration.warn_of_copy();
        }
        self.paused = configuration.paused().collect();
        self.configuration = configuration;
        // What was read beside it must not leave a copy.
        self.apply_settings();
        self.withdraw_unwanted();
        self.release_lost_retries();
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

    /// Takes what waits for a subscription that has ended out of the lanes; whoever ended it has deleted the rows. What
    /// still has a row is sent again although nobody is subscribed.
    fn withdraw_unwanted(&mut self) {
        let configuration = &self.configuration;
        let (waiting, stored) = self.pool.scheduler(|scheduler| {
            let lanes = scheduler.waiting_lanes();
            let waiting: Vec<i64> = lanes.map(|lane| lane.endpoint_id).collect();
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
    pub(super) fn withdraw(
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

    /// What an unsubscribe, a stop or the retention took away blocks its record no more.
    pub(super) fn release_lost_retries(&mut self) {
        let lost = transaction::run(|| Spi::connect(|client| self.deliveries.lost_retries(client)));
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
