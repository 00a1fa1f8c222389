//! From a row's change to a row in the message log, in the transaction that made the change.
//!
//! An event is a Postgres trigger whose WHEN clause decides; what arrives here is to be recorded. The cost of this
//! path is paid by the application, so what can be known once per table is kept in a [`plan`].

pub mod emit;
mod json;
mod plan;

use crate::pg::computed::{Computed, Source, Values};
use crate::pg::row::Row;
use crate::pg::store::{self, Entry, Operation, Recorded, Text};
use crate::pg::trigger::Firing;
use crate::pg::wake;
use crate::settings;
use plan::Plan;

/// Records what a trigger was fired for.
pub fn triggered(firing: &Firing) {
    if !settings::capture() {
        return;
    }
    let Some(plan) = plan::of(firing) else { return };
    let operation = firing.operation();
    if operation != plan.operation {
        not_its_operation(plan.event_id);
    }
    let entry = match operation {
        Operation::Truncate => Entry::new(plan.event_id, operation),
        _ => row_changed(firing, &plan),
    };
    append(entry);
}

/// What there is to tell about a row.
fn row_changed(firing: &Firing, plan: &Plan) -> Entry {
    let row = firing.row(&plan.shape);
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
    let mut entry = Entry {
        changed,
        old,
        ..Entry::new(plan.event_id, plan.operation)
    };
    match &plan.computed {
        None => {
            entry.data = Some(whole(plan, &row));
            entry.record = plan.json.record(&row, &plan.key);
        }
        Some(computed) => fill_in(&mut entry, plan, computed, firing, &row),
    }
    if entry.bytes() > settings::max_message_bytes() {
        let computed = plan.computed.as_ref().is_some_and(|computed| computed.data);
        let key = (!computed && !plan.key.is_empty()).then(|| {
            let mut key = Text::new();
            plan.json.part(key.buffer(), &row, &plan.key);
            key
        });
        reduce(&mut entry, key);
    }
    entry
}

/// Leaves out what would make a message too large, and says so in it.
fn reduce(entry: &mut Entry, data: Option<Text>) {
    entry.omitted = Some(entry.bytes());
    entry.data = data;
    entry.old = None;
}

/// Appends a message to the log, with what the session wants to go along.
fn append(mut entry: Entry) -> Option<Recorded> {
    entry.metadata = settings::metadata().map(|text| Text::from(text.as_bytes()));
    let recorded = store::append(entry)?;
    wake::at_commit();
    Some(recorded)
}

/// The whole row as JSON.
fn whole(plan: &Plan, row: &Row) -> Text {
    let mut data = Text::with_capacity(plan.expected_bytes());
    plan.json.whole(data.buffer(), row);
    plan.expect_bytes(data.buffer().len());
    data
}

/// What an event with expressions of its own tells about a row.
fn fill_in(entry: &mut Entry, plan: &Plan, computed: &Computed, firing: &Firing, row: &Row) {
    let mut values = if computed.needs_call() {
        computed.call(firing)
    } else {
        Values::default()
    };
    let column = |position: usize| plan.json.record(row, &[position]);
    entry.data = if computed.data {
        values.data.take()
    } else {
        Some(whole(plan, row))
    };
    entry.account = match computed.account {
        None => None,
        Some(Source::Column(position)) => column(position),
        Some(Source::Function) => values.account.take(),
    };
    let primary_key = plan.json.record(row, &plan.key);
    (entry.record, entry.primary_key) = match computed.key {
        None => (primary_key, None),
        Some(Source::Column(position)) => (column(position), primary_key),
        Some(Source::Function) => (values.key.take(), primary_key),
    };
}

#[cold]
fn not_its_operation(event_id: i64) -> ! {
    crate::error::raise(
        pgrx::PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("event {event_id} is not raised by what fires this trigger"),
        "Drop the trigger and make the event with webhooks.add_event() or webhooks.create_event().",
    )
}
