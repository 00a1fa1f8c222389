//! As HubSpot's webhooks: always an array, with one element for a record that came or went and one for each property of
//! a record that changed. Ids are numbers, times are milliseconds since the Unix epoch, attempts count from 0.

use std::borrow::Cow;

use super::values::Document;
use super::write::Object;
use super::{Context, Item};
use crate::message::{Message, Operation};

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, items: &[Item<'_>]) {
    let mut separator = b'[';
    let mut append = |item: &Item<'_>, property: Option<(&str, Option<&str>)>| {
        out.push(separator);
        separator = b',';
        append_element(out, context, item, property);
    };
    for item in items {
        if item.message.operation == Operation::Update {
            let row = Document::new(item.message.data.as_deref());
            for name in &item.message.changed {
                append(item, Some((name, row.member(name))));
            }
        } else {
            append(item, None);
        }
    }
    if separator == b'[' {
        out.push(b'[');
    }
    out.push(b']');
}

fn append_element(
    out: &mut Vec<u8>,
    context: &Context<'_>,
    item: &Item<'_>,
    property: Option<(&str, Option<&str>)>,
) {
    let message = item.message;
    let mut element = Object::new(out);
    element.record("objectId", message.subject());
    if let Some((name, value)) = property {
        element.string("propertyName", name);
        // Where the event's own data has no such key nobody knows the value. Null would say that it is gone.
        if value.is_some() {
            element.json("propertyValue", value);
        }
    }
    element.string("changeSource", "DATABASE");
    element.number("eventId", message.seq);
    element.number("subscriptionId", message.event.id);
    element.record("portalId", message.account.as_deref());
    element.number("appId", context.webhook_id);
    element.number("occurredAt", message.at.div_euclid(1000));
    element.string("eventType", &event_type(message));
    element.number("attemptNumber", i64::from(item.attempt) - 1);
}

fn event_type(message: &Message) -> Cow<'_, str> {
    let done = match message.operation {
        Operation::Insert => "creation",
        Operation::Update => "propertyChange",
        Operation::Delete => "deletion",
        Operation::Truncate => "truncation",
        Operation::Emit => return message.event_type().into(),
    };
    format!("{}.{done}", message.object_name().unwrap_or_default()).into()
}
