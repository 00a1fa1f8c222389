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
        operation: firing.operation(),
        record,
        changed,
        data: Some(data),
        old,
    };
    if store::append(entry).is_some() {
        wake::at_commit();
    }
}
