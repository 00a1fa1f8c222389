//! Receivers that break the rules of HTTP, or stretch them: the call ends, and what comes later is not taken for the
//! answer to something else.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use common::receiver::{Caller, DEADLINE, OK, Server};
use common::{delivery, message, settings, webhook};
use webhooks_delivery::{FaultKind, Finished, Settings, Verdict};

/// What comes of a call that is answered so, after which the receiver waits for the sender to close.
fn answered(answer: &'static [u8]) -> Finished {
    let server = Server::start(move |mut connection| {
        connection.request();
        connection.write(answer);
        connection.finish();
        connection.wait_for_close();
    });
    Caller::new(&server.url, settings(), webhook()).call()
}

/// What comes of a call that is answered so, and then with this for as long as the sender listens; and how much it
/// took of that.
fn answered_without_end(start: &'static [u8], again: &'static [u8]) -> (Finished, usize) {
    let (sent, received) = channel();
    let sent = Mutex::new(sent);
    let server = Server::start(move |mut connection| {
        connection.request();
        connection.write(start);
        let again = again.repeat(10_000 / again.len());
        let mut bytes = 0;
        while connection.write(&again) {
            bytes += again.len();
        }
        sent.lock().unwrap().send(bytes).unwrap();
    });
    let finished = Caller::new(&server.url, settings(), webhook()).call();
    let bytes = received.recv_timeout(DEADLINE).expect("it is broken off");
    (finished, bytes)
}

fn kind(finished: &Finished) -> Option<FaultKind> {
    finished.error.as_ref().map(|fault| fault.kind)
}

#[test]
fn what_is_no_status_line_of_http_1_is_a_fault() {
    for answer in [
        &b"HTTP/1.1 000 Nothing\r\ncontent-length: 0\r\n\r\n"[..],
        b"HTTP/1.1 099 Nothing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 007 Nothing\r\n\r\n",
        b"HTTP/1.1 1000 Much\r\n\r\n",
        b"HTTP/1.1 20 Little\r\n\r\n",
        b"HTTP/1.1 -200 Less\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"<html>HTTP/0.9 has no head</html>\r\n\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
        b"\xff\xfe\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /hooks HTTP/1.1\r\nhost: here\r\n\r\n",
    ] {
        let finished = answered(answer);
        let shown = answer.escape_ascii();
        assert_eq!(kind(&finished), Some(FaultKind::Closed), "{shown}");
        assert_eq!(finished.status, None, "{shown}");
    }
}

#[test]
fn statuses_that_nobody_knows_are_statuses() {
    for (answer, status) in [
        (&b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n"[..], 999),
        (b"HTTP/1.1 600\r\ncontent-length: 0\r\n\r\n", 600),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", 101),
        (b"HTTP/1.0 300 \xff\xfe\r\ncontent-length: 0\r\n\r\n", 300),
    ] {
        let finished = answered(answer);
        assert_eq!(kind(&finished), Some(FaultKind::Status), "{status}");
        assert_eq!(finished.status, Some(status));
    }
}

#[test]
fn headers_that_are_none_are_a_fault() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n\r\n",
    ] {
        let finished = answered(answer);
        let shown = answer.escape_ascii();
        assert_eq!(kind(&finished), Some(FaultKind::Closed), "{shown}");
    }
}

#[test]
fn lengths_that_contradict_each_other_or_are_none_are_a_fault() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nab",
    ] {
        let finished = answered(answer);
        let shown = answer.escape_ascii();
        assert_eq!(kind(&finished), Some(FaultKind::Closed), "{shown}");
        assert_eq!(finished.response, None, "{shown}");
    }
}

#[test]
fn chunks_whose_size_is_none_are_a_fault() {
    for chunks in [
        "-2\r\nab\r\n0\r\n\r\n",
        "0x2\r\nab\r\n0\r\n\r\n",
        "\r\nab\r\n0\r\n\r\n",
        "2 2\r\nab\r\n0\r\n\r\n",
        "10000000000000000\r\nab\r\n0\r\n\r\n",
        "ffffffffffffffffffffffffffffffff\r\nab",
        "2\r\nabcd\r\n0\r\n\r\n",
        "zz\r\nab\r\n0\r\n\r\n",
    ] {
        let server = Server::start(move |mut connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            connection.write(chunks.as_bytes());
            connection.finish();
            connection.wait_for_close();
        });
        let finished = Caller::new(&server.url, settings(), webhook()).call();
        assert_eq!(kind(&finished), Some(FaultKind::Closed), "{chunks}");
        assert_eq!(finished.status, Some(200), "{chunks}");
    }
}

#[test]
fn chunks_of_any_size_are_cut_at_the_limit() {
    let start = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let huge = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n";
    for (finished, _) in [
        answered_without_end(start, b"1\r\nx\r\n"),
        answered_without_end(huge, b"x"),
    ] {
        assert_eq!(finished.verdicts, [Verdict::Delivered]);
        assert_eq!(finished.response.unwrap(), "x".repeat(1000));
    }
}

#[test]
fn informational_answers_and_trailers_without_end_are_too_large() {
    for (start, again, status) in [
        (&b""[..], &b"HTTP/1.1 100 Continue\r\n\r\n"[..], None),
        (b"", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n", None),
        (b"", b"\r\n", None),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
            b"x: y\r\n",
            Some(200),
        ),
    ] {
        let (finished, bytes) = answered_without_end(start, again);
        let shown = again.escape_ascii();
        assert_eq!(kind(&finished), Some(FaultKind::TooLarge), "{shown}");
        assert_eq!(finished.status, status, "{shown}");
        // What lay in the buffers of two sockets is counted as well.
        assert!(bytes < 20_000_000, "{shown}: {bytes}");
    }
}

#[test]
fn a_million_header_lines_are_too_large() {
    let (finished, _) = answered_without_end(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n");
    assert_eq!(kind(&finished), Some(FaultKind::TooLarge));
    assert_eq!(finished.status, None);
}

#[test]
fn trailers_are_read_over_and_the_connection_is_kept() {
    let server = Server::answering(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx: y\r\nHTTP/1.1 500 No\r\n\r\n",
    );
    let caller = Caller::new(&server.url, settings(), webhook());
    for _ in 0..3 {
        let finished = caller.call();
        assert_eq!(finished.verdicts, [Verdict::Delivered]);
        assert_eq!(finished.response.as_deref(), Some("ab"));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_answer_before_the_request_was_read_is_an_answer() {
    let server = Server::start(|mut connection| {
        connection.write(OK);
        connection.request();
        connection.wait_for_close();
    });
    let caller = Caller::new(&server.url, settings(), webhook());
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
}

#[test]
fn one_that_answers_and_closes_without_reading_ends_the_call() {
    let server = Server::start(|mut connection| {
        connection.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
    });
    let caller = Caller::new(&server.url, settings(), webhook());
    let mut message = message(1, None);
    message.data = Some(format!(r#""{}""#, "x".repeat(30_000_000)));
    caller.offer(delivery(&caller.endpoint, message));
    let finished = caller.wait().remove(0);
    assert_eq!(kind(&finished), Some(FaultKind::Closed));
}

/// Answers the first request of each connection so, and what else comes with 200; the second call must have a
/// connection of its own.
fn second_call_after(first: impl Fn(&mut common::receiver::Connection) + Send + Sync + 'static) {
    let (ready, is_ready) = channel();
    let ready = Mutex::new(ready);
    let count = AtomicUsize::new(0);
    let server = Server::start(move |mut connection| {
        connection.request();
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            first(&mut connection);
            ready.lock().unwrap().send(()).unwrap();
            connection.wait_for_close();
        } else {
            connection.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
            connection.wait_for_close();
        }
    });
    let caller = Caller::new(&server.url, settings(), webhook());
    assert_eq!(caller.call().status, Some(200));
    is_ready.recv_timeout(DEADLINE).unwrap();
    assert_eq!(caller.call().status, Some(202));
    assert_eq!(server.connections(), 2);
}

#[test]
fn an_answer_to_what_was_never_asked_answers_nothing() {
    const UNASKED: &[u8] = b"HTTP/1.1 500 Unasked\r\ncontent-length: 0\r\n\r\n";
    // Together with the answer, and after it on a connection that is at rest.
    second_call_after(|connection| {
        connection.write(&[OK, UNASKED].concat());
    });
    second_call_after(|connection| {
        connection.write(OK);
        connection.write(UNASKED);
    });
    // More than was announced.
    second_call_after(|connection| {
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 500 X\r\n\r\n");
    });
    second_call_after(|connection| {
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\0");
    });
}

#[test]
fn one_that_says_it_closes_and_does_not_is_taken_at_its_word() {
    second_call_after(|connection| {
        connection.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
    second_call_after(|connection| {
        connection.write(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
}

#[test]
fn a_body_where_none_can_be_is_no_answer_to_the_next_call() {
    second_call_after(|connection| {
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 204 X\r\n\r\n");
    });
    let server = Server::answering(b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello");
    let caller = Caller::new(&server.url, settings(), webhook());
    for _ in 0..2 {
        assert_eq!(caller.call().status, Some(204));
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn nothing_is_kept_of_an_endless_body_if_nothing_is_to_be_kept() {
    let server = Server::start(|mut connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\n\r\n");
        while connection.write(&[b'x'; 65536]) {}
    });
    let settings = Settings {
        max_response_bytes: 0,
        ..settings()
    };
    let finished = Caller::new(&server.url, settings, webhook()).call();
    assert_eq!(finished.verdicts, [Verdict::Delivered]);
    assert_eq!(finished.response, None);
}
