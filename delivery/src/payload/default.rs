//! The default: all there is about a message. The usual case, so that it only appends and looks into nothing.

use super::Context;
use super::write::{append_format, append_names, append_optional, append_rows, append_string};
use crate::date;
use crate::message::{Message, Operation};

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, message: &Message) {
    let event = &message.event;
    let updated = message.operation == Operation::Update;
    append_format(
        out,
        format_args!("{{\"eventId\":\"{}\",\"messageId\":\"", event.id),
    );
    message.id().append_to(out);
    append_format(
        out,
        format_args!("\",\"webhookId\":\"{}\",\"accountId\":", context.webhook_id),
    );
    append_optional(out, message.account.as_deref());
    out.extend_from_slice(b",\"eventDate\":\"");
    date::append_iso8601(out, message.at);
    out.extend_from_slice(b"\",\"eventType\":");
    append_string(out, message.event_type());
    if let Some(name) = &event.name {
        out.extend_from_slice(b",\"eventName\":");
        append_string(out, name);
    }
    out.extend_from_slice(b",\"objectSchema\":");
    append_optional(out, message.object_schema());
    out.extend_from_slice(b",\"objectName\":");
    append_optional(out, message.object_name());
    if message.operation == Operation::Emit {
        out.extend_from_slice(b",\"recordId\":");
        append_optional(out, message.record.as_deref());
    }
    if updated {
        out.extend_from_slice(b",\"objectFields\":");
        append_names(out, &message.changed);
    }
    out.extend_from_slice(b",\"data\":");
    append_rows(out, message.data.as_deref());
    if updated {
        out.extend_from_slice(b",\"old\":");
        append_rows(out, message.old.as_deref());
    }
    if let Some(bytes) = message.omitted {
        append_format(out, format_args!(",\"omittedBytes\":{bytes}"));
    }
    out.extend_from_slice(b",\"metadata\":");
    out.extend_from_slice(message.metadata.as_deref().unwrap_or("null").as_bytes());
    if let Some(handshake_key) = context.handshake_key {
        out.extend_from_slice(b",\"handshake_key\":");
        append_string(out, handshake_key);
    }
    out.push(b'}');
}
