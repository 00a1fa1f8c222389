//! The position of the reader, kept by appending: the newest row of `webhooks.read_cursor` counts.

use pgrx::prelude::*;
use pgrx::spi::SpiClient;

/// Up to where everything is handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// All that this snapshot shows is handled.
    pub from: String,
    /// What came after it up to this snapshot is being handled; `None`: nothing is.
    pub to: Option<String>,
    /// Of that, what has a number up to this one is handled.
    pub up_to_seq: i64,
}

/// The newest position, inside a transaction. Where there is none, as in a database restored from a dump, the log begins
/// with what happens from now on.
pub fn load() -> Position {
    Spi::connect(|client| {
        let newest =
            "SELECT from_snapshot::text, to_snapshot::text, up_to_seq FROM webhooks.read_cursor
                       ORDER BY at DESC, id DESC LIMIT 1";
        let rows = client
            .select(newest, None, &[])
            .expect("the read cursor can be read");
        let position = rows.into_iter().next().map(|row| Position {
            from: row
                .get::<String>(1)
                .ok()
                .flatten()
                .expect("from_snapshot is set"),
            to: row.get(2).ok().flatten(),
            up_to_seq: row.get(3).ok().flatten().unwrap_or(i64::MIN),
        });
        position.unwrap_or_else(|| Position {
            from: crate::pg::transaction::current_snapshot(),
            to: None,
            up_to_seq: i64::MIN,
        })
    })
}

/// Appends a position, inside a transaction.
pub fn append(client: &mut SpiClient<'_>, position: &Position) {
    let up_to_seq = position.to.as_ref().map(|_| position.up_to_seq);
    client
        .update(
            "INSERT INTO webhooks.read_cursor (at, from_snapshot, to_snapshot, up_to_seq)
             VALUES (clock_timestamp(), $1::pg_snapshot, $2::pg_snapshot, $3)",
            None,
            &[
                position.from.clone().into(),
                position.to.clone().into(),
                up_to_seq.into(),
            ],
        )
        .expect("the read cursor can be appended to");
}
