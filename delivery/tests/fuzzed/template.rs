//! Payloads, with messages to fill them: whatever a user writes is refused in words or gives bodies that are JSON.

use std::sync::Arc;

use serde_json::value::RawValue;
use webhooks_delivery::payload::{Context, Item, TooLarge};
use webhooks_delivery::{Event, Message, Operation, Payload};

/// The input is a payload, and after a NUL each: the row, the old one, the metadata.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let mut texts = text.split('\0');
    let payload = match Payload::parse(texts.next().unwrap_or_default()) {
        Ok(payload) => payload,
        Err(problem) => {
            assert!(!problem.to_string().is_empty() && !problem.hint().is_empty());
            return;
        }
    };
    let mut json = || texts.next().filter(|text| is_json(text)).map(str::to_owned);
    let (data, old, metadata) = (json(), json(), json());
    for used in payload.columns() {
        assert!(!used.column.is_empty() && used.position.character > 0);
    }
    for operation in [Operation::Insert, Operation::Update, Operation::Emit] {
        let message = message(operation, &data, &old, &metadata);
        check_bodies(&payload, &message);
    }
}

fn check_bodies(payload: &Payload, message: &Message) {
    let context = Context {
        webhook_id: 3,
        webhook_name: "shipping",
        secret: Some("whsec_\"x\""),
        handshake_key: Some("key"),
        call_id: "call_1",
        integration_url: "https://example.com/",
    };
    let item = Item {
        message,
        attempt: 1,
    };
    for (items, batched) in [(&[item][..], false), (&[item, item], true)] {
        let mut body = Vec::new();
        match payload.append(&mut body, &context, items, batched) {
            Ok(()) => {
                let body = str::from_utf8(&body).expect("UTF-8");
                assert!(is_json(body), "{body}");
            }
            Err(TooLarge) => assert!(body.len() > 64 * 1024 * 1024),
        }
    }
}

fn message(
    operation: Operation,
    data: &Option<String>,
    old: &Option<String>,
    metadata: &Option<String>,
) -> Message {
    Message {
        seq: 42,
        at: 1_795_464_000_123_456,
        xid: 700,
        event: Arc::new(Event {
            id: 7,
            name: (operation == Operation::Emit).then(|| "foo.bar".to_owned()),
            event_type: "table.recordUpdate".into(),
            object_schema: Some("public".into()),
            object_name: Some("orders".into()),
            has_data: operation == Operation::Update,
        }),
        operation,
        record: Some("1".into()),
        primary_key: None,
        changed: vec!["a".into()],
        data: data.clone(),
        old: old.clone(),
        account: None,
        metadata: metadata.clone(),
        omitted: None,
    }
}

/// JSON as Postgres takes it for `json`: of any depth, escapes of half a character included.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}
