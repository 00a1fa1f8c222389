//! What reads texts that others wrote, within reach of the fuzz targets and of the tests that replay what they found.
//! No part of the crate's interface.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ureq::config::Config;
use ureq::unversioned::resolver::Resolver;
use ureq::unversioned::transport::NextTimeout;

use crate::authorities::Authorities;
use crate::client::{Call, Client, Transport};
use crate::fault::Fault;
use crate::network::resolver::VettingResolver;
use crate::network::{Host, Policy, host_of, parse_url};
use crate::outcome::{self, Tried, Verdict};
use crate::response;
use crate::settings::Settings;

/// What is made of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: Option<u16>,
    /// Its body as it is stored.
    pub response: Option<String>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// What it asks for with `Retry-After`.
    pub retry_after: Option<Duration>,
    /// What follows for a delivery that has one more attempt.
    pub verdict: Verdict,
}

/// Makes a call whose answer is this, in pieces of so many bytes.
pub fn answer(bytes: &[u8], piece: usize, max_response_bytes: usize) -> Answer {
    let settings = Settings {
        allowed_networks: Vec::new(),
        allow_http: true,
        authorities: Authorities::default(),
        max_response_bytes,
        user_agent: "pg-webhooks/fuzzing".into(),
        integration_url: String::new(),
    };
    let answer = Client::answered(&settings, bytes, piece).call(&Call {
        url: "http://example.com/",
        headers: &[],
        timeout: Duration::from_secs(3600),
        body: b"{}",
    });
    let tried = Tried {
        attempt: 1,
        since_first: Duration::ZERO,
    };
    let (verdict, _) = outcome::judge(&answer, tried, &[Duration::from_secs(5)], 0.0);
    Answer {
        status: answer.status,
        response: response::text(&answer.body, max_response_bytes),
        fault: answer.fault,
        retry_after: answer.retry_after,
        verdict,
    }
}

/// Reads the value of a `Retry-After`.
pub fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    crate::retry_after::retry_after(value, now)
}

/// Where a call goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// There.
    Address(SocketAddr),
    /// To an address that a name server is asked for.
    Name(String),
}

/// Where a call to this URL goes, if it goes anywhere.
pub fn destination(url: &str, policy: &Policy) -> Option<Destination> {
    let uri = parse_url(url, policy).ok()?;
    if let Host::Name(name) = host_of(&uri).ok()? {
        return Some(Destination::Name(name.to_owned()));
    }
    let resolver = VettingResolver::new(policy.clone());
    let addresses = resolver
        .resolve(&uri, &Config::default(), NextTimeout::default())
        .ok()?;
    Some(Destination::Address(addresses[0]))
}
