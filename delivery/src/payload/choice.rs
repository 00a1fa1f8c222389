//! Which payload a message has, and what a body tells that is nobody else's business.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Payload;
use crate::message::Message;

/// The payloads of a webhook.
#[derive(Debug, Clone)]
pub struct Payloads {
    /// For the events that have none of their own.
    pub usual: Arc<Payload>,
    /// Of subscriptions with one of their own, by the event's id.
    pub by_event: BTreeMap<i64, Arc<Payload>>,
}

impl Payloads {
    /// The payload of an event's messages.
    pub fn of(&self, event_id: i64) -> &Payload {
        self.by_event.get(&event_id).unwrap_or(&self.usual)
    }

    /// Whether two messages may be in one call: they have the same payload, and it has room for both.
    pub fn share_call(&self, one: &Message, other: &Message) -> bool {
        let payload = self.of(one.event.id);
        std::ptr::eq(payload, self.of(other.event.id)) && payload.shares_call(one, other)
    }

    /// Whether any body tells the webhook's secret.
    pub fn disclose_secret(&self) -> bool {
        let mut all = self.by_event.values().chain([&self.usual]);
        all.any(|payload| payload.discloses_secret())
    }
}

impl Default for Payloads {
    fn default() -> Self {
        Payloads {
            usual: Arc::new(Payload::Default),
            by_event: BTreeMap::new(),
        }
    }
}

/// A text that is sent in bodies and shown nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Box<str>);

impl Hidden {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Hidden(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Operation;
    use crate::payload::sample::{message, payload};

    #[test]
    fn a_subscriptions_own_payload_goes_before_the_webhooks() {
        let mut other = message(Operation::Insert);
        let one = other.clone();
        Arc::make_mut(&mut other.event).id = 8;
        let mut payloads = Payloads::default();
        assert!(payloads.share_call(&one, &other));
        payloads
            .by_event
            .insert(8, Arc::new(payload("\"hubspot\"")));
        assert!(matches!(payloads.of(7), Payload::Default));
        assert!(matches!(payloads.of(8), Payload::HubSpot));
        assert!(!payloads.share_call(&one, &other));
        payloads.usual = Arc::clone(&payloads.by_event[&8]);
        assert!(payloads.share_call(&one, &other));
        payloads.usual = Arc::new(Payload::Capsule);
        payloads.by_event.clear();
        assert!(payloads.share_call(&one, &one) && !payloads.share_call(&one, &other));
    }

    #[test]
    fn only_a_template_that_names_the_secret_discloses_it() {
        let mut payloads = Payloads::default();
        assert!(!payloads.disclose_secret());
        payloads
            .by_event
            .insert(1, Arc::new(payload(r#"["[@field:secret]"]"#)));
        assert!(!payloads.disclose_secret());
        payloads
            .by_event
            .insert(2, Arc::new(payload(r#"{"a":"<[@out-hook:secret]>"}"#)));
        assert!(payloads.disclose_secret());
    }

    #[test]
    fn what_is_hidden_is_not_shown() {
        assert_eq!(format!("{:?}", Hidden::new("a".into())), "Hidden");
    }
}
