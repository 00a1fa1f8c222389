//! The body of a call: which shape it has, and how messages become it.
//!
//! A [`Payload`] is read once from what the user set: a preset's name, each with a file here, or a template. Rows are
//! embedded as the text they were captured with, so that a number keeps every digit it had.

mod capsule;
mod choice;
mod clinchpad;
mod cloudevents;
mod default;
mod hubspot;
mod placeholder;
mod problem;
#[cfg(test)]
mod sample;
mod standard;
mod superoffice;
mod template;
#[cfg(test)]
mod tests;
mod values;
mod write;

pub use choice::{Hidden, Payloads};
pub use problem::{PayloadProblem, Position};
pub use template::{ColumnUse, Template};

use std::fmt;
use std::time::SystemTime;

use serde_json::value::RawValue;

use crate::json;
use crate::message::Message;
use crate::webhook::Webhook;

/// A template may have this many bytes. Positions of placeholders repeat the path to them, hence not more.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Which shape a body has.
#[derive(Debug)]
pub enum Payload {
    /// One object with all there is about a message.
    Default,
    /// `{type, timestamp, data}`, as the Standard Webhooks specification has it.
    Standard,
    /// CloudEvents 1.0 in structured mode.
    CloudEvents,
    /// As Capsule's REST hooks: `{event, payload: [rows]}`.
    Capsule,
    /// As ClinchPad's webhooks: `{activity, <table>: row}`.
    ClinchPad,
    /// As HubSpot's webhooks: an array, with an element for each property that changed.
    HubSpot,
    /// As SuperOffice's webhooks: which record changed, and the names of the fields.
    SuperOffice,
    /// The user's own.
    Template(Box<Template>),
}

/// The names of the presets, as users write them.
const PRESETS: [&str; 7] = [
    "default",
    "standard",
    "cloudevents",
    "capsule",
    "clinchpad",
    "hubspot",
    "superoffice",
];

/// What a body says besides its messages.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The webhook's row in `webhooks.webhook`.
    pub webhook_id: i64,
    /// The webhook's name.
    pub webhook_name: &'a str,
    /// The secret as text, for templates that send it. `None` where the webhook has none.
    pub secret: Option<&'a str>,
    /// What the receiver wants to find in each body.
    pub handshake_key: Option<&'a str>,
    /// Different for each call.
    pub call_id: &'a str,
    /// `webhooks.integration_url`; empty when it is not set.
    pub integration_url: &'a str,
}

impl<'a> Context<'a> {
    /// For a call of this webhook. As in a header with room for one signature, it is the oldest secret that still counts:
    /// a receiver may not have heard of a newer one.
    pub(crate) fn of(
        webhook: &'a Webhook,
        at: SystemTime,
        call_id: &'a str,
        integration_url: &'a str,
    ) -> Self {
        let secrets = webhook.told_secrets.iter();
        let mut counting = secrets.filter(|(_, ends_at)| ends_at.is_none_or(|end| at < end));
        Context {
            webhook_id: webhook.id,
            webhook_name: &webhook.name,
            secret: counting.next_back().map(|(secret, _)| secret.reveal()),
            handshake_key: webhook.handshake_key.as_ref().map(Hidden::reveal),
            call_id,
            integration_url,
        }
    }
}

/// A message in a body.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// What happened.
    pub message: &'a Message,
    /// Which attempt this is to deliver it, from 1.
    pub attempt: u32,
}

/// A template has made far more of a message than it is: the body would have more than 64 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload's template makes more than 64 MiB of a message")
    }
}

impl std::error::Error for TooLarge {}

impl Payload {
    /// Reads JSON text: a string with the name of a preset, or a template.
    pub fn parse(text: &str) -> Result<Payload, PayloadProblem> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(PayloadProblem::TooLong(text.len()));
        }
        serde_json::from_str::<&RawValue>(text)
            .map_err(|error| PayloadProblem::NotJson(error.to_string()))?;
        match json::string(text) {
            Some(name) if !name.contains(template::OPENING) => Payload::preset(&name),
            _ => Template::parse(text).map(|template| Payload::Template(Box::new(template))),
        }
    }

    fn preset(name: &str) -> Result<Payload, PayloadProblem> {
        Ok(match name {
            "default" => Payload::Default,
            "standard" => Payload::Standard,
            "cloudevents" => Payload::CloudEvents,
            "capsule" => Payload::Capsule,
            "clinchpad" => Payload::ClinchPad,
            "hubspot" => Payload::HubSpot,
            "superoffice" => Payload::SuperOffice,
            _ => return Err(PayloadProblem::UnknownPreset(name.to_owned())),
        })
    }

    /// The columns of the event's table that it names, each with its place.
    pub fn columns(&self) -> &[ColumnUse] {
        match self {
            Payload::Template(template) => template.columns(),
            _ => &[],
        }
    }

    /// Whether its bodies tell the webhook's secret.
    pub fn discloses_secret(&self) -> bool {
        matches!(self, Payload::Template(template) if template.names_secret())
    }

    /// The call's `content-type`. `batched` as for [`Payload::append`].
    pub fn content_type(&self, batched: bool) -> &'static str {
        match (self, batched) {
            (Payload::CloudEvents, false) => "application/cloudevents+json",
            (Payload::CloudEvents, true) => "application/cloudevents-batch+json",
            _ => "application/json",
        }
    }

    /// Whether two messages may be in one call: Capsule's body names a single event for all its rows.
    pub fn shares_call(&self, one: &Message, other: &Message) -> bool {
        !matches!(self, Payload::Capsule) || one.event.id == other.event.id
    }

    /// Appends the body for these messages.
    ///
    /// `batched` says that the webhook's calls may carry several messages. Its bodies are arrays then, even with one
    /// message in them, but for Capsule's, whose rows are in an array of their own in any case.
    pub fn append(
        &self,
        out: &mut Vec<u8>,
        context: &Context<'_>,
        items: &[Item<'_>],
        batched: bool,
    ) -> Result<(), TooLarge> {
        let one: fn(&mut Vec<u8>, &Context<'_>, &Message) = match self {
            Payload::Default => default::append,
            Payload::Standard => standard::append,
            Payload::CloudEvents => cloudevents::append,
            Payload::ClinchPad => clinchpad::append,
            Payload::SuperOffice => superoffice::append,
            Payload::Capsule => {
                capsule::append(out, context, items);
                return Ok(());
            }
            Payload::HubSpot => {
                hubspot::append(out, context, items);
                return Ok(());
            }
            Payload::Template(template) => {
                return append_each(out, items, batched, |out, item| {
                    template.append(out, context, item)
                });
            }
        };
        append_each(out, items, batched, |out, item| {
            one(out, context, item.message);
            Ok(())
        })
    }
}

/// Where each message is a value of its own: that value, or an array of them.
fn append_each<'a>(
    out: &mut Vec<u8>,
    items: &[Item<'a>],
    batched: bool,
    mut append: impl FnMut(&mut Vec<u8>, &Item<'a>) -> Result<(), TooLarge>,
) -> Result<(), TooLarge> {
    if let ([item], false) = (items, batched) {
        return append(out, item);
    }
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        append(out, item)?;
    }
    out.push(b']');
    Ok(())
}
