//! Which endpoints somebody else has locked: an open transaction that drops, stops or changes them.
//!
//! To write anything about their deliveries would be to wait for the end of that transaction, and everybody else's would
//! wait with it. The functions of SQL that change deliveries lock the endpoints or their webhook first, whatever they lock
//! then. It goes the other way round, too: while the worker writes, they wait, and see then what it has written.

use std::collections::HashSet;

use pgrx::spi::SpiClient;

use crate::pg::statement::{column, Statement};

/// See the module's documentation.
pub struct Locks {
    locked: Statement,
}

impl Default for Locks {
    fn default() -> Self {
        Self {
            locked: Statement::new(
                "WITH free AS MATERIALIZED (
                     SELECT e.id FROM webhooks.endpoint e JOIN webhooks.webhook w ON w.id = e.webhook_id WHERE e.id = ANY ($1)
                        FOR UPDATE OF e SKIP LOCKED FOR NO KEY UPDATE OF w SKIP LOCKED
                 )
                 SELECT e.id FROM webhooks.endpoint e
                  WHERE e.id = ANY ($1) AND e.id NOT IN (SELECT f.id FROM free f)",
                &[pgrx::pg_sys::BuiltinOid::INT8ARRAYOID],
            ),
        }
    }
}

impl Locks {
    /// Those of these endpoints that somebody has locked. The others are locked from now on, inside a transaction.
    pub fn of_others(&self, client: &mut SpiClient<'_>, endpoints: HashSet<i64>) -> HashSet<i64> {
        if endpoints.is_empty() {
            return HashSet::new();
        }
        let ids: Vec<i64> = endpoints.into_iter().collect();
        let rows = self.locked.run(client, &[ids.into()]);
        rows.map(|row| column(&row, 1)).collect()
    }
}
