//! A call as it would be made, for people to look at.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ureq::http::HeaderValue;

use crate::delivery::{Batch, Delivery};
use crate::message::Message;
use crate::payload::TooLarge;
use crate::request::{Occasion, Request};
use crate::settings::Settings;
use crate::webhook::Endpoint;

/// A call that is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Names and values, but for those that HTTP itself adds.
    pub headers: Vec<(String, String)>,
    /// What would be sent.
    pub body: String,
}

/// What stands in place of a value that is nobody's business.
const MASK: &str = "***";

impl Preview {
    /// The first attempt to bring this message to this endpoint, made at this time. `random` is the part of the call's
    /// id that tells it from others.
    pub fn new(
        endpoint: Arc<Endpoint>,
        message: Arc<Message>,
        at: SystemTime,
        random: u64,
        settings: &Settings,
    ) -> Result<Preview, TooLarge> {
        let delivery = Delivery {
            endpoint,
            message,
            attempt: 1,
            first_attempt_at: None,
            stored: false,
            since: Instant::now(),
            generation: 0,
        };
        let batch = Batch {
            begun: delivery.since,
            deliveries: vec![delivery],
        };
        let mut request = Request::default();
        request.make(&batch, Occasion { at, random }, settings)?;
        let own = ("user-agent".to_owned(), settings.user_agent.clone());
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), shown(value)));
        Ok(Preview {
            headers: headers.chain([own]).collect(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        })
    }
}

/// Values that a user keeps to himself are marked as sensitive.
fn shown(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        return MASK.to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{delivery, endpoint, settings};

    #[test]
    fn a_preview_is_the_call_as_the_sender_would_make_it() {
        let endpoint = endpoint();
        let message = delivery(&endpoint, 42).message;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_464_000);
        let preview = Preview::new(endpoint, message, at, 7, &settings()).unwrap();
        let header = |name: &str| {
            let mut found = preview.headers.iter().filter(|(given, _)| given == name);
            let (_, value) = found.next().expect("the header");
            assert!(found.next().is_none(), "{name} is there twice");
            value.as_str()
        };
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("webhook-id"), "msg_001j0us4uqk00000000000001a");
        assert_eq!(header("idempotency-key"), header("webhook-id"));
        assert_eq!(header("webhook-timestamp"), "1795464000");
        assert_eq!(header("webhook-attempt"), "1");
        assert_eq!(header("user-agent"), "pg-webhooks/test");
        assert!(header("webhook-signature").starts_with("v1,"));
        assert!(
            preview.body.starts_with(r#"{"eventId":"7","#),
            "{}",
            preview.body
        );
    }

    #[test]
    fn what_is_sensitive_is_masked() {
        let mut value = HeaderValue::from_static("Bearer abc");
        assert_eq!(shown(&value), "Bearer abc");
        value.set_sensitive(true);
        assert_eq!(shown(&value), "***");
    }
}
