//! What stands in brackets in a template: `[@out-hook:eventId]`, `[@field:status]`.

use std::borrow::Cow;

use super::values::Document;
use super::write::{append_escaped, append_names, append_string};
use super::{Context, Item};
use crate::date;
use crate::json;
use crate::message::Operation;

/// All there are, as users write them, without the brackets.
pub(super) const PLACEHOLDERS: &[&str] = &[
    "out-hook:eventId",
    "out-hook:messageId",
    "out-hook:callId",
    "out-hook:webhookId",
    "out-hook:accountId",
    "out-hook:secret",
    "out-hook:eventDate",
    "out-hook:eventType",
    "out-hook:objectName",
    "out-hook:objectFields",
    "out-hook:eventName",
    "out-hook:attempt",
    "out-hook:handshakeKey",
    "sys:IntegrationURL",
    "field:<column>",
    "old:<column>",
    "data:<path>",
    "metadata:<path>",
    "data",
    "old",
    "metadata",
];

/// What a placeholder stands for. An empty path is all of the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    EventId,
    MessageId,
    CallId,
    WebhookId,
    AccountId,
    Secret,
    EventDate,
    EventType,
    ObjectName,
    ObjectFields,
    EventName,
    Attempt,
    HandshakeKey,
    IntegrationUrl,
    /// The row, or what stands in its place.
    Data(Vec<String>),
    /// The changed columns before an update.
    Old(Vec<String>),
    Metadata(Vec<String>),
}

/// Why a text is no placeholder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAPlaceholder {
    Unknown,
    /// A name or a step of a path is missing.
    Empty,
}

/// A column of the event's table that a placeholder names.
pub(super) struct Column {
    pub(super) name: String,
    /// As it was before the update.
    pub(super) old: bool,
}

impl Placeholder {
    /// Reads what stands between `[@` and `]`.
    pub(super) fn parse(text: &str) -> Result<(Placeholder, Option<Column>), NotAPlaceholder> {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        let path = |name: &str| {
            let steps: Vec<String> = name.split('.').map(str::to_owned).collect();
            let complete = steps.iter().all(|step| !step.is_empty());
            complete.then_some(steps).ok_or(NotAPlaceholder::Empty)
        };
        let column = |name: &str, old| match name {
            "" => Err(NotAPlaceholder::Empty),
            _ => Ok(Some(Column {
                name: name.to_owned(),
                old,
            })),
        };
        let placeholder = match (kind, name) {
            ("out-hook", Some(name)) => Placeholder::of_call(name)?,
            ("sys", Some("IntegrationURL")) => Placeholder::IntegrationUrl,
            ("field", Some(name)) => {
                return Ok((
                    Placeholder::Data(vec![name.to_owned()]),
                    column(name, false)?,
                ));
            }
            ("old", Some(name)) => {
                return Ok((Placeholder::Old(vec![name.to_owned()]), column(name, true)?));
            }
            ("data", Some(name)) => Placeholder::Data(path(name)?),
            ("metadata", Some(name)) => Placeholder::Metadata(path(name)?),
            ("data", None) => Placeholder::Data(Vec::new()),
            ("old", None) => Placeholder::Old(Vec::new()),
            ("metadata", None) => Placeholder::Metadata(Vec::new()),
            _ => return Err(NotAPlaceholder::Unknown),
        };
        Ok((placeholder, None))
    }

    fn of_call(name: &str) -> Result<Placeholder, NotAPlaceholder> {
        Ok(match name {
            "eventId" => Placeholder::EventId,
            "messageId" => Placeholder::MessageId,
            "callId" => Placeholder::CallId,
            "webhookId" => Placeholder::WebhookId,
            "accountId" => Placeholder::AccountId,
            "secret" => Placeholder::Secret,
            "eventDate" => Placeholder::EventDate,
            "eventType" => Placeholder::EventType,
            "objectName" => Placeholder::ObjectName,
            "objectFields" => Placeholder::ObjectFields,
            "eventName" => Placeholder::EventName,
            "attempt" => Placeholder::Attempt,
            "handshakeKey" => Placeholder::HandshakeKey,
            _ => return Err(NotAPlaceholder::Unknown),
        })
    }

    /// What it stands for in this call; `None` where the message has no such thing.
    pub(super) fn value<'a>(&self, source: &Source<'a>) -> Option<Value<'a>> {
        let Source { context, item, .. } = source;
        let message = item.message;
        match self {
            Placeholder::EventId => Some(Value::owned(message.event.id.to_string())),
            Placeholder::MessageId => Some(Value::owned(message.id().to_string())),
            Placeholder::CallId => Some(Value::text(context.call_id)),
            Placeholder::WebhookId => Some(Value::owned(context.webhook_id.to_string())),
            Placeholder::AccountId => message.account.as_deref().map(Value::text),
            Placeholder::Secret => context.secret.map(Value::text),
            Placeholder::EventDate => {
                let mut date = Vec::new();
                date::append_iso8601(&mut date, message.at);
                Some(Value::owned(String::from_utf8_lossy(&date).into_owned()))
            }
            Placeholder::EventType => Some(Value::text(message.event_type())),
            Placeholder::ObjectName => message.object_name().map(Value::text),
            Placeholder::ObjectFields => (message.operation == Operation::Update).then(|| {
                let mut names = Vec::new();
                append_names(&mut names, &message.changed);
                Value::Json(String::from_utf8_lossy(&names).into_owned().into())
            }),
            Placeholder::EventName => message.event.name.as_deref().map(Value::text),
            Placeholder::Attempt => Some(Value::Json(item.attempt.to_string().into())),
            Placeholder::HandshakeKey => context.handshake_key.map(Value::text),
            Placeholder::IntegrationUrl => Some(Value::text(context.integration_url))
                .filter(|_| !context.integration_url.is_empty()),
            Placeholder::Data(path) => source.data.at(path).map(Value::json),
            Placeholder::Old(path) => source.old.at(path).map(Value::json),
            Placeholder::Metadata(path) => source.metadata.at(path).map(Value::json),
        }
    }
}

/// Where values come from: a message on its way.
pub(super) struct Source<'a> {
    context: &'a Context<'a>,
    item: &'a Item<'a>,
    data: Document<'a>,
    old: Document<'a>,
    metadata: Document<'a>,
}

impl<'a> Source<'a> {
    pub(super) fn new(context: &'a Context<'a>, item: &'a Item<'a>) -> Self {
        let message = item.message;
        Source {
            context,
            item,
            data: Document::new(message.data.as_deref()),
            old: Document::new(message.old.as_deref()),
            metadata: Document::new(message.metadata.as_deref()),
        }
    }
}

/// What a placeholder stands for.
pub(super) enum Value<'a> {
    /// Characters.
    Text(Cow<'a, str>),
    /// A value as it is written in JSON.
    Json(Cow<'a, str>),
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }

    fn owned(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }

    fn json(text: &'a str) -> Self {
        Value::Json(Cow::Borrowed(text))
    }

    /// Appends it as a JSON value.
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => append_string(out, text),
            Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// Appends it within a JSON string: a string's characters, nothing for `null`, and everything else as JSON.
    pub(super) fn append_within_string(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => append_escaped(out, text),
            Value::Json(text) if text.trim_ascii() == "null" => {}
            Value::Json(text) => match json::string(text) {
                Some(characters) => append_escaped(out, &characters),
                None => append_escaped(out, text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Placeholder, NotAPlaceholder> {
        Placeholder::parse(text).map(|(placeholder, _)| placeholder)
    }

    #[test]
    fn each_that_is_listed_is_one() {
        for text in PLACEHOLDERS {
            let text = text
                .replace("<column>", "status")
                .replace("<path>", "a.0.b");
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn names_and_paths_are_read() {
        let path = |steps: &[&str]| steps.iter().map(|&step| step.to_owned()).collect();
        assert_eq!(
            parse("data:a.0.ü b"),
            Ok(Placeholder::Data(path(&["a", "0", "ü b"])))
        );
        assert_eq!(
            parse("metadata:user.id"),
            Ok(Placeholder::Metadata(path(&["user", "id"])))
        );
        let (placeholder, column) = Placeholder::parse("old:a.b:c").ok().unwrap();
        let column = column.unwrap();
        assert_eq!(placeholder, Placeholder::Old(path(&["a.b:c"])));
        assert_eq!((column.name.as_str(), column.old), ("a.b:c", true));
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            ":",
            "out-hook",
            "out-hook:",
            "out-hook:eventid",
            "Field:a",
            "sys:x",
            "sys",
            "field",
            " data",
        ] {
            assert_eq!(parse(text), Err(NotAPlaceholder::Unknown), "{text}");
        }
        for text in [
            "field:",
            "old:",
            "data:",
            "data:a..b",
            "metadata:.a",
            "data:a.",
        ] {
            assert_eq!(parse(text), Err(NotAPlaceholder::Empty), "{text}");
        }
    }
}
