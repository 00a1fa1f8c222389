//! What SQL needs to know about payloads.

use std::collections::HashMap;
use std::time::SystemTime;

use pgrx::prelude::*;
use webhooks_delivery::{Authorities, Payload, Preview};

use crate::log::messages::Messages;
use crate::log::Place;
use crate::pg::encoding::storable;
use crate::worker::Configuration;
use crate::{error, settings};

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// The columns of the event's table that a payload names, before an update or now, each with its place in words; an error if it is neither a
    /// preset nor a template. Takes JSON as bytes in UTF-8 and gives names so, whatever the database's encoding.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn payload_columns(
        payload: &[u8],
    ) -> TableIterator<
        'static,
        (
            name!(column_name, Vec<u8>),
            name!(is_old, bool),
            name!(place, String),
        ),
    > {
        let payload = parse(&String::from_utf8_lossy(payload));
        let uses: Vec<_> = payload
            .columns()
            .iter()
            .map(|used| {
                let place = storable(&used.position.to_string());
                (used.column.clone().into_bytes(), used.old, place)
            })
            .collect();
        TableIterator::new(uses)
    }

    /// The call that would bring this message to the webhook: headers, as two arrays, and the body in UTF-8. No row where
    /// the webhook has no endpoint, or the message is not in the log.
    #[pg_extern(strict)]
    #[allow(clippy::type_complexity)]
    fn preview_call(
        webhook_id: i64,
        event_id: i64,
        message_at: TimestampWithTimeZone,
        message_xid: i64,
        message_seq: i64,
    ) -> TableIterator<
        'static,
        (
            name!(header_names, Vec<String>),
            name!(header_values, Vec<String>),
            name!(body, Vec<u8>),
        ),
    > {
        let place = Place {
            at: message_at.into(),
            xid: message_xid as u64,
            seq: message_seq,
        };
        let preview = preview(webhook_id, event_id, &place).map(|preview| {
            let (names, values) = preview.headers.into_iter().unzip();
            (names, values, preview.body.into_bytes())
        });
        TableIterator::new(preview)
    }
}

fn preview(webhook_id: i64, event_id: i64, place: &Place) -> Option<Preview> {
    let (endpoint, event) = Configuration::one(webhook_id, event_id)?;
    let events = HashMap::from([(event_id, event)]);
    let messages =
        Spi::connect(|client| Messages::default().fetch(client, [place].into_iter(), &events));
    let message = messages.into_values().next()?;
    // The id of a call that nobody makes need not differ from others.
    let preview = Preview::new(
        endpoint,
        message,
        SystemTime::now(),
        0,
        &settings::delivery(Authorities::default()),
    );
    Some(preview.unwrap_or_else(|problem| {
        error::raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            problem.to_string(),
            "Name fewer parts of the message in the payload's template.",
        )
    }))
}

fn parse(payload: &str) -> Payload {
    Payload::parse(payload).unwrap_or_else(|problem| {
        error::raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("invalid argument \"payload\": {problem}"),
            &problem.hint(),
        )
    })
}
