//! Who is told: webhooks and their endpoints, as the configuration has them at the moment.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::headers::Headers;
use crate::payload::{Hidden, Payloads};
use crate::signing::Signing;
use crate::throttle::Throttle;

/// Which messages wait for each other on their way to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// Messages about the same record, one after the other; those about none are free.
    Record,
    /// All messages, one after the other.
    Strict,
    /// None.
    None,
}

impl FromStr for Ordering {
    type Err = ();

    /// Reads the spelling of `webhooks.webhook.ordering`.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "record" => Ok(Ordering::Record),
            "strict" => Ok(Ordering::Strict),
            "none" => Ok(Ordering::None),
            _ => Err(()),
        }
    }
}

/// What the endpoints of a webhook have in common.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its row in `webhooks.webhook`.
    pub id: i64,
    /// The name a user gave it.
    pub name: Box<str>,
    /// Signs every call.
    pub signing: Signing,
    /// Headers of the user's own, for every call.
    pub headers: Headers,
    /// Which messages wait for each other.
    pub ordering: Ordering,
    /// Calls open at once to one endpoint.
    pub max_in_flight: u32,
    /// How many calls an endpoint gets in an interval, if that is bounded.
    pub throttle: Option<Throttle>,
    /// Messages in one call, at most. Over 1 the body is a list, even of one.
    pub batch_size: u32,
    /// For a whole call: name lookup, connection, request, answer and its body.
    pub timeout: Duration,
    /// The wait before each further attempt: n waits are n + 1 attempts.
    pub retry_schedule: Arc<[Duration]>,
    /// What its calls' bodies look like.
    pub payloads: Payloads,
    /// What the receiver wants to find in each body.
    pub handshake_key: Option<Hidden>,
    /// The texts of the secrets, the newest first, each with the time from which on it counts no more. Empty where no
    /// payload tells them.
    pub told_secrets: Box<[(Hidden, Option<SystemTime>)]>,
}

/// One URL of a webhook.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its row in `webhooks.endpoint`.
    pub id: i64,
    /// Where to. Judged at every call, so one that is not allowed (any more) gives an outcome, not an error here.
    pub url: String,
    /// Whose it is.
    pub webhook: Arc<Webhook>,
    /// Its deliveries wait.
    pub paused: bool,
    /// When it was last enabled or disabled, by any clock: another time than before says that it was.
    pub state_since: i64,
}
