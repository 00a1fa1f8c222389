//! One message on its way to one endpoint, and what came of a call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::fault::Fault;
use crate::message::Message;
use crate::outcome::Verdict;
use crate::webhook::Endpoint;

/// One message to one endpoint, and where that stands.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where to. When its lane sends it, this is the endpoint as configured then.
    pub endpoint: Arc<Endpoint>,
    /// What.
    pub message: Arc<Message>,
    /// The number of the attempt that comes next, from 1.
    pub attempt: u32,
    /// It has a row in `webhooks.delivery`.
    pub stored: bool,
    /// When it entered memory.
    pub since: Instant,
    /// The caller's mark of the read it came from.
    pub generation: u64,
}

/// One call that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What was sent; `attempt` is the number of this call.
    pub delivery: Delivery,
    /// When the call began.
    pub started_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// Why it does not count as delivered.
    pub error: Option<Fault>,
    /// The answer's body as far as it was kept: valid UTF-8, no NUL, at most `max_response_bytes`. `None` when
    /// there was none.
    pub response: Option<String>,
    /// What follows.
    pub verdict: Verdict,
}
