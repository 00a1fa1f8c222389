//! As ClinchPad's webhooks: the activity, and beside it what it is about.
//!
//! What is about a table has the row under the table's name. An object that was put together for the message, by the
//! event's `data` or for `emit`, has its members there: `{"lead": …, "activity": {"note_content": …}}`. Then the activity
//! has just what the object says, without the columns that an update changed.

use std::borrow::Cow;

use super::Context;
use super::write::Object;
use crate::json;
use crate::message::{Message, Operation};

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, message: &Message) {
    let (about, activity) = parts(message);
    let mut body = Object::new(out);
    append_activity(&mut Object::new(body.value("activity")), message, &activity);
    for (key, value) in &about {
        if key != "handshake_key" || context.handshake_key.is_none() {
            body.json(key, Some(value));
        }
    }
    body.handshake(context.handshake_key);
}

/// What the activity is about, and what was given to go into the activity. An `activity` that is no object has nothing
/// that could go there.
fn parts(message: &Message) -> (Members<'_>, Members<'_>) {
    let (mut about, mut activity) = (Vec::new(), Vec::new());
    let mut sort = |key: Cow<'_, str>, value| match &*key {
        "activity" => activity.extend(members(value).into_iter().flatten()),
        _ => about.push((key.into_owned().into(), value)),
    };
    if let Some(data) = message.data.as_deref() {
        match (is_composed(message), message.object_name()) {
            (false, Some(table)) => sort(table.into(), data),
            _ => match members(data) {
                Some(members) => members
                    .into_iter()
                    .for_each(|(key, value)| sort(key, value)),
                None => sort("data".into(), data),
            },
        }
    }
    (about, activity)
}

/// Whether the data is an object that was put together for the message, and no row.
fn is_composed(message: &Message) -> bool {
    message.event.has_data || message.operation == Operation::Emit
}

/// What was given goes before what the message itself would say.
fn append_activity(object: &mut Object<'_>, message: &Message, given: &Members<'_>) {
    let is_given = |key: &str| given.iter().any(|(name, _)| name == key);
    if !is_given("_id") {
        object.string("_id", &message.id().to_string());
    }
    if !is_given("created_at") {
        object.time("created_at", message.at);
    }
    if !is_given("type") {
        object.string("type", message.event.label());
    }
    let old = message.old.as_deref().filter(|_| !is_composed(message));
    for (key, value) in old.and_then(members).unwrap_or_default() {
        let key = format!("old_{key}");
        if !is_given(&key) {
            object.json(&key, Some(value));
        }
    }
    for (key, value) in given {
        object.json(key, Some(value));
    }
}

fn members(text: &str) -> Option<Members<'_>> {
    let mut members = Vec::new();
    json::members(text, |key, value| {
        members.extend(json::string(key).map(|key| (key, value)));
    })?;
    Some(members)
}
