//! The body of a call: the default payload, one message a call.

use std::io::Write;

use crate::date;
use crate::delivery::Delivery;
use crate::message::{Message, Operation};
use crate::webhook::Webhook;

/// Appends the body of a call with these deliveries: an object, or a list of them where the webhook has batches.
pub(crate) fn append_body(out: &mut Vec<u8>, webhook: &Webhook, deliveries: &[Delivery]) {
    let in_list = webhook.batch_size > 1;
    if in_list {
        out.push(b'[');
    }
    for (place, delivery) in deliveries.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        append_default(out, webhook.id, &delivery.message);
    }
    if in_list {
        out.push(b']');
    }
}

/// Appends the body for this message. Rows are embedded as the text they were captured with, so that a number keeps
/// every digit it had.
fn append_default(out: &mut Vec<u8>, webhook_id: i64, message: &Message) {
    let event = &message.event;
    let emitted = message.operation == Operation::Emit;
    append(
        out,
        format_args!("{{\"eventId\":\"{}\",\"messageId\":\"", event.id),
    );
    message.id().append_to(out);
    append(
        out,
        format_args!("\",\"webhookId\":\"{webhook_id}\",\"accountId\":null,\"eventDate\":\""),
    );
    date::append_iso8601(out, message.at);
    out.extend_from_slice(b"\",\"eventType\":");
    match &event.name {
        Some(name) if emitted => append_string(out, name),
        _ => append_string(out, &event.event_type),
    }
    if let Some(name) = &event.name {
        out.extend_from_slice(b",\"eventName\":");
        append_string(out, name);
    }
    out.extend_from_slice(b",\"objectSchema\":");
    append_optional(out, event.object_schema.as_deref().filter(|_| !emitted));
    out.extend_from_slice(b",\"objectName\":");
    append_optional(out, event.object_name.as_deref().filter(|_| !emitted));
    if emitted {
        out.extend_from_slice(b",\"recordId\":");
        append_optional(out, message.record.as_deref());
    }
    if message.operation == Operation::Update {
        out.extend_from_slice(b",\"objectFields\":");
        append_names(out, &message.changed);
    }
    out.extend_from_slice(b",\"data\":");
    append_rows(out, message.data.as_deref());
    if message.operation == Operation::Update {
        out.extend_from_slice(b",\"old\":");
        append_rows(out, message.old.as_deref());
    }
    out.extend_from_slice(b",\"metadata\":null}");
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

fn append_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is always JSON");
}

fn append_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => append_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

fn append_names(out: &mut Vec<u8>, names: &[String]) {
    out.push(b'[');
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        append_string(out, name);
    }
    out.push(b']');
}

fn append_rows(out: &mut Vec<u8>, row: Option<&str>) {
    out.push(b'[');
    out.extend_from_slice(row.unwrap_or_default().as_bytes());
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::Event;

    fn message(operation: Operation) -> Message {
        Message {
            seq: 42,
            at: 1_795_464_000_123_456,
            xid: 700,
            event: Arc::new(Event {
                id: 7,
                name: Some("lead:won".into()),
                event_type: "table.recordUpdate".into(),
                object_schema: Some("public".into()),
                object_name: Some("orders".into()),
            }),
            operation,
            record: Some("1".into()),
            changed: vec!["status".into()],
            data: Some(r#"{"id":1,"status":"shipped"}"#.into()),
            old: Some(r#"{"status":"new"}"#.into()),
        }
    }

    fn body(message: &Message) -> String {
        let mut out = Vec::new();
        append_default(&mut out, 3, message);
        let _: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_update_tells_what_changed() {
        assert_eq!(
            body(&message(Operation::Update)),
            concat!(
                r#"{"eventId":"7","messageId":"msg_001j0us4uuci0000000000001a","webhookId":"3","#,
                r#""accountId":null,"eventDate":"2026-11-23T20:00:00.123456Z","#,
                r#""eventType":"table.recordUpdate","eventName":"lead:won","objectSchema":"public","#,
                r#""objectName":"orders","objectFields":["status"],"#,
                r#""data":[{"id":1,"status":"shipped"}],"old":[{"status":"new"}],"metadata":null}"#
            )
        );
    }

    #[test]
    fn inserts_and_deletes_have_no_old_row() {
        for operation in [Operation::Insert, Operation::Delete] {
            let body = body(&message(operation));
            assert!(!body.contains("\"old\""), "{body}");
            assert!(!body.contains("objectFields"), "{body}");
            assert!(!body.contains("recordId"), "{body}");
            assert!(body.ends_with(
                r#""objectName":"orders","data":[{"id":1,"status":"shipped"}],"metadata":null}"#
            ));
        }
    }

    #[test]
    fn an_unnamed_event_has_no_name() {
        let mut message = message(Operation::Insert);
        Arc::make_mut(&mut message.event).name = None;
        let body = body(&message);
        assert!(!body.contains("eventName"), "{body}");
        assert!(body.contains(r#""eventType":"table.recordUpdate","objectSchema""#));
    }

    #[test]
    fn an_emitted_message_is_about_its_record() {
        let body = body(&message(Operation::Emit));
        assert!(
            body.ends_with(concat!(
                r#""eventType":"lead:won","eventName":"lead:won","objectSchema":null,"#,
                r#""objectName":null,"recordId":"1","data":[{"id":1,"status":"shipped"}],"metadata":null}"#
            )),
            "{body}"
        );
    }

    #[test]
    fn nothing_emitted_is_an_empty_list() {
        let mut message = message(Operation::Emit);
        (message.data, message.record) = (None, None);
        let body = body(&message);
        assert!(
            body.ends_with(r#""recordId":null,"data":[],"metadata":null}"#),
            "{body}"
        );
    }

    #[test]
    fn names_are_escaped_and_rows_are_left_alone() {
        let mut message = message(Operation::Update);
        message.changed = vec!["say \"hi\"\n".into(), "größe".into()];
        message.data = Some(r#"{"n":1.10000000000000000000001,"z":1.0e-7}"#.into());
        Arc::make_mut(&mut message.event).object_name = Some("a\\b\"\u{1}".into());
        let body = body(&message);
        assert!(
            body.contains(r#""objectFields":["say \"hi\"\n","größe"]"#),
            "{body}"
        );
        assert!(
            body.contains(r#""data":[{"n":1.10000000000000000000001,"z":1.0e-7}]"#),
            "{body}"
        );
        assert!(body.contains(r#""objectName":"a\\b\"\u0001""#), "{body}");
    }
}
