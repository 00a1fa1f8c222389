//! What SQL needs to know about payloads.

use pgrx::prelude::*;
use webhooks_delivery::Payload;

use crate::error;
use crate::pg::encoding::storable;

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// The columns of the event's table that a payload names, each with its place in words; an error if it is neither a
    /// preset nor a template. Takes JSON as bytes in UTF-8 and gives names so, whatever the database's encoding.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn payload_columns(
        payload: &[u8],
    ) -> TableIterator<'static, (name!(column_name, Vec<u8>), name!(place, String))> {
        let payload = parse(&String::from_utf8_lossy(payload));
        let uses: Vec<_> = payload
            .columns()
            .iter()
            .map(|used| {
                let place = storable(&used.position.to_string());
                (used.column.clone().into_bytes(), place)
            })
            .collect();
        TableIterator::new(uses)
    }
}

fn parse(payload: &str) -> Payload {
    Payload::parse(payload).unwrap_or_else(|problem| {
        error::raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            storable(&format!("invalid argument \"payload\": {problem}")),
            &storable(&problem.hint()),
        )
    })
}
