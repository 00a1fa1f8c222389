//! The lanes that may send something, in turn.
//!
//! Those whose endpoint is known to work and the others take turns of their own, because a call to an endpoint that does
//! not answer occupies a thread until its timeout, and the others must not be without one meanwhile.

use std::collections::VecDeque;

use crate::lane::Lane;

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Its last call has succeeded.
    Proven,
    /// Its last call has failed, or it has had none.
    Suspect,
}

impl Class {
    pub(crate) fn of(lane: &Lane) -> Self {
        if lane.is_suspect() {
            Class::Suspect
        } else {
            Class::Proven
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Round {
    proven: VecDeque<i64>,
    suspect: VecDeque<i64>,
    suspects_turn: bool,
}

impl Round {
    /// Takes out who is next. The classes alternate, unless one has nobody or `suspects` says that theirs has to wait.
    pub(crate) fn pop(&mut self, suspects: bool) -> Option<(i64, Class)> {
        let suspects_next =
            suspects && !self.suspect.is_empty() && (self.suspects_turn || self.proven.is_empty());
        let class = if suspects_next {
            Class::Suspect
        } else {
            Class::Proven
        };
        let id = self.queue(class).pop_front()?;
        self.suspects_turn = class == Class::Proven;
        Some((id, class))
    }

    pub(crate) fn push(&mut self, id: i64, class: Class) {
        self.queue(class).push_back(id);
    }

    pub(crate) fn of(&self, class: Class) -> impl Iterator<Item = &i64> {
        match class {
            Class::Proven => self.proven.iter(),
            Class::Suspect => self.suspect.iter(),
        }
    }

    pub(crate) fn forget(&mut self, id: i64) {
        self.proven.retain(|other| *other != id);
        self.suspect.retain(|other| *other != id);
    }

    fn queue(&mut self, class: Class) -> &mut VecDeque<i64> {
        match class {
            Class::Proven => &mut self.proven,
            Class::Suspect => &mut self.suspect,
        }
    }
}
