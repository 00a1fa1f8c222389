//! Receivers that misbehave: each ends in an outcome, and none delays another.

mod common;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::receiver::{Caller, DEADLINE, OK, Server};
use common::{delivery, endpoint, message, settings, webhook};
use webhooks_delivery::{Fault, FaultKind, Finished, Verdict, Webhook};

fn hasty() -> Webhook {
    Webhook {
        timeout: Duration::from_millis(300),
        ..webhook()
    }
}

fn call(server: &Server, webhook: Webhook) -> Finished {
    let caller = Caller::new(&server.url, settings(), webhook);
    let finished = caller.call();
    let delivered = finished.verdicts == [Verdict::Delivered];
    assert_eq!(finished.error.is_none(), delivered);
    finished
}

fn fault(finished: Finished) -> (FaultKind, Option<u16>) {
    let Fault { kind, .. } = finished.error.expect("a fault");
    (kind, finished.status)
}

#[test]
fn one_that_never_answers_times_out() {
    let server = Server::start(|mut connection| connection.wait_for_close());
    let finished = call(&server, hasty());
    assert_eq!(
        finished.error.as_ref().unwrap().to_string(),
        "timeout: not complete within 300ms"
    );
    assert!(finished.duration >= Duration::from_millis(300));
    assert_eq!(fault(finished), (FaultKind::Timeout, None));
}

#[test]
fn one_that_does_not_even_read_times_out() {
    let (done, finished) = channel::<()>();
    let finished = Mutex::new(finished);
    let server = Server::start(move |_connection| {
        finished.lock().unwrap().recv().ok();
    });
    let caller = Caller::new(&server.url, settings(), hasty());
    let mut message = message(1, None);
    message.data = Some(format!(r#""{}""#, "x".repeat(30_000_000)));
    caller.offer(delivery(&caller.endpoint, message));
    assert_eq!(fault(caller.wait().remove(0)), (FaultKind::Timeout, None));
    drop(done);
}

#[test]
fn one_that_answers_byte_by_byte_times_out() {
    // Which part trickles: the headers, or the body.
    for (start, status) in [
        ("HTTP/1.1 200 OK\r\nx: ", None),
        ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
    ] {
        let server = Server::start(move |mut connection| {
            connection.request();
            connection.write(start.as_bytes());
            while connection.write(b"2") {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        // Long enough to get that far on a busy machine.
        let patient = Webhook {
            timeout: Duration::from_secs(1),
            ..webhook()
        };
        let finished = call(&server, patient);
        let response = finished.response.clone().unwrap_or_default();
        assert_eq!(response.starts_with('2'), status.is_some());
        assert_eq!(fault(finished), (FaultKind::Timeout, status));
    }
}

#[test]
fn one_that_closes_early_is_a_fault() {
    for (answer, status, kept) in [
        ("", None, None),
        ("HTTP/1.1 200 OK\r\ncontent-le", None, None),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234",
            Some(200),
            Some("01234"),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n012",
            Some(200),
            Some("012"),
        ),
    ] {
        let server = Server::start(move |mut connection| {
            connection.request();
            connection.write(answer.as_bytes());
        });
        let finished = call(&server, webhook());
        assert_eq!(finished.response.as_deref(), kept, "{answer}");
        assert_eq!(fault(finished), (FaultKind::Closed, status), "{answer}");
    }
}

#[test]
fn one_that_closes_at_once_is_a_fault() {
    let server = Server::start(drop);
    assert_eq!(fault(call(&server, webhook())), (FaultKind::Closed, None));
}

#[test]
fn one_that_speaks_something_else_is_a_fault() {
    for answer in [
        "220 mail.example ESMTP\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/7.0 200 OK\r\n\r\n",
    ] {
        let server = Server::start(move |mut connection| {
            connection.request();
            connection.write(answer.as_bytes());
            connection.wait_for_close();
        });
        assert_eq!(
            fault(call(&server, webhook())),
            (FaultKind::Closed, None),
            "{answer}"
        );
    }
}

#[test]
fn nobody_there_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let finished = Caller::new(&url, settings(), webhook()).call();
    assert_eq!(fault(finished), (FaultKind::Refused, None));
}

#[test]
fn no_tls_where_tls_is_wanted_is_a_fault() {
    let server = Server::start(|mut connection| {
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        connection.wait_for_close();
    });
    let url = server.url.replace("http:", "https:");
    let finished = Caller::new(&url, settings(), webhook()).call();
    assert_eq!(fault(finished), (FaultKind::Tls, None));
}

#[test]
fn tls_that_never_answers_times_out() {
    let server = Server::start(|mut connection| connection.wait_for_close());
    let url = server.url.replace("http:", "https:");
    let finished = Caller::new(&url, settings(), hasty()).call();
    assert_eq!(fault(finished), (FaultKind::Timeout, None));
}

#[test]
fn an_endless_body_is_cut_and_the_connection_closed() {
    let (closed, has_closed) = channel();
    let closed = Mutex::new(closed);
    let server = Server::start(move |mut connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n");
        while connection.write(&[b'x'; 65536]) {}
        closed.lock().unwrap().send(()).unwrap();
    });
    let finished = call(&server, webhook());
    assert_eq!(finished.verdicts, [Verdict::Delivered]);
    assert_eq!(finished.response.unwrap(), "x".repeat(1000));
    has_closed
        .recv_timeout(DEADLINE)
        .expect("the rest is not wanted");
}

#[test]
fn compressed_bodies_are_kept_as_they_are() {
    let server = Server::answering(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8bab",
    );
    assert_eq!(
        call(&server, webhook()).response.unwrap(),
        "\u{1f}\u{fffd}ab"
    );
}

#[test]
fn nul_and_invalid_utf8_are_made_storable() {
    let server =
        Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\na\0b\xff\xfec\xc3");
    let response = call(&server, webhook()).response.unwrap();
    assert_eq!(response, "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}");
}

#[test]
fn enormous_headers_are_too_large() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for answer in [long, endless, many] {
        let server = Server::start(move |mut connection| {
            connection.request();
            connection.write(answer.as_bytes());
            connection.wait_for_close();
        });
        assert_eq!(fault(call(&server, webhook())), (FaultKind::TooLarge, None));
    }
}

#[test]
fn a_redirect_is_an_error_and_not_followed() {
    for answer in [
        &b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n"[..],
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 308 Permanent Redirect\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (sent, received) = channel();
        let sent = Mutex::new(sent);
        let server = Server::start(move |mut connection| {
            while let Some(request) = connection.request() {
                sent.lock().unwrap().send(request.line).unwrap();
                connection.write(answer);
            }
        });
        let finished = call(&server, webhook());
        let fault = finished.error.unwrap();
        assert_eq!(fault.kind, FaultKind::Status);
        assert_eq!(fault.to_string(), format!("status: {}", finished.status.unwrap()));
        assert!(matches!(finished.verdicts[..], [Verdict::Retry { .. }]));
        assert_eq!(received.iter().take(1).count(), 1);
        assert!(received.try_recv().is_err());
    }
}

#[test]
fn a_dead_endpoint_does_not_delay_another() {
    let dead = Server::start(|mut connection| connection.wait_for_close());
    let good = Server::answering(OK);
    let caller = Caller::new(&good.url, settings(), webhook());
    let narrow = Webhook {
        max_in_flight: 3,
        ..webhook()
    };
    let dead = endpoint(2, &dead.url, narrow);
    let endpoints = vec![Arc::clone(&caller.endpoint), Arc::clone(&dead)];
    caller.pool.scheduler(|scheduler| {
        scheduler.configure(endpoints);
        for seq in 0..100 {
            scheduler
                .offer(delivery(&dead, message(seq, None)))
                .unwrap();
        }
        for seq in 0..100 {
            scheduler
                .offer(delivery(&caller.endpoint, message(seq, None)))
                .unwrap();
        }
    });
    let mut delivered = 0;
    while delivered < 100 {
        for finished in caller.wait() {
            assert_eq!(
                finished.batch.endpoint().id,
                1,
                "the dead one is still open"
            );
            delivered += 1;
        }
    }
    let in_flight = caller.pool.scheduler(|scheduler| scheduler.in_flight());
    assert_eq!(in_flight, 3);
}

#[test]
fn stopping_breaks_off_what_is_open() {
    let (events, has_event) = channel();
    let events = Mutex::new(events);
    let server = Server::start(move |mut connection| {
        connection.request();
        events.lock().unwrap().send("begun").unwrap();
        connection.wait_for_close();
        events.lock().unwrap().send("closed").unwrap();
    });
    let patient = Webhook {
        timeout: 10 * DEADLINE,
        ..webhook()
    };
    let caller = Caller::new(&server.url, settings(), patient);
    caller.offer(delivery(&caller.endpoint, message(1, None)));
    assert_eq!(has_event.recv_timeout(DEADLINE), Ok("begun"));
    assert!(caller.pool.stop(Duration::from_millis(10)).is_empty());
    assert_eq!(has_event.recv_timeout(DEADLINE), Ok("closed"));
}

#[test]
fn many_that_say_nothing_cost_no_more_than_their_timeouts() {
    let silent = Arc::new(AtomicBool::new(true));
    let waits = Arc::clone(&silent);
    let server = Server::start(move |mut connection| {
        while connection.request().is_some() {
            if waits.load(Ordering::SeqCst) {
                return connection.wait_for_close();
            }
            connection.write(OK);
        }
    });
    let hasty = Webhook {
        timeout: Duration::from_millis(20),
        ..hasty()
    };
    let caller = Caller::new(&server.url, settings(), webhook());
    let endpoints: Vec<_> = (2..102)
        .map(|id| endpoint(id, &server.url, hasty.clone()))
        .collect();
    caller.pool.scheduler(|scheduler| {
        scheduler.configure(endpoints.clone());
        for endpoint in &endpoints {
            scheduler
                .offer(delivery(endpoint, message(1, None)))
                .unwrap();
        }
    });
    let mut ended = 0;
    while ended < 100 {
        for finished in caller.wait() {
            assert_eq!(fault(finished), (FaultKind::Timeout, None));
            ended += 1;
        }
    }
    silent.store(false, Ordering::SeqCst);
    let good = endpoint(1, &server.url, webhook());
    caller
        .pool
        .scheduler(|scheduler| scheduler.configure(vec![good]));
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
}
