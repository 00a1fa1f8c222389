//! One message on its way to one endpoint, and what came of a call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use crate::breaker::Effect;
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
    /// When the first attempt began, in microseconds since the Unix epoch; `None` before it.
    pub first_attempt_at: Option<i64>,
    /// It has a row in `webhooks.delivery`.
    pub stored: bool,
    /// When it entered memory.
    pub since: Instant,
    /// The caller's mark of the read it came from.
    pub generation: u64,
}

/// What goes out in one call: deliveries to one endpoint, all with the same number of attempts.
#[derive(Debug, Clone)]
pub struct Batch {
    /// At least one, in the order of their messages.
    pub deliveries: Vec<Delivery>,
    /// When the lane gave it out.
    pub begun: Instant,
}

impl Batch {
    /// The id of the call: that of its message, or one made of those of all its messages, the same whenever the same ones
    /// go together.
    pub fn id(&self) -> String {
        if let [delivery] = self.deliveries.as_slice() {
            return delivery.message.id().to_string();
        }
        let mut ids = Sha256::new();
        for delivery in &self.deliveries {
            ids.update(delivery.message.id().to_string());
        }
        let digest = ids.finalize();
        let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        format!("batch_{}", hex.collect::<String>())
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.deliveries[0].endpoint
    }
}

/// One call that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What was sent; `attempt` is the number of this call.
    pub batch: Batch,
    /// What follows for each of its deliveries.
    pub verdicts: Vec<Verdict>,
    /// What follows for the endpoint.
    pub effect: Effect,
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
}

impl Finished {
    /// Each delivery and what follows for it.
    pub fn deliveries(&self) -> impl Iterator<Item = (&Delivery, Verdict)> {
        self.batch
            .deliveries
            .iter()
            .zip(self.verdicts.iter().copied())
    }
}
