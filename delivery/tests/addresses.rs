//! What must never be called is not, however it is written; what may be called is not refused.

mod common;
#[path = "data/mod.rs"]
mod data;

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use common::receiver::{Caller, DEADLINE, Server};
use common::{settings, webhook};
use webhooks_delivery::{FaultKind, Policy, Settings, check_url};

/// Nothing but what is public.
fn strict() -> Settings {
    Settings {
        allowed_networks: Vec::new(),
        ..settings()
    }
}

fn policy() -> Policy {
    strict().policy()
}

/// A server on all addresses of this machine that counts who comes.
fn forbidden_server() -> (u16, Arc<AtomicUsize>) {
    // Takes IPv4 as well, unless the machine is set up otherwise or has no IPv6.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let listener = listener.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&visits);
    thread::spawn(move || {
        for _stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, visits)
}

#[test]
fn the_list_is_long_enough_and_has_every_class() {
    let list = data::forbidden(80);
    let urls: HashSet<_> = list.iter().map(|entry| &entry.url).collect();
    assert_eq!(urls.len(), list.len(), "something is listed twice");
    let classes: HashSet<_> = list.iter().map(|entry| entry.class).collect();
    for class in [
        "v4",
        "v6",
        "metadata",
        "decimal",
        "octal",
        "hex",
        "short",
        "mixed",
        "overflow",
        "dots",
        "mapped",
        "compatible",
        "nat64",
        "6to4",
        "teredo",
        "isatap",
        "siit",
        "zone",
        "brackets",
        "userinfo",
        "encoded",
        "unicode",
        "separators",
        "controls",
        "case",
        "port",
        "scheme",
        "name",
        "hostname",
        "punycode",
    ] {
        assert!(classes.contains(class), "{class}");
    }
    assert!(list.len() > 500);
}

#[test]
fn what_is_forbidden_cannot_be_saved() {
    for entry in data::forbidden(8080) {
        let refused = check_url(&entry.url, &policy()).is_err();
        assert_eq!(
            refused,
            !entry.is_name(),
            "{}: {:?}",
            entry.class,
            entry.url
        );
    }
}

#[test]
fn what_is_forbidden_is_not_called_even_if_it_was_saved() {
    let (port, visits) = forbidden_server();
    for entry in data::forbidden(port) {
        let caller = Caller::new(&entry.url, strict(), webhook());
        let finished = caller.call();
        let fault = finished.error.expect("a fault");
        // Where the system knows no such name, there is nothing to forbid.
        let may_be_unknown = ["hostname", "punycode"].contains(&entry.class);
        let refused = fault.kind == FaultKind::ForbiddenAddress
            || (may_be_unknown && fault.kind == FaultKind::Dns);
        assert!(refused, "{}: {:?}: {fault}", entry.class, entry.url);
        assert_eq!(finished.status, None);
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

/// Or the test before would show nothing.
#[test]
fn the_forbidden_server_is_reached_if_it_is_allowed() {
    let (port, visits) = forbidden_server();
    let finished = Caller::new(&format!("http://127.1:{port}/"), settings(), webhook()).call();
    assert_eq!(finished.error.unwrap().kind, FaultKind::Closed);
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

#[test]
fn redirects_to_what_is_forbidden_are_not_followed() {
    let (port, visits) = forbidden_server();
    // What can be in a header at all.
    let targets: Vec<_> = data::forbidden(port)
        .into_iter()
        .filter(|entry| !entry.url.contains(char::is_control))
        .map(|entry| entry.url)
        .collect();
    let count = targets.len();
    let targets = Mutex::new(targets.into_iter());
    let (sent, received) = channel();
    let sent = Mutex::new(sent);
    let server = Server::start(move |mut connection| {
        while connection.request().is_some() {
            let Some(target) = targets.lock().unwrap().next() else {
                return;
            };
            let answer = format!(
                "HTTP/1.1 307 Elsewhere\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
            );
            connection.write(answer.as_bytes());
            sent.lock().unwrap().send(target).unwrap();
        }
    });
    let only_server = Settings {
        allowed_networks: vec!["127.0.0.1".parse().unwrap()],
        ..settings()
    };
    for _ in 0..count {
        let finished = Caller::new(&server.url, only_server.clone(), webhook()).call();
        let target = received.recv_timeout(DEADLINE).unwrap();
        assert_eq!(finished.status, Some(307), "{target}");
        assert_eq!(finished.error.unwrap().kind, FaultKind::Status, "{target}");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_public_is_not_refused() {
    for url in data::allowed() {
        assert_eq!(check_url(url, &policy()), Ok(()), "{url}");
    }
}
