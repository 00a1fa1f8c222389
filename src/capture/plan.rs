//! What capture knows about an event on a table, worked out once and again when definitions change.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

use super::json::Writer;
use crate::pg::catalog;
use crate::pg::computed::Computed;
use crate::pg::row::Shape;
use crate::pg::store::Operation;
use crate::pg::trigger::Firing;

/// How the rows of one table are recorded for one event.
pub struct Plan {
    /// The event.
    pub event_id: i64,
    /// What raises it. Whoever may make triggers must not raise it by something else.
    pub operation: Operation,
    /// The table's columns.
    pub shape: Rc<Shape>,
    /// Writes its rows.
    pub json: Writer,
    /// Where the primary key's columns stand in the shape.
    pub key: Vec<usize>,
    /// What the event computes, if anything.
    pub computed: Option<Computed>,
    bytes: Cell<usize>,
}

impl Plan {
    /// How long the last row was, so that the next one's buffer rarely grows.
    pub fn expected_bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Remembers a row's length.
    pub fn expect_bytes(&self, bytes: usize) {
        self.bytes.set(bytes);
    }
}

/// Plans by trigger; `None` for one whose event records nothing any more.
#[derive(Default)]
struct Cache {
    generation: u64,
    plans: HashMap<Oid, Option<Rc<Plan>>>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// The plan for a trigger's call; `None` where the event was dropped or its definition was not restored with the
/// table: then there is nobody to tell.
pub fn of(firing: &Firing) -> Option<Rc<Plan>> {
    let key = firing.trigger_oid();
    let generation = catalog::generation();
    let cached = CACHE.with_borrow_mut(|cache| {
        if cache.generation != generation {
            cache.plans.clear();
            cache.generation = generation;
        }
        cache.plans.get(&key).cloned()
    });
    cached.unwrap_or_else(|| {
        // Look-ups can bring news of changes: what was worked out before them is not kept.
        let plan = make(firing).map(Rc::new);
        CACHE.with_borrow_mut(|cache| {
            if generation == catalog::generation() {
                cache.plans.insert(key, plan.clone());
            }
        });
        plan
    })
}

fn make(firing: &Firing) -> Option<Plan> {
    let Some(event_id) = firing.event_id() else {
        crate::error::raise(
            PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            "webhooks.capture() takes the id of an event as its only argument",
            "webhooks.add_event() makes such triggers.",
        );
    };
    let schema = catalog::schema()?;
    let event = catalog::event(schema, event_id)?;
    let table = event.table.filter(|&table| {
        let relation = firing.relation_oid();
        // A partition has its table's triggers for rows, and may have one for TRUNCATE that somebody has given that name.
        firing.is_trigger_of(event_id)
            && match event.operation {
                Some(Operation::Truncate) => relation == table,
                _ => catalog::is_or_belongs_to(relation, table),
            }
    });
    let (Some(table), Some(operation)) = (table, event.operation) else {
        crate::error::raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("event {event_id} is not raised by this trigger"),
            "Drop the trigger and make the event with webhooks.add_event() or webhooks.create_event().",
        );
    };
    let shape = Rc::new(firing.shape());
    let key = firing.primary_key(&shape);
    let json = Writer::new(&shape);
    let expressions = event.expressions;
    let computed = if expressions.data || expressions.account || expressions.key {
        // Where its function was taken away, nobody knows what it should tell.
        Some(Computed::of(
            schema,
            event_id,
            table,
            operation,
            expressions,
            &shape,
        )?)
    } else {
        None
    };
    Some(Plan {
        event_id,
        operation,
        shape,
        json,
        key,
        computed,
        bytes: Cell::new(0),
    })
}
