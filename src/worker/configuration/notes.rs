//! Notes of what somebody has changed. They are left by whoever writes a row of the configuration, in the same transaction
//! (`sql/tables/configuration_change.sql`). So a snapshot that shows a change shows its note, whatever the order in which
//! transactions commit, and a note that it does not show concerns nothing that it shows.

use pgrx::spi::SpiClient;

use crate::log::snapshot::Snapshot;
use crate::pg::statement::{optional, Statement};
use crate::pg::transaction;

/// The statements.
pub struct Notes {
    read: Statement,
    forget: Statement,
}

/// The number of a transaction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Xid(u64);

/// What somebody has written a row of.
#[derive(Default)]
pub struct Noted {
    /// Anything may have changed.
    pub anything: bool,
    /// Webhooks, or what belongs to them.
    pub webhooks: Vec<i64>,
    /// Events.
    pub events: Vec<i64>,
}

impl Noted {
    /// Whether there is no note.
    pub fn is_empty(&self) -> bool {
        !self.anything && self.webhooks.is_empty() && self.events.is_empty()
    }
}

impl Default for Notes {
    fn default() -> Self {
        use pgrx::pg_sys::BuiltinOid::TEXTOID;
        Self {
            read: Statement::new(
                "SELECT DISTINCT webhook_id, event_id FROM webhooks.configuration_change WHERE xid >= $1::xid8",
                &[TEXTOID],
            ),
            forget: Statement::new(
                "DELETE FROM webhooks.configuration_change
                  WHERE xid >= $1::xid8 AND pg_visible_in_snapshot(xid, $2::pg_snapshot)",
                &[TEXTOID, TEXTOID],
            ),
        }
    }
}

impl Notes {
    /// The notes of this transaction and later ones, inside a transaction.
    pub fn since(&self, client: &SpiClient<'_>, from: Xid) -> Noted {
        let mut noted = Noted::default();
        for row in self.read.select(client, &[from.0.to_string().into()]) {
            match (optional(&row, 1), optional(&row, 2)) {
                (Some(webhook_id), _) => noted.webhooks.push(webhook_id),
                (None, Some(event_id)) => noted.events.push(event_id),
                (None, None) => noted.anything = true,
            }
        }
        noted
    }

    /// Deletes the notes of this transaction and later ones that the current snapshot shows, inside a transaction. Gives the
    /// first transaction that may leave one which it does not show.
    pub fn forget(&self, client: &mut SpiClient<'_>, from: Xid) -> Xid {
        let shown = transaction::current_snapshot();
        let snapshot: Snapshot = shown.parse().expect("a snapshot as the server writes it");
        self.forget
            .run(client, &[from.0.to_string().into(), shown.into()]);
        Xid(snapshot.first_in_progress())
    }
}
