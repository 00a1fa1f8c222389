//! From a row's change to a row in the message log, in the transaction that made the change.
//!
//! An event is a Postgres trigger whose WHEN clause decides; what arrives here is to be recorded. The cost of this
//! path is paid by the application, so what can be known once per table is kept in a [`plan`].

pub mod emit;
mod json;
mod plan;

use crate::pg::store::{self, Entry, Text};
use crate::pg::trigger::Firing;
use crate::pg::wake;

/// What happened: a change of a row, or an event raised by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A row came into being.
    Insert,
    /// A row changed.
    Update,
    /// A row is gone.
    Delete,
    /// `webhooks.emit()`.
    Emit,
}

impl Operation {
    /// As it stands in the log.
    pub fn code(self) -> u8 {
        match self {
            Operation::Insert => b'i',
            Operation::Update => b'u',
            Operation::Delete => b'd',
            Operation::Emit => b'e',
        }
    }
}

/// Records what a trigger was fired for.
pub fn row_changed(firing: &Firing) {
    let Some(plan) = plan::of(firing) else { return };
    let row = firing.row(&plan.shape);
    let mut data = Text::with_capacity(plan.expected_bytes());
    plan.json.whole(data.buffer(), &row);
    plan.expect_bytes(data.buffer().len());

    let (changed, old) = match firing.old_row(&plan.shape) {
        None => (None, None),
        Some(old_row) => {
            let positions = old_row.changed(&row);
            let mut old = Text::new();
            plan.json.part(old.buffer(), &old_row, &positions);
            let names = positions
                .iter()
                .map(|&p| Text::from(&plan.shape.columns[p].name[..]));
            (Some(names.collect()), Some(old))
        }
    };
    let record = plan.json.record(&row, &plan.key);
    let entry = Entry {
        event_id: plan.event_id,
        operation: firing.operation().code(),
        record,
        changed,
        data: Some(data),
        old,
    };
    if store::append(entry).is_some() {
        wake::at_commit();
    }
}
