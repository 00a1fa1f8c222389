//! What receivers that misbehave leave behind: nothing. One test, since it counts what the whole process has.

mod common;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::receiver::{Caller, Connection, DEADLINE, OK, Server};
use common::{delivery, endpoint, message, settings, webhook};
use webhooks_delivery::{Verdict, Webhook};

/// Threads and descriptors of this process.
fn counts() -> (usize, usize) {
    let entries = |path| fs::read_dir(path).expect("/proc").count();
    (entries("/proc/self/task"), entries("/proc/self/fd"))
}

/// The memory of this process that is in use, in kilobytes.
fn resident_kb() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.expect("VmRSS").split_whitespace();
    words.rev().nth(1).unwrap().parse().unwrap()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Writes this for as long as the sender listens.
fn flood(connection: &mut Connection, bytes: &[u8]) {
    let bytes = bytes.repeat(100_000 / bytes.len());
    while connection.write(&bytes) {}
}

/// One server for each sort of misbehaviour.
fn misbehaving() -> Vec<Server> {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        Server::start(drop),
        Server::start(|mut connection| connection.wait_for_close()),
        Server::start(|mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\nconte");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n");
            flood(&mut connection, b"x");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(CHUNKED);
            flood(&mut connection, b"1\r\n\0\r\n");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(CHUNKED);
            connection.write(b"0\r\n");
            flood(&mut connection, b"x: y\r\n");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\n");
            flood(&mut connection, b"x: y\r\n");
        }),
        Server::start(|mut connection| {
            connection.request();
            flood(&mut connection, b"HTTP/1.1 100 Continue\r\n\r\n");
        }),
        Server::start(|mut connection| {
            connection.request();
            flood(&mut connection, b"\xff\0");
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\n\r\n");
            while connection.write(b"x") {
                std::thread::sleep(Duration::from_millis(5));
            }
        }),
        Server::start(|mut connection| {
            connection.request();
            connection.write(&[OK, OK].concat());
            connection.wait_for_close();
        }),
        Server::answering(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n"),
    ]
}

#[test]
fn misbehaviour_costs_no_memory_no_threads_no_descriptors_and_no_other_endpoint_anything() {
    let (good, bad) = (Server::answering(OK), misbehaving());
    let before = counts();

    let caller = Caller::new(&good.url, settings(), webhook());
    let hasty = Webhook {
        timeout: Duration::from_millis(50),
        ..webhook()
    };
    // Endpoints anew for each round, so that none is spared because it failed before.
    let round = |number: i64| {
        let mut endpoints = vec![Arc::clone(&caller.endpoint)];
        for server in &bad {
            let id = number * 1000 + endpoints.len() as i64;
            endpoints.push(endpoint(id, &server.url, hasty.clone()));
            // The same where TLS is expected.
            let url = server.url.replace("http:", "https:");
            endpoints.push(endpoint(id + 1, &url, hasty.clone()));
        }
        caller.pool.scheduler(|scheduler| {
            scheduler.configure(endpoints.clone());
            for endpoint in &endpoints {
                let delivery = delivery(endpoint, message(number, None));
                scheduler.offer(delivery).unwrap();
            }
        });
        let mut ended = 0;
        while ended < endpoints.len() {
            for finished in caller.wait() {
                ended += 1;
                if finished.batch.endpoint().id == 1 {
                    assert_eq!(finished.verdicts, [Verdict::Delivered]);
                }
            }
        }
    };

    // Allocators keep some for themselves in the beginning.
    (1..6).for_each(round);
    let (resident, (threads, _)) = (resident_kb(), counts());
    (6..31).for_each(round);
    let grown = resident_kb().saturating_sub(resident);
    assert!(grown < 4 * 1024, "{grown} kB more than before");
    wait_until("no more threads than before", || counts().0 <= threads);

    drop(caller);
    wait_until(&format!("all is as it was: {before:?}"), || {
        counts() == before
    });
}
