//! Names that stand for something else than they seem to, or for nothing.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Instant;

use super::*;
use crate::fixtures::settings;
use crate::network::lookup::{Ask, Lookup};

/// The only address that may be called, and one that may not.
const GOOD: &str = "127.0.0.2";
const BAD: &str = "127.0.0.3";

/// A server at an address, which answers 200 and keeps its connections.
struct Server {
    visits: Arc<AtomicUsize>,
    port: u16,
}

impl Server {
    fn start(address: &str, port: u16) -> Option<Server> {
        let listener = TcpListener::bind((address, port)).ok()?;
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut request = Vec::new();
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        request.push(byte[0]);
                        if request.ends_with(b"\r\n\r\nbody") {
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                            stream.write_all(answer).ok();
                        }
                    }
                });
            }
        });
        Some(Server { visits, port })
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// One at each address, on the same port.
fn servers() -> (Server, Server) {
    loop {
        let good = Server::start(GOOD, 0).unwrap();
        if let Some(bad) = Server::start(BAD, good.port) {
            return (good, bad);
        }
    }
}

/// A client that asks this name server, and remembers what it said for so long.
fn client(ask: Arc<Ask>, remember_for: Duration) -> Client {
    let settings = Settings {
        allowed_networks: vec![GOOD.parse().unwrap()],
        ..settings()
    };
    let lookup = Lookup::with(ask);
    Client::with_parts(
        &settings,
        agent_config(4),
        TcpConnector,
        VettingResolver::with_lookup(settings.policy(), lookup, remember_for),
    )
}

fn call(client: &Client, url: &str, timeout: Duration) -> Answer {
    client.call(&Call {
        url,
        headers: &[],
        timeout,
        body: b"body",
    })
}

fn addresses(texts: &[&str]) -> io::Result<Vec<IpAddr>> {
    Ok(texts.iter().map(|text| text.parse().unwrap()).collect())
}

const PATIENT: Duration = Duration::from_secs(30);

#[test]
fn a_name_that_stands_for_good_and_bad_at_once_is_refused() {
    let (good, bad) = servers();
    let url = format!("http://both.example:{}/", good.port);
    for answer in [
        &[GOOD, BAD][..],
        &[BAD, GOOD],
        &[GOOD, "::1"],
        &[GOOD, "::ffff:127.0.0.3"],
        &[GOOD, "64:ff9b::7f00:3"],
    ] {
        let client = client(Arc::new(|_: &str| addresses(answer)), Duration::ZERO);
        let fault = call(&client, &url, PATIENT).fault.expect("a fault");
        assert_eq!(fault.kind, FaultKind::ForbiddenAddress, "{answer:?}");
    }
    assert_eq!((good.visits(), bad.visits()), (0, 0));
}

#[test]
fn a_name_that_stands_for_something_else_the_second_time_is_judged_by_what_is_connected_to() {
    let (good, bad) = servers();
    let url = format!("http://rebound.example:{}/", good.port);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let ask = move |_: &str| match count.fetch_add(1, Ordering::SeqCst) {
        0 => addresses(&[GOOD]),
        _ => addresses(&[BAD]),
    };
    let client = client(Arc::new(ask), Duration::ZERO);

    // Were it looked up once more between the judgement and the connection, that would lead to the bad one.
    let answer = call(&client, &url, PATIENT);
    assert_eq!((answer.status, answer.fault), (Some(200), None));
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    // Not even over the connection that is still open.
    let fault = call(&client, &url, PATIENT).fault.expect("a fault");
    assert_eq!(fault.kind, FaultKind::ForbiddenAddress);
    assert_eq!((good.visits(), bad.visits()), (1, 0));
}

#[test]
fn a_name_server_that_does_not_answer_counts_against_the_deadline_and_holds_up_no_other_name() {
    let (good, _bad) = servers();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let ask = move |name: &str| {
        if name == "silent.example" {
            // Until the test ends.
            released.lock().unwrap().recv().ok();
        }
        addresses(&[GOOD])
    };
    let client = client(Arc::new(ask), Duration::ZERO);
    let (timeout, began) = (Duration::from_millis(50), Instant::now());
    let fault = call(&client, "http://silent.example/", timeout).fault;
    let fault = fault.expect("a fault");
    assert_eq!(fault.kind, FaultKind::Dns);
    assert_eq!(fault.detail, "no answer for silent.example in time");
    assert!(began.elapsed() >= timeout);

    let url = format!("http://alive.example:{}/", good.port);
    assert_eq!(call(&client, &url, PATIENT).status, Some(200));
    drop(release);
}
