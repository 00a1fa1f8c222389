//! What many webhooks have in common is one in memory: payloads of the same text, retry schedules.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};
use std::time::Duration;

use webhooks_delivery::Payload;

/// See the module's documentation.
#[derive(Default)]
pub struct Library {
    payloads: Shelf<String, Payload>,
    schedules: Shelf<Box<[Duration]>, [Duration]>,
}

impl Library {
    /// The payload that a text stands for. `None` if it is none: the functions refuse it, so that only a hand that writes
    /// to the tables can put it there.
    pub fn payload(&mut self, text: String) -> Option<Arc<Payload>> {
        if let Some(payload) = self.payloads.find(text.as_str()) {
            return Some(payload);
        }
        let payload = Arc::new(Payload::parse(&text).ok()?);
        self.payloads.put(text, &payload);
        Some(payload)
    }

    /// A retry schedule.
    pub fn schedule(&mut self, waits: Vec<Duration>) -> Arc<[Duration]> {
        if let Some(schedule) = self.schedules.find(waits.as_slice()) {
            return schedule;
        }
        let schedule = waits.as_slice().into();
        self.schedules.put(waits.into(), &schedule);
        schedule
    }
}

/// What is in use, by what it is made from.
struct Shelf<Key, Made: ?Sized> {
    all: HashMap<Key, Weak<Made>>,
    /// It is cleared of what is not in use when it has become so much.
    cleared_at: usize,
}

/// Less than that is not worth clearing.
const FEW: usize = 100;

impl<Key, Made: ?Sized> Default for Shelf<Key, Made> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            cleared_at: FEW,
        }
    }
}

impl<Key: Eq + Hash, Made: ?Sized> Shelf<Key, Made> {
    fn find<Form: Eq + Hash + ?Sized>(&self, key: &Form) -> Option<Arc<Made>>
    where
        Key: Borrow<Form>,
    {
        self.all.get(key).and_then(Weak::upgrade)
    }

    fn put(&mut self, key: Key, made: &Arc<Made>) {
        if self.all.len() >= self.cleared_at {
            self.all.retain(|_, made| made.strong_count() > 0);
            self.cleared_at = FEW + 2 * self.all.len();
        }
        self.all.insert(key, Arc::downgrade(made));
    }
}
