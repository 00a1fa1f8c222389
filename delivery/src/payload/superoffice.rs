//! As SuperOffice's webhooks: which record it is about and which fields, by name. The receiver fetches the rest.

use std::borrow::Cow;

use super::Context;
use super::write::{Object, append_names};
use crate::json;
use crate::message::{Message, Operation};

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, message: &Message) {
    let mut body = Object::new(out);
    body.string("EventId", &message.id().to_string());
    body.time("Timestamp", message.at);
    body.string("Event", &event(message));
    body.optional("Entity", entity(message));
    body.record("PrimaryKey", message.subject());
    append_names(body.value("Changes"), &changes(message));
    body.json("ChangedByAssociateId", associate(message));
    body.string("WebhookName", context.webhook_name);
    body.handshake(context.handshake_key);
}

/// The event's name, such as `contact.changed`; an event without one gets the name it would have there.
fn event(message: &Message) -> Cow<'_, str> {
    let done = match message.operation {
        _ if message.event.name.is_some() => return message.event.label().into(),
        Operation::Insert => "created",
        Operation::Update => "changed",
        Operation::Delete => "deleted",
        Operation::Truncate => "truncated",
        Operation::Emit => return message.event.label().into(),
    };
    format!("{}.{done}", message.object_name().unwrap_or_default()).into()
}

/// The table; of an event that was emitted, what stands before the dot: `foo` of `foo.bar`, `webhook` of `webhook7.errors`.
fn entity(message: &Message) -> Option<&str> {
    message.object_name().or_else(|| {
        let (entity, _) = message.event_type().split_once('.')?;
        Some(entity)
    })
}

/// What an update changed, what a new record has, or what was given to `emit`.
fn changes(message: &Message) -> Cow<'_, [String]> {
    match message.operation {
        Operation::Update => (&message.changed).into(),
        Operation::Delete | Operation::Truncate => Vec::new().into(),
        Operation::Insert | Operation::Emit => {
            let mut names = Vec::new();
            json::members(message.data.as_deref().unwrap_or_default(), |key, _| {
                names.extend(json::string(key).map(Cow::into_owned));
            });
            names.into()
        }
    }
}

/// `{"user": {"id": …}}` of `webhooks.metadata`, as it is there.
fn associate(message: &Message) -> Option<&str> {
    json::member(json::member(message.metadata.as_deref()?, "user")?, "id")
}
