//! Messages and calls to test payloads with.

use std::sync::Arc;

use super::{Context, Item, Payload};
use crate::message::{Event, Message, Operation};

pub(super) const CONTEXT: Context<'static> = Context {
    webhook_id: 3,
    webhook_name: "shipping",
    secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    handshake_key: None,
    call_id: "call_1",
    integration_url: "",
};

pub(super) const KEYED: Context<'static> = Context {
    handshake_key: Some("gfhkd1\"asfsa"),
    ..CONTEXT
};

/// About a row of `public.orders`; the event is named `lead:won`.
pub(super) fn message(operation: Operation) -> Message {
    let event_type = match operation {
        Operation::Insert => "table.recordInsert",
        Operation::Update => "table.recordUpdate",
        Operation::Delete => "table.recordDelete",
        Operation::Truncate => "table.truncate",
        Operation::Emit => "lead:won",
    };
    let updated = operation == Operation::Update;
    Message {
        seq: 42,
        at: 1_795_464_000_123_456,
        xid: 700,
        event: Arc::new(Event {
            id: 7,
            name: Some("lead:won".into()),
            event_type: event_type.into(),
            object_schema: Some("public".into()),
            object_name: Some("orders".into()),
            has_data: false,
        }),
        operation,
        record: Some("1".into()),
        primary_key: None,
        changed: if updated {
            vec!["status".into()]
        } else {
            Vec::new()
        },
        data: Some(r#"{"id":1,"status":"shipped"}"#.into()),
        old: updated.then(|| r#"{"status":"new"}"#.into()),
        account: None,
        metadata: None,
        omitted: None,
    }
}

/// The same of an event without a name.
pub(super) fn unnamed(operation: Operation) -> Message {
    let mut message = message(operation);
    Arc::make_mut(&mut message.event).name = None;
    message
}

pub(super) fn payload(text: &str) -> Payload {
    Payload::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

/// The body with these messages, each at the attempt beside it.
pub(super) fn body_of(
    payload: &Payload,
    context: &Context<'_>,
    items: &[(&Message, u32)],
    batched: bool,
) -> String {
    let items: Vec<Item<'_>> = items
        .iter()
        .map(|&(message, attempt)| Item { message, attempt })
        .collect();
    let mut out = Vec::new();
    payload
        .append(&mut out, context, &items, batched)
        .expect("a body");
    let body = String::from_utf8(out).expect("UTF-8");
    serde_json::from_str::<&serde_json::value::RawValue>(&body)
        .unwrap_or_else(|error| panic!("{error}: {body}"));
    body
}

/// The body with one message, in a webhook that makes no batches.
pub(super) fn body(preset: &str, context: &Context<'_>, message: &Message) -> String {
    body_of(
        &payload(&format!("\"{preset}\"")),
        context,
        &[(message, 1)],
        false,
    )
}

/// The body of a webhook that makes batches.
pub(super) fn batch(preset: &str, context: &Context<'_>, messages: &[&Message]) -> String {
    let items: Vec<(&Message, u32)> = messages.iter().map(|&message| (message, 1)).collect();
    body_of(&payload(&format!("\"{preset}\"")), context, &items, true)
}
