//! Payloads as the tables have them, each distinct text read once.

use std::collections::HashMap;
use std::sync::Arc;

use pgrx::spi::SpiClient;
use webhooks_delivery::payload::Payloads;
use webhooks_delivery::Payload;

use super::configuration::rows;
use crate::pg::encoding::{utf8, RawText};
use crate::pg::statement::column;

const OF_SUBSCRIPTIONS: &str = "
    SELECT s.webhook_id, s.event_id, s.payload::text
      FROM webhooks.subscription s
     WHERE s.payload IS NOT NULL";

/// What was read so far. `None` stands for what is no payload: the functions refuse it, so that only a hand that writes to
/// the tables can put it there.
#[derive(Default)]
pub struct Library {
    by_text: HashMap<String, Option<Arc<Payload>>>,
    /// Of subscriptions with a payload of their own: by webhook, then by event.
    own: HashMap<i64, HashMap<i64, Option<Arc<Payload>>>>,
}

impl Library {
    /// Reads the payloads of all subscriptions that have their own.
    pub fn load(client: &SpiClient<'_>) -> Self {
        let mut library = Self::default();
        for row in rows(client, OF_SUBSCRIPTIONS) {
            let (webhook_id, event_id) = (column(&row, 1), column(&row, 2));
            let payload = library.read(utf8(&column::<RawText>(&row, 3).0));
            let of_webhook = library.own.entry(webhook_id).or_default();
            of_webhook.insert(event_id, payload);
        }
        library
    }

    /// The payloads of a webhook whose own is this one. `None` if it is none.
    pub fn of_webhook(&mut self, webhook_id: i64, usual: RawText) -> Option<Payloads> {
        let usual = self.read(utf8(&usual.0))?;
        let own = self.own.get(&webhook_id).into_iter().flatten();
        let valid = own.filter_map(|(&event_id, payload)| Some((event_id, payload.clone()?)));
        Some(Payloads {
            usual,
            by_event: valid.collect(),
        })
    }

    /// Whether this subscription's messages can become a body.
    pub fn is_usable(&self, webhook_id: i64, event_id: i64) -> bool {
        let own = self.own.get(&webhook_id).and_then(|own| own.get(&event_id));
        !matches!(own, Some(None))
    }

    fn read(&mut self, text: String) -> Option<Arc<Payload>> {
        if let Some(payload) = self.by_text.get(&text) {
            return payload.clone();
        }
        let payload = Payload::parse(&text).ok().map(Arc::new);
        self.by_text.insert(text, payload.clone());
        payload
    }
}
