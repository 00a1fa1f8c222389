//! `{type, timestamp, data}`: the body that the Standard Webhooks specification recommends.

use super::Context;
use super::write::Object;
use crate::message::Message;

pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, message: &Message) {
    let mut body = Object::new(out);
    body.string("type", message.event.label());
    body.time("timestamp", message.at);
    body.json("data", message.data.as_deref());
    body.handshake(context.handshake_key);
}
