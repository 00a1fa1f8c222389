//! How many calls a second the HTTP client makes by itself: the measure for `pool`.
//!
//! `cargo run --release --example bare_client -- http://127.0.0.1:8080/ 8 5`

mod common;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// The client's own resolver starts a thread for every call, so the comparison is made without it.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut resolved = self.empty();
        resolved.push(self.0);
        Ok(resolved)
    }
}

fn main() {
    let arguments = common::arguments();
    let uri: Uri = arguments.url.parse().expect("a URL");
    let authority = uri.authority().expect("a host").as_str();
    let address = authority.parse().expect("an address and a port");
    let config = Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(15)))
        .max_response_header_size(16 * 1024)
        .input_buffer_size(24 * 1024)
        .output_buffer_size(16 * 1024)
        .max_idle_connections(arguments.threads)
        .max_idle_connections_per_host(arguments.threads)
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Fixed(address));
    // The envelope of the default payload is as long as this.
    let body = format!(
        r#"{{"envelope":"{}","data":[{}]}}"#,
        "x".repeat(260),
        common::flight(1)
    );
    let calls = AtomicUsize::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                while started.elapsed() < arguments.duration {
                    let response = agent
                        .post(&uri)
                        .content_type("application/json")
                        .send(&body);
                    let mut response = response.expect("an answer");
                    assert_eq!(response.status(), 200);
                    response.body_mut().read_to_vec().expect("a body");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    common::report("bare client", calls.into_inner(), started.elapsed());
}
