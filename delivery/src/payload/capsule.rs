//! As Capsule's REST hooks: the event, and its rows in one array, which is also what a batch is.

use super::write::Object;
use super::{Context, Item};

/// The messages are all of one event: [`shares_call`](super::Payload::shares_call) keeps others out of the call.
pub(super) fn append(out: &mut Vec<u8>, context: &Context<'_>, items: &[Item<'_>]) {
    let mut body = Object::new(out);
    body.optional(
        "event",
        items.first().map(|item| item.message.event.label()),
    );
    let out = body.value("payload");
    out.push(b'[');
    let rows = items.iter().filter_map(|item| item.message.data.as_deref());
    for (place, row) in rows.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(row.as_bytes());
    }
    out.push(b']');
    body.handshake(context.handshake_key);
}
