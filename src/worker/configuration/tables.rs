//! Reading webhooks and events from their tables, a limited number at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pgrx::prelude::*;
use pgrx::spi::{SpiClient, SpiHeapTupleData};
use webhooks_delivery::payload::{Hidden, Payloads};
use webhooks_delivery::{Endpoint, Event, Headers, Ordering, Payload, Signing, Throttle, Webhook};

use super::authentication;
use super::library::Library;
use crate::pg::statement::{column, optional, optional_text, text, Statement};

/// What is read at once: what the server makes of its rows is in memory, too.
pub const AT_ONCE: usize = 500;

/// A webhook that can be used.
pub struct WebhookRead {
    /// Its row.
    pub id: i64,
    /// The account whose messages it gets, if not those of all.
    pub account: Option<Arc<str>>,
    /// Its endpoints, the oldest first, and from when on each gets messages, as the server counts.
    pub endpoints: Vec<(Arc<Endpoint>, i64)>,
    /// The events that it is told of, and from when on.
    pub subscriptions: Vec<(i64, i64)>,
}

/// An event.
pub struct EventRead {
    /// The event.
    pub event: Arc<Event>,
    /// The table it is on. The table's name goes with each of its messages, so that renaming it changes the event.
    pub table: Option<pg_sys::Oid>,
}

/// The statements.
pub struct Tables {
    webhooks: Statement,
    endpoints: Statement,
    secrets: Statement,
    headers: Statement,
    subscriptions: Statement,
    events: Statement,
    webhook_ids: Statement,
    event_ids: Statement,
    is_copy: Statement,
}

impl Default for Tables {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT8ARRAYOID, INT8OID};
        Self {
            webhooks: Statement::new(
                "SELECT w.id, w.name, w.account, w.signature, w.ordering, w.max_in_flight,
                        (extract(epoch FROM w.timeout) * 1000)::bigint,
                        ARRAY(SELECT (extract(epoch FROM wait) * 1000)::bigint
                                FROM unnest(w.retry_schedule) WITH ORDINALITY AS s (wait, n) ORDER BY n),
                        w.state = 'paused', w.throttle_calls, (extract(epoch FROM w.throttle_per) * 1000000)::bigint,
                        w.batch_size, w.payload::text, w.handshake_key
                   FROM webhooks.webhook w
                  WHERE w.id = ANY ($1) AND ($2 OR w.state <> 'stopped')",
                &[INT8ARRAYOID, BOOLOID],
            ),
            endpoints: Statement::new(
                "SELECT e.webhook_id, e.id, e.url, e.state = 'disabled', e.state_since, e.since
                   FROM webhooks.endpoint e
                  WHERE e.webhook_id = ANY ($1) AND ($2 OR e.state <> 'gone')
                  ORDER BY e.id",
                &[INT8ARRAYOID, BOOLOID],
            ),
            secrets: Statement::new(
                "SELECT s.webhook_id, coalesce(s.secret, ''), extract(epoch FROM s.ends_at)::float8
                   FROM webhooks.secret s
                  WHERE s.webhook_id = ANY ($1)
                  ORDER BY s.id DESC",
                &[INT8ARRAYOID],
            ),
            headers: Statement::new(
                "SELECT h.webhook_id, coalesce(h.name, ''), coalesce(h.value, '')
                   FROM webhooks.header h
                  WHERE h.webhook_id = ANY ($1)
                  ORDER BY h.id",
                &[INT8ARRAYOID],
            ),
            subscriptions: Statement::new(
                "SELECT s.webhook_id, s.event_id, s.since, s.payload::text
                   FROM webhooks.subscription s
                  WHERE s.webhook_id = ANY ($1)",
                &[INT8ARRAYOID],
            ),
            events: Statement::new(
                "SELECT e.id, CASE WHEN e.named THEN e.name END, e.type, coalesce(n.nspname, e.object_schema)::text,
                        coalesce(c.relname, e.object_name)::text, e.on_table::oid, e.data IS NOT NULL
                   FROM webhooks.event e
                   LEFT JOIN pg_class c ON c.oid = e.on_table
                   LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE e.id = ANY ($1)",
                &[INT8ARRAYOID],
            ),
            webhook_ids: Statement::new(
                "SELECT id FROM webhooks.webhook WHERE id > $1 ORDER BY id LIMIT $2",
                &[INT8OID, INT8OID],
            ),
            event_ids: Statement::new(
                "SELECT id FROM webhooks.event WHERE id > $1 ORDER BY id LIMIT $2",
                &[INT8OID, INT8OID],
            ),
            is_copy: Statement::new("SELECT webhooks.is_copy()", &[]),
        }
    }
}

impl Tables {
    /// These webhooks, inside a transaction, but for those that are stopped or cannot be used, with their endpoints, but
    /// for those that are gone.
    pub fn webhooks(
        &self,
        client: &SpiClient<'_>,
        ids: &[i64],
        library: &mut Library,
    ) -> Vec<WebhookRead> {
        self.read_webhooks(client, ids, false, library)
    }

    /// The same with those that are stopped or gone.
    pub fn webhooks_in_any_state(
        &self,
        client: &SpiClient<'_>,
        ids: &[i64],
        library: &mut Library,
    ) -> Vec<WebhookRead> {
        self.read_webhooks(client, ids, true, library)
    }

    fn read_webhooks(
        &self,
        client: &SpiClient<'_>,
        ids: &[i64],
        in_any_state: bool,
        library: &mut Library,
    ) -> Vec<WebhookRead> {
        let mut parts = Parts::read(self, client, ids, in_any_state);
        self.webhooks
            .select(client, &[ids.to_vec().into(), in_any_state.into()])
            .filter_map(|row| webhook(&row, &mut parts, library))
            .collect()
    }

    /// These events, inside a transaction.
    pub fn events(&self, client: &SpiClient<'_>, ids: &[i64]) -> Vec<EventRead> {
        self.events
            .select(client, &[ids.to_vec().into()])
            .map(|row| EventRead {
                table: optional(&row, 6),
                event: Arc::new(Event {
                    id: column(&row, 1),
                    name: optional_text(&row, 2),
                    event_type: text(&row, 3),
                    object_schema: optional_text(&row, 4),
                    object_name: optional_text(&row, 5),
                    has_data: column(&row, 7),
                }),
            })
            .collect()
    }

    /// The next ids of webhooks after this one, inside a transaction.
    pub fn webhook_ids(&self, client: &SpiClient<'_>, after: i64) -> Vec<i64> {
        next_ids(&self.webhook_ids, client, after)
    }

    /// The next ids of events after this one, inside a transaction.
    pub fn event_ids(&self, client: &SpiClient<'_>, after: i64) -> Vec<i64> {
        next_ids(&self.event_ids, client, after)
    }
}

impl Tables {
    /// Whether the definitions come from another database and were not adopted, inside a transaction.
    pub fn is_copy(&self, client: &SpiClient<'_>) -> bool {
        let mut rows = self.is_copy.select(client, &[]);
        rows.any(|row| column(&row, 1))
    }
}

fn next_ids(of: &Statement, client: &SpiClient<'_>, after: i64) -> Vec<i64> {
    of.select(client, &[after.into(), (AT_ONCE as i64).into()])
        .map(|row| column(&row, 1))
        .collect()
}

/// What belongs to webhooks, by the webhook's id.
struct Parts {
    endpoints: HashMap<i64, Vec<EndpointRow>>,
    secrets: HashMap<i64, Vec<(String, Option<f64>)>>,
    headers: HashMap<i64, Vec<(String, String)>>,
    subscriptions: HashMap<i64, Vec<SubscriptionRow>>,
}

struct EndpointRow {
    id: i64,
    url: String,
    disabled: bool,
    state_since: i64,
    since: i64,
}

struct SubscriptionRow {
    event_id: i64,
    since: i64,
    payload: Option<String>,
}

impl Parts {
    fn read(tables: &Tables, client: &SpiClient<'_>, ids: &[i64], in_any_state: bool) -> Self {
        let time = |row: &SpiHeapTupleData<'_>, number| {
            column::<TimestampWithTimeZone>(row, number).into()
        };
        let ids = || ids.to_vec().into();
        Self {
            endpoints: by_webhook(
                tables
                    .endpoints
                    .select(client, &[ids(), in_any_state.into()]),
                |row| EndpointRow {
                    id: column(row, 2),
                    url: text(row, 3),
                    disabled: column(row, 4),
                    state_since: time(row, 5),
                    since: time(row, 6),
                },
            ),
            secrets: by_webhook(tables.secrets.select(client, &[ids()]), |row| {
                (column(row, 2), optional(row, 3))
            }),
            headers: by_webhook(tables.headers.select(client, &[ids()]), |row| {
                (column(row, 2), column(row, 3))
            }),
            subscriptions: by_webhook(tables.subscriptions.select(client, &[ids()]), |row| {
                SubscriptionRow {
                    event_id: column(row, 2),
                    since: time(row, 3),
                    payload: optional_text(row, 4),
                }
            }),
        }
    }
}

/// Rows whose first column is a webhook's id.
fn by_webhook<'client, T>(
    rows: impl Iterator<Item = SpiHeapTupleData<'client>>,
    read: impl Fn(&SpiHeapTupleData<'client>) -> T,
) -> HashMap<i64, Vec<T>> {
    let mut all: HashMap<i64, Vec<T>> = HashMap::new();
    for row in rows {
        all.entry(column(&row, 1)).or_default().push(read(&row));
    }
    all
}

/// A definition that cannot be used must not take the others down with it. The functions refuse to make one, so that
/// only a hand that writes to the tables can.
fn webhook(
    row: &SpiHeapTupleData<'_>,
    parts: &mut Parts,
    library: &mut Library,
) -> Option<WebhookRead> {
    let id: i64 = column(row, 1);
    let endpoints = parts.endpoints.remove(&id)?;
    let subscriptions = parts.subscriptions.remove(&id).unwrap_or_default();
    let name = text(row, 2);
    let signature: String = column(row, 4);
    let (secrets, ends): (Vec<String>, Vec<_>) = parts
        .secrets
        .remove(&id)
        .unwrap_or_default()
        .into_iter()
        .unzip();
    let headers = parts.headers.remove(&id).unwrap_or_default();
    let (signing, headers) = match authenticated(&signature, &secrets, &ends, &headers) {
        Ok(both) => both,
        Err(problem) => {
            warning!("webhook \"{name}\" is left out: {problem}");
            return None;
        }
    };
    let Ok(ordering) = column::<String>(row, 5).parse::<Ordering>() else {
        warning!("webhook \"{name}\" is left out: its ordering is not valid");
        return None;
    };
    let Some(usual) = library.payload(text(row, 13)) else {
        warning!("webhook \"{name}\" is left out: its payload is not valid");
        return None;
    };
    let (payloads, subscriptions) = subscribed(&name, usual, subscriptions, library);
    let told_secrets = if payloads.disclose_secret() {
        authentication::told(&signature, secrets, &ends)
    } else {
        Box::default()
    };
    let milliseconds = |ms: i64| Duration::from_millis(ms.max(0) as u64);
    let waits = column::<Vec<i64>>(row, 8).into_iter();
    let retry_schedule = library.schedule(waits.map(milliseconds).collect());
    let paused: bool = column(row, 9);
    let webhook = Arc::new(Webhook {
        id,
        name: name.into(),
        signing,
        headers,
        ordering,
        max_in_flight: column::<i32>(row, 6).max(1) as u32,
        throttle: optional::<i32>(row, 10).map(|calls| Throttle {
            calls: calls.max(1) as u32,
            per: Duration::from_micros(column::<i64>(row, 11).max(1) as u64),
        }),
        batch_size: column::<i32>(row, 12).max(1) as u32,
        timeout: milliseconds(column(row, 7)),
        retry_schedule,
        payloads,
        handshake_key: optional_text(row, 14).map(Hidden::new),
        told_secrets,
    });
    let endpoint = |row: EndpointRow| {
        let endpoint = Endpoint {
            id: row.id,
            url: row.url,
            webhook: Arc::clone(&webhook),
            paused: paused || row.disabled,
            state_since: row.state_since,
        };
        (Arc::new(endpoint), row.since)
    };
    Some(WebhookRead {
        id,
        account: optional_text(row, 3).map(Arc::from),
        endpoints: endpoints.into_iter().map(endpoint).collect(),
        subscriptions,
    })
}

fn authenticated(
    signature: &str,
    secrets: &[String],
    ends: &[Option<f64>],
    headers: &[(String, String)],
) -> Result<(Signing, Headers), String> {
    let signing = authentication::signing(signature, secrets, ends)?;
    Ok((signing, authentication::headers(headers)?))
}

/// The payloads of a webhook, and the events that it is told of: those whose messages can become a body.
fn subscribed(
    name: &str,
    usual: Arc<Payload>,
    subscriptions: Vec<SubscriptionRow>,
    library: &mut Library,
) -> (Payloads, Vec<(i64, i64)>) {
    let mut payloads = Payloads {
        usual,
        ..Payloads::default()
    };
    let mut told = Vec::new();
    for subscription in subscriptions {
        let event_id = subscription.event_id;
        if let Some(text) = subscription.payload {
            let Some(payload) = library.payload(text) else {
                warning!(
                    "webhook \"{name}\" does not get event {event_id}: the payload is not valid"
                );
                continue;
            };
            payloads.by_event.insert(event_id, payload);
        }
        told.push((event_id, subscription.since));
    }
    (payloads, told)
}
