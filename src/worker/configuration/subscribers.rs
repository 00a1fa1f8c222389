//! Who is told, by event and account.

use std::collections::HashMap;
use std::sync::Arc;

use webhooks_delivery::Endpoint;

use super::few::Few;

/// An endpoint that gets an event's messages.
pub struct Subscriber {
    /// Where to.
    pub endpoint: Arc<Endpoint>,
    /// From this time on, as the server counts it.
    pub since: i64,
}

/// Who is told, by event.
#[derive(Default)]
pub struct Subscribers(HashMap<i64, OfEvent>);

/// Who is told of an event. However many accounts there are, a message costs the look-up of its own.
#[derive(Default)]
struct OfEvent {
    /// Of whatever account a message is, or none.
    of_all: Few<Subscriber>,
    /// Only of messages of an account.
    of_account: HashMap<Arc<str>, Few<Subscriber>>,
}

impl Subscribers {
    /// Who is told of an event's messages of an account, the oldest endpoints first.
    pub fn of(&self, event_id: i64, account: Option<&str>) -> impl Iterator<Item = &Subscriber> {
        let of_event = self.0.get(&event_id);
        let of_all = of_event.map(|of_event| &of_event.of_all);
        let of_account = of_event
            .zip(account)
            .and_then(|(of_event, account)| of_event.of_account.get(account));
        let lists = of_all.into_iter().chain(of_account);
        lists.flat_map(Few::as_slice)
    }

    /// Somebody is told of an event's messages of an account, or of any if there is none.
    pub fn add(&mut self, event_id: i64, account: Option<&Arc<str>>, subscriber: Subscriber) {
        let of_event = self.0.entry(event_id).or_default();
        let list = match account {
            None => &mut of_event.of_all,
            Some(account) => of_event.of_account.entry(Arc::clone(account)).or_default(),
        };
        let (id, others) = (subscriber.endpoint.id, list.as_slice());
        let place = others.partition_point(|other| other.endpoint.id < id);
        list.insert(place, subscriber);
    }

    /// The endpoints of a webhook, whose account this is, are told of the event no more.
    pub fn remove(&mut self, event_id: i64, account: Option<&str>, webhook_id: i64) {
        let Some(of_event) = self.0.get_mut(&event_id) else {
            return;
        };
        let stays = |subscriber: &Subscriber| subscriber.endpoint.webhook.id != webhook_id;
        match account {
            None => of_event.of_all.retain(stays),
            Some(account) => {
                if let Some(list) = of_event.of_account.get_mut(account) {
                    list.retain(stays);
                    if list.as_slice().is_empty() {
                        of_event.of_account.remove(account);
                    }
                }
            }
        }
        if of_event.of_all.as_slice().is_empty() && of_event.of_account.is_empty() {
            self.0.remove(&event_id);
        }
    }
}
