//! Deliveries to test with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::delivery::Delivery;
use crate::headers::Headers;
use crate::message::{Event, Message, Operation};
use crate::payload::Payloads;
use crate::settings::Settings;
use crate::signing::{Scheme, Signing};
use crate::webhook::{Endpoint, Ordering, Webhook};

/// To an endpoint that answers in the test itself; no message is about any record.
pub(crate) fn endpoint() -> Arc<Endpoint> {
    Arc::new(Endpoint {
        id: 1,
        url: "https://example.com/".into(),
        webhook: Arc::new(Webhook {
            id: 3,
            name: "shipping".into(),
            signing: Signing::new(
                Scheme::Standard,
                [("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None)],
            )
            .unwrap(),
            headers: Headers::default(),
            ordering: Ordering::Record,
            max_in_flight: 1000,
            throttle: None,
            batch_size: 1,
            timeout: Duration::from_secs(15),
            retry_schedule: [Duration::from_secs(100)].into(),
            payloads: Payloads::default(),
            handshake_key: None,
            told_secrets: Box::default(),
        }),
        paused: false,
        state_since: 0,
    })
}

pub(crate) fn delivery(endpoint: &Arc<Endpoint>, seq: i64) -> Delivery {
    let event = Event {
        id: 7,
        name: None,
        event_type: "table.recordInsert".into(),
        object_schema: Some("public".into()),
        object_name: Some("orders".into()),
        has_data: false,
    };
    let message = Message {
        seq,
        at: 1_795_464_000_000_000,
        xid: 700,
        event: Arc::new(event),
        operation: Operation::Insert,
        record: None,
        primary_key: None,
        changed: Vec::new(),
        data: Some("{}".into()),
        old: None,
        account: None,
        metadata: None,
        omitted: None,
    };
    Delivery {
        endpoint: Arc::clone(endpoint),
        message: Arc::new(message),
        attempt: 1,
        first_attempt_at: None,
        stored: false,
        since: Instant::now(),
        generation: 0,
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
        allow_http: true,
        authorities: Default::default(),
        max_response_bytes: 1000,
        user_agent: "pg-webhooks/test".into(),
        integration_url: String::new(),
    }
}
