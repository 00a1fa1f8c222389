//! Endpoints, messages and deliveries to test with.
#![allow(dead_code, reason = "each test crate uses its part")]

pub mod receiver;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use webhooks_delivery::payload::Payloads;
use webhooks_delivery::{
    Batch, Delivery, Effect, Endpoint, Event, Finished, Message, Operation, Ordering, Scheme,
    Settings, Signing, Verdict, Webhook,
};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn webhook() -> Webhook {
    Webhook {
        id: 3,
        name: "shipping".into(),
        signing: Signing::new(Scheme::Standard, [(SECRET, None)]).unwrap(),
        headers: Default::default(),
        ordering: Ordering::Record,
        max_in_flight: 8,
        throttle: None,
        batch_size: 1,
        timeout: Duration::from_secs(20),
        retry_schedule: [Duration::from_secs(5)].into(),
        payloads: Payloads::default(),
        handshake_key: None,
        told_secrets: Box::default(),
    }
}

pub fn endpoint(id: i64, url: &str, webhook: Webhook) -> Arc<Endpoint> {
    Arc::new(Endpoint {
        id,
        url: url.into(),
        webhook: Arc::new(webhook),
        paused: false,
        state_since: 0,
    })
}

pub fn event(object_name: &str) -> Arc<Event> {
    Arc::new(Event {
        id: 7,
        name: None,
        event_type: "table.recordInsert".into(),
        object_schema: Some("public".into()),
        object_name: Some(object_name.into()),
        has_data: false,
    })
}

pub fn message(seq: i64, record: Option<&str>) -> Message {
    Message {
        seq,
        at: 1_795_464_000_000_000 + seq,
        xid: 700,
        event: event("orders"),
        operation: Operation::Insert,
        record: record.map(str::to_owned),
        primary_key: None,
        changed: Vec::new(),
        data: Some(format!(r#"{{"id":{seq}}}"#)),
        old: None,
        account: None,
        metadata: None,
        omitted: None,
    }
}

pub fn delivery(endpoint: &Arc<Endpoint>, message: Message) -> Delivery {
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

/// The end of a call, as the sender reports it.
pub fn finished(batch: Batch, verdict: Verdict, effect: Effect) -> Finished {
    Finished {
        verdicts: vec![verdict; batch.deliveries.len()],
        batch,
        effect,
        started_at: SystemTime::UNIX_EPOCH,
        duration: Duration::ZERO,
        status: None,
        error: None,
        response: None,
    }
}

/// Settings under which the loopback network may be called.
pub fn settings() -> Settings {
    Settings {
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        allow_http: true,
        authorities: Default::default(),
        max_response_bytes: 1000,
        user_agent: "pg-webhooks/test".into(),
        integration_url: String::new(),
    }
}
