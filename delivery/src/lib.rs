//! What happens to a webhook message once it exists. No Postgres here, and no unsafe code.
//!
//! # The life of a delivery
//!
//! The extension's worker reads a [`Message`] from its log and makes one [`Delivery`] of it for each [`Endpoint`] that
//! wants it. It hands them to the [`Scheduler`] of a [`Pool`], and from there:
//!
//! 1. **Waits in its lane** (`lane`, `keys`). Each endpoint has one. A lane knows which records have a call open or a
//!    retry outstanding, and lets nothing overtake them.
//! 2. **Is taken** by a sender thread (`pool`) as soon as its lane, its record and the bounds on open calls allow.
//!    Endpoints take turns, so a slow one delays no other.
//! 3. **Becomes a call** (`sender`): the body is built (`payload`) and signed as the webhook's [`Signing`] has it.
//! 4. **Is sent** (`client`) if the address policy (`network`) allows the URL and every address its host stands for.
//!    Whatever the receiver does then, the call ends within the webhook's timeout and keeps a bounded piece of the
//!    answer (`response`).
//! 5. **Is judged** (`outcome`): a 2xx is delivered; anything else is a [`Fault`] and goes by the retry schedule
//!    (`retry`). The [`Verdict`] frees its record, or keeps it until the retry.
//! 6. **Is put down** as [`Finished`], in the same breath in which the thread takes its next delivery. The worker
//!    collects what has finished and records it, many in one transaction.
//!
//! A [`Trial`] makes calls of the same kind beside all this: now, once, with nothing recorded.
//!
//! What has failed for good is told to people by [`mail`].
//!
//! A retry waits in a table, not here. When it is due the worker brings it back with [`Scheduler::retry`], and it goes
//! before everything else about its record.
//!
//! Nothing here takes the time or a random number except at the edges, `pool` and `sender`; the rest is given them.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod authorities;
mod breaker;
mod client;
mod date;
mod delivery;
mod fault;
#[cfg(test)]
mod fixtures;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod headers;
mod json;
mod keys;
mod lane;
pub mod mail;
mod message;
mod network;
mod outcome;
pub mod payload;
mod pool;
mod preview;
mod request;
mod response;
mod retry;
mod retry_after;
mod round;
mod scheduler;
mod sender;
mod settings;
mod signing;
mod throttle;
mod trial;
mod webhook;

pub use authorities::{Authorities, NoAuthorities};
pub use breaker::Effect;
pub use delivery::{Batch, Delivery, Finished};
pub use fault::{Fault, FaultKind};
pub use headers::{HeaderProblem, Headers};
pub use message::{Event, Message, MessageId, NotAMessageId, Operation};
pub use network::{Network, NotANetwork, Policy, UrlProblem, check_url};
pub use outcome::Verdict;
pub use payload::Payload;
pub use pool::Pool;
pub use preview::Preview;
pub use scheduler::{LANE_CAPACITY, LaneState, Scheduler};
pub use settings::Settings;
pub use signing::secret::SecretProblem;
pub use signing::{Scheme, Signing, secret};
pub use throttle::Throttle;
pub use trial::Trial;
pub use webhook::{Endpoint, Ordering, Webhook};
