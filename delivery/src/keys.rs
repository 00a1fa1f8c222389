//! The ordering keys of one lane: which are busy, and what waits for them.
//!
//! A key stands for one record, or for the whole lane where order is strict. It is *taken* from the moment a delivery
//! is handed out to be sent until that call ends, and it stays *blocked* as long as one of its deliveries waits
//! elsewhere for its retry. What comes for a busy key is held, in order, and is handed out when the key is free.

use std::collections::{HashMap, VecDeque};

use crate::delivery::Delivery;

/// A hash of what the key stands for. Two that fall together only wait for each other needlessly.
pub(crate) type Key = u64;

#[derive(Debug, Default)]
pub(crate) struct Keys {
    busy: HashMap<Key, State>,
    held_count: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Deliveries that have taken it, all in one call.
    taken: usize,
    /// The number of that call.
    call: u64,
    /// The lane was removed while the key was taken: nobody will bring a retry.
    orphaned: bool,
    /// Deliveries that will come back as retries.
    outstanding: usize,
    held: VecDeque<Delivery>,
}

impl State {
    fn is_free(&self) -> bool {
        self.taken == 0 && self.outstanding == 0
    }

    /// What comes next may go along in that call.
    fn is_open_to(&self, call: u64) -> bool {
        self.outstanding == 0 && self.held.is_empty() && (self.taken == 0 || self.call == call)
    }
}

impl Keys {
    /// No key is busy.
    pub(crate) fn is_empty(&self) -> bool {
        self.busy.is_empty()
    }

    /// Takes the key for this delivery and call and gives it back, or holds the delivery.
    pub(crate) fn take(&mut self, key: Key, call: u64, delivery: Delivery) -> Option<Delivery> {
        let state = self.busy.entry(key).or_default();
        if state.is_open_to(call) {
            state.taken += 1;
            state.call = call;
            return Some(delivery);
        }
        state.held.push_back(delivery);
        self.held_count += 1;
        None
    }

    /// Like [`take`](Self::take) for a retry that was outstanding: it goes before all that is held.
    pub(crate) fn take_retry(&mut self, key: Key, delivery: Delivery) -> Option<Delivery> {
        let state = self.busy.entry(key).or_default();
        state.outstanding = state.outstanding.saturating_sub(1);
        if state.taken == 0 {
            state.taken = 1;
            return Some(delivery);
        }
        // By one of the same batch, or by another where the order was changed in between: go by the sequence.
        let seq = delivery.message.seq;
        let place = state.held.partition_point(|held| held.message.seq < seq);
        state.held.insert(place, delivery);
        self.held_count += 1;
        None
    }

    /// What has the key already goes out in this call now. Gives what is held for it and may go along, with nothing of the
    /// record left behind.
    pub(crate) fn follow(
        &mut self,
        key: Key,
        call: u64,
        may_go_along: impl Fn(&Delivery) -> bool,
    ) -> Option<Delivery> {
        let state = self.busy.get_mut(&key)?;
        state.call = call;
        if state.outstanding > 0 || !may_go_along(state.held.front()?) {
            return None;
        }
        state.taken += 1;
        self.held_count -= 1;
        state.held.pop_front()
    }

    /// Ends one delivery's taking of a key. Returns the delivery that takes it next.
    ///
    /// `comes_back` says that the delivery is outstanding from now on.
    pub(crate) fn release(&mut self, key: Key, comes_back: bool) -> Option<Delivery> {
        let state = self.busy.get_mut(&key)?;
        state.taken = state.taken.saturating_sub(1);
        if comes_back && !state.orphaned {
            state.outstanding += 1;
        }
        state.orphaned &= state.taken > 0;
        self.hand_on(key)
    }

    /// Notes that a delivery with this key is outstanding.
    pub(crate) fn block(&mut self, key: Key) {
        self.busy.entry(key).or_default().outstanding += 1;
    }

    /// Notes that an outstanding delivery will not come after all. Returns the delivery that takes the key next.
    pub(crate) fn unblock(&mut self, key: Key) -> Option<Delivery> {
        let state = self.busy.get_mut(&key)?;
        state.outstanding = state.outstanding.saturating_sub(1);
        self.hand_on(key)
    }

    fn hand_on(&mut self, key: Key) -> Option<Delivery> {
        let state = self.busy.get_mut(&key)?;
        if !state.is_free() {
            return None;
        }
        match state.held.pop_front() {
            Some(delivery) => {
                state.taken = 1;
                self.held_count -= 1;
                Some(delivery)
            }
            None => {
                self.busy.remove(&key);
                None
            }
        }
    }

    /// How many deliveries are held.
    pub(crate) fn held_count(&self) -> usize {
        self.held_count
    }

    /// What is held, key after key, in order within each.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Delivery> {
        self.busy.values().flat_map(|state| &state.held)
    }

    /// The same, to change.
    pub(crate) fn held_mut(&mut self) -> impl Iterator<Item = &mut Delivery> {
        self.busy.values_mut().flat_map(|state| &mut state.held)
    }

    /// Gives up what is held and `leaves` accepts.
    pub(crate) fn drain_held(
        &mut self,
        mut leaves: impl FnMut(Key, &Delivery) -> bool,
    ) -> Vec<Delivery> {
        let mut drained = Vec::new();
        for (&key, state) in &mut self.busy {
            let (gone, kept) = state.held.drain(..).partition(|held| leaves(key, held));
            state.held = kept;
            drained.extend::<VecDeque<_>>(gone);
        }
        self.held_count -= drained.len();
        drained
    }

    /// Forgets everything but the calls that are open, and expects no retry of those.
    pub(crate) fn orphan(&mut self) {
        self.held_count = 0;
        self.busy.retain(|_, state| {
            state.held.clear();
            state.outstanding = 0;
            state.orphaned = true;
            state.taken > 0
        });
    }
}
