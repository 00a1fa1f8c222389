//! What a receiver gets, and over which connections.

mod common;

use std::sync::Mutex;
use std::sync::mpsc::channel;

use common::receiver::{Caller, DEADLINE, OK, Request, Server};
use common::{SECRET, delivery, message, settings, webhook};
use standardwebhooks::Webhook as Standard;
use ureq::http::{HeaderMap, HeaderName};
use webhooks_delivery::{
    Delivery, FaultKind, Headers, Scheme, Settings, Signing, Verdict, Webhook,
};

/// A server that hands over what it was sent and answers 200.
fn recording() -> (Server, std::sync::mpsc::Receiver<Request>) {
    let (sent, received) = channel();
    let sent = Mutex::new(sent);
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            sent.lock().unwrap().send(request).unwrap();
            connection.write(OK);
        }
    });
    (server, received)
}

#[test]
fn a_call_is_what_the_documentation_says_and_verifies() {
    let (server, received) = recording();
    let caller = Caller::new(&server.url, settings(), webhook());
    let second = Delivery {
        attempt: 2,
        ..delivery(&caller.endpoint, message(42, Some("1")))
    };
    let id = second.message.id().to_string();
    caller.offer(second);
    let finished = caller.wait().remove(0);
    assert_eq!(finished.verdicts, [Verdict::Delivered]);
    assert_eq!(finished.status, Some(200));
    assert_eq!(finished.response, None);
    assert_eq!(finished.batch.deliveries[0].attempt, 2);
    let request = received.recv_timeout(DEADLINE).unwrap();
    assert_eq!(request.line, "POST /hooks HTTP/1.1");
    for (name, value) in [
        ("host", server.url.split('/').nth(2).unwrap()),
        ("content-type", "application/json"),
        ("user-agent", "pg-webhooks/test"),
        ("idempotency-key", &id),
        ("webhook-id", &id),
        ("webhook-attempt", "2"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    for name in [
        "accept-encoding",
        "transfer-encoding",
        "expect",
        "authorization",
        "cookie",
    ] {
        assert_eq!(request.header(name), None, "{name}");
    }
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["messageId"], id.as_str());
    assert_eq!(body["webhookId"], "3");
    assert_eq!(body["data"][0]["id"], 42);
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    let receiver = Standard::new(SECRET).unwrap();
    receiver
        .verify(&request.body, &headers)
        .expect("a genuine call");
}

#[test]
fn large_bodies_arrive_whole() {
    let (server, received) = recording();
    let caller = Caller::new(&server.url, settings(), webhook());
    for bytes in [7_000, 8_192, 20_000, 3_000_000] {
        let mut message = message(bytes, None);
        let text = "x".repeat(bytes as usize);
        message.data = Some(format!(r#"{{"text":"{text}"}}"#));
        caller.offer(delivery(&caller.endpoint, message));
        assert_eq!(caller.wait()[0].verdicts, [Verdict::Delivered]);
        let request = received.recv_timeout(DEADLINE).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["data"][0]["text"], text.as_str());
    }
}

#[test]
fn calls_follow_each_other_over_one_connection() {
    for answer in [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 5\r\n\r\nhello",
    ] {
        let server = Server::answering(answer);
        let caller = Caller::new(&server.url, settings(), webhook());
        for _ in 0..5 {
            assert!(caller.call().status.is_some());
        }
        assert_eq!(server.connections(), 1, "{}", answer.escape_ascii());
    }
}

#[test]
fn informational_answers_are_not_the_answer() {
    for answer in [
        &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"[..],
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let server = Server::answering(answer);
        let caller = Caller::new(&server.url, settings(), webhook());
        assert_eq!(caller.call().status, Some(204), "{}", answer.escape_ascii());
    }
}

#[test]
fn a_url_needs_no_path() {
    let (server, received) = recording();
    for (path, line) in [
        ("", "POST / "),
        ("?a=b", "POST /?a=b "),
        ("/a%20b?c#d", "POST /a%20b?c "),
    ] {
        let url = server.url.replace("/hooks", path);
        let caller = Caller::new(&url, settings(), webhook());
        assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
        let request = received.recv_timeout(DEADLINE).unwrap();
        assert_eq!(request.line, format!("{line}HTTP/1.1"));
    }
}

#[test]
fn a_body_of_exactly_the_limit_keeps_the_connection_and_a_longer_one_does_not() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789");
    for (limit, kept, connections) in [(10, "0123456789", 1), (9, "012345678", 4), (0, "", 7)] {
        let settings = Settings {
            max_response_bytes: limit,
            ..settings()
        };
        let caller = Caller::new(&server.url, settings, webhook());
        for _ in 0..3 {
            let finished = caller.call();
            assert_eq!(finished.verdicts, [Verdict::Delivered]);
            assert_eq!(finished.response.unwrap_or_default(), kept);
        }
        assert_eq!(server.connections(), connections, "in all so far");
    }
}

#[test]
fn a_connection_that_the_receiver_closed_meanwhile_is_not_used() {
    let (closed, has_closed) = channel();
    let closed = Mutex::new(closed);
    let server = Server::start(move |mut connection| {
        connection.request();
        connection.write(OK);
        drop(connection);
        closed.lock().unwrap().send(()).unwrap();
    });
    let caller = Caller::new(&server.url, settings(), webhook());
    for number in 1..=3 {
        assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
        has_closed.recv_timeout(DEADLINE).unwrap();
        assert_eq!(server.connections(), number);
    }
}

#[test]
fn a_private_address_is_not_even_connected_to() {
    let server = Server::answering(OK);
    let port = server.url.split(':').next_back().unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "0",
    ] {
        let settings = Settings {
            allowed_networks: Vec::new(),
            ..settings()
        };
        let caller = Caller::new(&format!("http://{host}:{port}"), settings, webhook());
        let finished = caller.call();
        let fault = finished.error.unwrap();
        assert_eq!(fault.kind, FaultKind::ForbiddenAddress, "{host}: {fault}");
        assert_eq!(finished.status, None);
        assert!(matches!(finished.verdicts[..], [Verdict::Retry { .. }]));
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn names_are_resolved_and_called() {
    let server = Server::answering(OK);
    let url = server.url.replace("127.0.0.1", "localhost");
    let caller = Caller::new(&url, settings(), webhook());
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
}

#[test]
fn a_change_of_settings_counts_from_the_next_call_on() {
    let server = Server::answering(OK);
    let caller = Caller::new(&server.url, settings(), webhook());
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
    let closed = Settings {
        allowed_networks: Vec::new(),
        ..settings()
    };
    caller.pool.reconfigure(closed, 4).unwrap();
    assert_eq!(
        caller.call().error.unwrap().kind,
        FaultKind::ForbiddenAddress
    );
    let https_only = Settings {
        allow_http: false,
        ..settings()
    };
    caller.pool.reconfigure(https_only, 4).unwrap();
    let fault = caller.call().error.unwrap();
    assert_eq!(
        fault.to_string(),
        "forbidden address: only https:// is allowed"
    );
    caller.pool.reconfigure(settings(), 4).unwrap();
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
}

#[test]
fn a_url_that_cannot_be_called_is_an_outcome() {
    for url in [
        "",
        "nonsense",
        "ftp://127.0.0.1/",
        "http://u:p@127.0.0.1/",
        "http://127.0.0.1:99999/",
    ] {
        let fault = Caller::new(url, settings(), webhook())
            .call()
            .error
            .unwrap();
        assert_eq!(fault.kind, FaultKind::ForbiddenAddress, "{url}: {fault}");
    }
}

/// The test runs itself once more with the variables set, since they can only be set for a new process.
#[test]
fn proxies_of_the_environment_are_not_used() {
    const MARK: &str = "WEBHOOKS_TEST_WITH_PROXY";
    if std::env::var_os(MARK).is_none() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again
            .args(["--exact", "proxies_of_the_environment_are_not_used"])
            .env(MARK, "1");
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "all_proxy",
            "ALL_PROXY",
        ] {
            again.env(name, "http://127.0.0.1:1/");
        }
        assert!(again.status().unwrap().success());
        return;
    }
    let server = Server::answering(OK);
    let caller = Caller::new(&server.url, settings(), webhook());
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
}

#[test]
fn a_users_headers_go_with_every_call_and_their_size_is_no_obstacle() {
    let (server, received) = recording();
    let long = "v".repeat(5900);
    let own = Headers::new([("Authorization", "Bearer s3cr3t"), ("x-long", &long)]).unwrap();
    let own = Webhook {
        headers: own,
        ..webhook()
    };
    let url = format!("{}?{}", server.url, "q".repeat(7900));
    let caller = Caller::new(&url, settings(), own);
    for _ in 0..2 {
        assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
        let request = received.recv_timeout(DEADLINE).unwrap();
        assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
        assert_eq!(request.header("x-long"), Some(long.as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_call_that_is_not_signed_has_no_header_that_says_so() {
    let (server, received) = recording();
    let unsigned = Webhook {
        signing: Signing::new(Scheme::None, []).unwrap(),
        ..webhook()
    };
    let caller = Caller::new(&server.url, settings(), unsigned);
    assert_eq!(caller.call().verdicts, [Verdict::Delivered]);
    let request = received.recv_timeout(DEADLINE).unwrap();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert!(request.header("idempotency-key").is_some());
}
