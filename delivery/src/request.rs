//! What goes over the wire in one call: headers and body, but for what HTTP itself adds.

use std::time::SystemTime;

use ureq::http::{HeaderName, HeaderValue, header};

use crate::delivery::{Batch, Delivery};
use crate::message;
use crate::payload::{Context, Item, TooLarge};
use crate::settings::Settings;
use crate::signing::Content;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const WEBHOOK_ATTEMPT: HeaderName = HeaderName::from_static("webhook-attempt");
const WEBHOOK_OMITTED_BYTES: HeaderName = HeaderName::from_static("webhook-omitted-bytes");
/// The word for messages about different events in one call.
const MIXED: &str = "batch";

/// A body larger than this does not keep its memory for the next one.
const KEEP_BODY_BYTES: usize = 64 * 1024;

/// Headers and body of a call. Made anew for each, with the memory of the one before.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
}

/// What makes one call different from the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    /// When it is made.
    pub(crate) at: SystemTime,
    /// Tells it from others of the same time.
    pub(crate) random: u64,
}

impl Request {
    /// Makes it the one that brings these deliveries.
    pub(crate) fn make(
        &mut self,
        batch: &Batch,
        occasion: Occasion,
        settings: &Settings,
    ) -> Result<(), TooLarge> {
        self.body.clear();
        self.body.shrink_to(KEEP_BODY_BYTES);
        self.headers.clear();
        let (first, webhook) = (&batch.deliveries[0], &batch.endpoint().webhook);
        let call_id = message::call_id(unix_micros(occasion.at), occasion.random);
        let context = Context::of(webhook, occasion.at, &call_id, &settings.integration_url);
        let batched = webhook.batch_size > 1;
        // All that is in one call has the same payload: the lane sees to it.
        let payload = webhook.payloads.of(first.message.event.id);
        match batch.deliveries.as_slice() {
            [delivery] => {
                payload.append(&mut self.body, &context, &[item(delivery)], batched)?;
            }
            several => {
                let items: Vec<Item<'_>> = several.iter().map(item).collect();
                payload.append(&mut self.body, &context, &items, batched)?;
            }
        }
        let id = batch.id();
        let content_type = HeaderValue::from_static(payload.content_type(batched));
        self.headers.extend([
            (header::CONTENT_TYPE, content_type),
            (
                IDEMPOTENCY_KEY,
                HeaderValue::from_str(&id).expect("an id is ASCII"),
            ),
            (WEBHOOK_ATTEMPT, HeaderValue::from(first.attempt)),
        ]);
        let omitted = batch.deliveries.iter().map(|d| d.message.omitted);
        let omitted: u64 = omitted.flatten().map(u64::from).sum();
        // Most payloads have no place for it.
        if omitted > 0 {
            self.headers
                .push((WEBHOOK_OMITTED_BYTES, HeaderValue::from(omitted)));
        }
        let content = Content {
            id: &id,
            at: occasion.at,
            event: event_of(&batch.deliveries),
            body: &self.body,
        };
        webhook.signing.sign(&content, &mut self.headers);
        self.headers.extend(webhook.headers.iter().cloned());
        Ok(())
    }
}

fn item(delivery: &Delivery) -> Item<'_> {
    Item {
        message: &delivery.message,
        attempt: delivery.attempt,
    }
}

/// What a call tells about, in one word: the name that all its messages share, if they do.
fn event_of(deliveries: &[Delivery]) -> &str {
    let mut labels = deliveries
        .iter()
        .map(|delivery| delivery.message.event.label());
    let first = labels.next().unwrap_or_default();
    if labels.all(|label| label == first) {
        first
    } else {
        MIXED
    }
}

/// Microseconds since the Unix epoch.
pub(crate) fn unix_micros(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixtures::{delivery, endpoint, settings};

    #[test]
    fn what_a_call_leaves_out_is_said_by_a_header() {
        let endpoint = endpoint();
        for omitted in [None, Some(20_000_000)] {
            let mut delivery = delivery(&endpoint, 1);
            Arc::make_mut(&mut delivery.message).omitted = omitted;
            let batch = Batch {
                begun: delivery.since,
                deliveries: vec![delivery],
            };
            let occasion = Occasion {
                at: SystemTime::UNIX_EPOCH,
                random: 0,
            };
            let mut request = Request::default();
            request.make(&batch, occasion, &settings()).unwrap();
            let header = request
                .headers
                .iter()
                .find(|(name, _)| name == WEBHOOK_OMITTED_BYTES);
            let expected = omitted.map(|bytes| HeaderValue::from(bytes as u64));
            assert_eq!(header.map(|(_, value)| value), expected.as_ref());
        }
    }

    #[test]
    fn a_call_is_named_after_its_events_where_they_have_one_name() {
        let endpoint = endpoint();
        let about = |name: Option<&str>, event_type: &str| {
            let mut delivery = delivery(&endpoint, 1);
            let mut message = (*delivery.message).clone();
            let mut event = (*message.event).clone();
            event.name = name.map(str::to_owned);
            event.event_type = event_type.to_owned();
            message.event = event.into();
            delivery.message = message.into();
            delivery
        };
        let unnamed = about(None, "table.recordInsert");
        let won = about(Some("lead:won"), "table.recordUpdate");
        let lost = about(Some("lead:lost"), "table.recordUpdate");
        for (deliveries, word) in [
            (vec![unnamed.clone()], "table.recordInsert"),
            (vec![won.clone()], "lead:won"),
            (vec![won.clone(), won.clone()], "lead:won"),
            (vec![won.clone(), lost], "batch"),
            (vec![won, unnamed], "batch"),
        ] {
            assert_eq!(event_of(&deliveries), word);
        }
    }
}
