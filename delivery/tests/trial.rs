//! Test calls: one to each endpoint, and none that outlives whoever waits for it.

mod common;

use std::sync::mpsc::{Receiver, channel};

use webhooks_delivery::{Finished, Trial, Verdict};

use common::receiver::{DEADLINE, OK, Server};
use common::{endpoint, settings, webhook};

fn start(urls: &[&str]) -> (Trial, Receiver<()>) {
    let endpoints = urls.iter().zip(1..);
    let endpoints = endpoints.map(|(url, id)| endpoint(id, url, webhook()));
    let (ring, bell) = channel();
    let waker = move || {
        ring.send(()).ok();
    };
    let trial = Trial::start(settings(), endpoints.collect(), waker).unwrap();
    (trial, bell)
}

fn wait_for_all(trial: &Trial, bell: &Receiver<()>) -> Vec<Finished> {
    let mut finished: Vec<(usize, Finished)> = Vec::new();
    while finished.len() < trial.expected() {
        bell.recv_timeout(DEADLINE).expect("a call ends");
        finished.extend(trial.finished());
    }
    finished.sort_by_key(|(place, _)| *place);
    finished.into_iter().map(|(_, call)| call).collect()
}

#[test]
fn each_endpoint_is_called_once_with_a_test_message() {
    let (see, seen) = channel();
    let good = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            see.send(request).unwrap();
            connection.write(OK);
        }
    });
    let bad = Server::answering(b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops");
    let (trial, bell) = start(&[&bad.url, &good.url, &bad.url]);

    let finished = wait_for_all(&trial, &bell);

    let statuses: Vec<Option<u16>> = finished.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(500), Some(200), Some(500)]);
    assert_eq!(finished[0].response.as_deref(), Some("oops"));
    assert_eq!(finished[1].verdicts, [Verdict::Delivered]);
    let request = seen.recv().unwrap();
    assert!(request.header("webhook-signature").is_some());
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["eventType"], "webhook.test");
    assert_eq!(body["data"][0]["webhook"], "shipping");
    assert_eq!(
        body["messageId"].as_str(),
        request.header("webhook-id"),
        "an id like any other"
    );
    assert!(seen.try_recv().is_err(), "one call");
}

#[test]
fn more_endpoints_than_threads_are_all_called() {
    let server = Server::answering(OK);
    let (trial, bell) = start(&[server.url.as_str(); 100]);
    assert_eq!(wait_for_all(&trial, &bell).len(), 100);
}

#[test]
fn the_address_policy_counts() {
    let (trial, bell) = start(&["http://10.0.0.1/"]);
    let finished = wait_for_all(&trial, &bell);
    let error = finished[0].error.as_ref().unwrap().to_string();
    assert!(error.starts_with("forbidden address"), "{error}");
}

#[test]
fn who_waits_no_longer_breaks_the_calls_off() {
    let (see, seen) = channel();
    let server = Server::start(move |mut connection| {
        let request = connection.request();
        see.send(request.is_some()).unwrap();
        connection.wait_for_close();
        see.send(false).unwrap();
    });
    let (trial, _bell) = start(&[&server.url]);
    assert!(seen.recv_timeout(DEADLINE).expect("a call"));
    drop(trial);
    assert!(!seen.recv_timeout(DEADLINE).expect("its end"));
}
