//! One HTTP call, whatever the receiver does.

mod buffers;
mod failure;
mod guard;
mod memory;
#[cfg(test)]
mod name_tests;
mod tcp;
mod tls;
#[cfg(test)]
mod tls_tests;

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use ureq::config::Config;
use ureq::http::{HeaderName, HeaderValue, Method, Request, header};
use ureq::unversioned::resolver::Resolver;
use ureq::unversioned::transport::{self, Connector};
use ureq::{Agent, Body};

use guard::GuardConnector;
use tcp::TcpConnector;
use tls::TlsConnector;

use crate::fault::{Fault, FaultKind};
use crate::network::resolver::VettingResolver;
use crate::network::{Policy, parse_url};
use crate::outcome::Wish;
use crate::retry_after::retry_after;
use crate::settings::Settings;

/// Larger headers of an answer are refused. The buffer must be larger than the limit, or it would be full before
/// the limit is noticed.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const INPUT_BUFFER_BYTES: usize = 24 * 1024;
const OUTPUT_BUFFER_BYTES: usize = 16 * 1024;
/// Many servers close what was idle for 5 seconds. A connection that closes just as a call begins costs an attempt.
const MAX_IDLE: Duration = Duration::from_secs(4);
/// How many headers the client adds to those of a call.
const OWN_HEADERS: usize = 4;
/// In an answer: what the receiver wishes.
const WEBHOOK_DELIVERY: &str = "webhook-delivery";

/// Makes calls, from any number of threads at once.
pub(crate) trait Transport: Send + Sync {
    /// Makes one call and waits for its end.
    fn call(&self, call: &Call<'_>) -> Answer;

    /// Breaks off the open calls.
    fn shut_down(&self);
}

/// Makes calls over HTTP and keeps connections open between them. Shared by all sender threads.
pub(crate) struct Client {
    agent: Agent,
    policy: Policy,
    user_agent: HeaderValue,
    max_response_bytes: usize,
}

/// What to send.
pub(crate) struct Call<'a> {
    pub(crate) url: &'a str,
    /// All but those that HTTP itself asks for, and the user agent.
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) timeout: Duration,
    pub(crate) body: &'a [u8],
}

#[cfg(test)]
impl Call<'_> {
    /// A header that must be there, once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(given, _)| given == name);
        let (_, value) = found.next().expect("the header is there");
        assert!(found.next().is_none(), "{name} is there twice");
        value.to_str().expect("text")
    }
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    /// The body as far as it was kept.
    pub(crate) body: Vec<u8>,
    /// Why there is no answer, or why it is incomplete.
    pub(crate) fault: Option<Fault>,
    /// When the receiver wants to be called again.
    pub(crate) retry_after: Option<Duration>,
    /// What else it asked for.
    pub(crate) wish: Option<Wish>,
}

impl Answer {
    /// Whether its status says that all is well.
    pub(crate) fn is_2xx(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

impl Client {
    /// One that keeps up to so many connections open.
    pub(crate) fn new(settings: &Settings, connections: usize) -> Self {
        Client::with_parts(
            settings,
            agent_config(connections),
            TcpConnector.chain(TlsConnector::new(&settings.authorities)),
            VettingResolver::new(settings.policy()),
        )
    }

    fn with_parts<T: transport::Transport>(
        settings: &Settings,
        config: Config,
        connector: impl Connector<Out = T>,
        resolver: impl Resolver,
    ) -> Self {
        let guard = GuardConnector::new(settings.max_response_bytes);
        Client {
            agent: Agent::with_parts(config, connector.chain(guard), resolver),
            policy: settings.policy(),
            user_agent: HeaderValue::from_str(&settings.user_agent)
                .unwrap_or(HeaderValue::from_static("pg-webhooks")),
            max_response_bytes: settings.max_response_bytes,
        }
    }
}

impl Transport for Client {
    fn call(&self, call: &Call<'_>) -> Answer {
        let mut answer = Answer::default();
        answer.fault = self.exchange(call, &mut answer).err();
        answer
    }

    fn shut_down(&self) {
        self.agent.clone().shutdown();
    }
}

impl Client {
    fn exchange(&self, call: &Call<'_>, answer: &mut Answer) -> Result<(), Fault> {
        let fault = |error| failure::fault(error, call.timeout);
        let request = self.request(call)?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(call.timeout))
            .build();
        let mut response = self.agent.run(request).map_err(fault)?;
        answer.status = Some(response.status().as_u16());
        let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
        answer.retry_after = header(header::RETRY_AFTER.as_str())
            .and_then(|value| retry_after(value, SystemTime::now()));
        answer.wish = header(WEBHOOK_DELIVERY).and_then(Wish::parse);
        self.keep(response.body_mut(), &mut answer.body)
            .map_err(|error| fault(error.into()))
    }

    fn request<'a>(&self, call: &Call<'a>) -> Result<Request<&'a [u8]>, Fault> {
        let uri = parse_url(call.url, &self.policy)
            .map_err(|problem| Fault::new(FaultKind::ForbiddenAddress, problem))?;
        let mut request = Request::new(call.body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.reserve(OWN_HEADERS + call.headers.len());
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.extend(call.headers.iter().cloned());
        Ok(request)
    }

    /// Reads the body of an answer as far as it is kept. If there is more, the connection is closed with the rest
    /// in it; if not, the client has it back for the next call.
    fn keep(&self, body: &mut Body, kept: &mut Vec<u8>) -> io::Result<()> {
        let mut reader = body.as_reader();
        let mut chunk = [0; 4096];
        loop {
            let length = reader.read(&mut chunk)?;
            let room = self.max_response_bytes - kept.len();
            kept.extend_from_slice(&chunk[..length.min(room)]);
            if length == 0 || length > room {
                return Ok(());
            }
        }
    }
}

fn agent_config(connections: usize) -> Config {
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .max_response_header_size(MAX_HEADER_BYTES)
        .input_buffer_size(INPUT_BUFFER_BYTES)
        .output_buffer_size(OUTPUT_BUFFER_BYTES)
        .max_idle_connections(connections)
        .max_idle_connections_per_host(connections)
        .max_idle_age(MAX_IDLE)
        .build()
}
