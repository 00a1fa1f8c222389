//! CloudEvents 1.0, structured mode: everything about the event is in the body.

use std::fmt::Write;

use super::Context;
use super::write::Object;
use crate::message::Message;

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, message: &Message) {
    let mut body = Object::new(out);
    body.string("specversion", "1.0");
    body.string("id", &message.id().to_string());
    body.string("source", &source(context.integration_url, message));
    body.string("type", message.event.label());
    body.time("time", message.at);
    // A record may be the empty string, which the attribute may not.
    if let Some(subject) = message.subject().filter(|subject| !subject.is_empty()) {
        body.string("subject", subject);
    }
    body.string("datacontenttype", "application/json");
    body.json("data", message.data.as_deref());
    body.handshake(context.handshake_key);
}

/// A reference to where it happened: the table as a path, below `webhooks.integration_url` where that is set.
fn source(integration_url: &str, message: &Message) -> String {
    let mut source = String::new();
    let in_uri = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    encode(&mut source, integration_url.trim_end_matches('/'), in_uri);
    for step in [message.object_schema(), message.object_name()]
        .into_iter()
        .flatten()
    {
        source.push('/');
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        encode(&mut source, step, unreserved);
    }
    if source.is_empty() {
        source.push('/');
    }
    source
}

/// Appends the text with every other byte percent-encoded.
fn encode(out: &mut String, text: &str, may_stand: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if may_stand(byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to memory cannot fail");
        }
    }
}
