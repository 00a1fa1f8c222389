//! Test calls, made from a session while its statement waits.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use pgrx::prelude::*;
use webhooks_delivery::{Endpoint, Finished, Trial};

use crate::pg::encoding::storable;
use crate::pg::{interrupt, wait};
use crate::worker::authorities;
use crate::worker::configuration::Configuration;
use crate::{error, settings};

/// What came of a test call.
pub struct Outcome {
    /// Where it went.
    pub url: String,
    /// The answer's status.
    pub status: Option<i32>,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// Why it is no success.
    pub error: Option<String>,
    /// The answer's body, as far as it is kept.
    pub response: Option<String>,
}

/// Calls each endpoint of a webhook and waits for the ends of the calls. What ends the statement breaks them off.
pub fn call(webhook_id: i64) -> Vec<Outcome> {
    let endpoints = Configuration::endpoints_of(webhook_id);
    let (mut bell, ring) = UnixStream::pair().unwrap_or_else(failed);
    for end in [&bell, &ring] {
        end.set_nonblocking(true).unwrap_or_else(failed);
    }
    // A byte that does not fit is not needed; one that nobody waits for any more is lost.
    let waker = move || drop((&ring).write(&[1]));
    let settings = settings::delivery(authorities::read_at_start());
    let started =
        interrupt::with_signals_blocked(|| Trial::start(settings, endpoints.clone(), waker));
    let trial = started.unwrap_or_else(failed);

    let mut finished: Vec<(usize, Finished)> = Vec::new();
    while finished.len() < trial.expected() {
        wait::until_readable(&bell);
        let mut buffer = [0; 256];
        while matches!(bell.read(&mut buffer), Ok(count) if count == buffer.len()) {}
        finished.extend(trial.finished());
    }
    finished.sort_unstable_by_key(|(place, _)| *place);
    let outcomes = finished.into_iter().zip(endpoints);
    outcomes
        .map(|((_, call), endpoint)| outcome(&call, &endpoint))
        .collect()
}

fn outcome(call: &Finished, endpoint: &Arc<Endpoint>) -> Outcome {
    Outcome {
        url: endpoint.url.clone(),
        status: call.status.map(i32::from),
        duration_us: call.duration.as_micros() as i64,
        error: call
            .error
            .as_ref()
            .map(|error| storable(&error.to_string())),
        response: call.response.as_ref().map(|response| storable(response)),
    }
}

fn failed<T>(problem: std::io::Error) -> T {
    error::raise(
        PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
        format!("a test call could not be made: {problem}"),
        "Try again when the server has threads and descriptors to spare.",
    )
}
