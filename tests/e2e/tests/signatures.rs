//! Receivers verify calls with their own libraries, in their own languages.

use std::sync::Arc;

use webhooks_e2e::{wait_for, wait_until, Database, Receiver, Request, Server, Session, Verifier};

/// How a scheme's receivers verify: the language and the library.
enum Library {
    Python(&'static str),
    Node(&'static str),
    /// The crate `standardwebhooks`.
    Rust,
}

use Library::{Node, Python, Rust};

const SCHEMES: [(&str, &[Library]); 5] = [
    (
        "standard",
        &[Python("standardwebhooks"), Node("standardwebhooks"), Rust],
    ),
    ("standard-ed25519", &[Node("ed25519")]),
    ("stripe", &[Python("stripe")]),
    ("github", &[Node("octokit")]),
    ("shopify", &[Node("shopify"), Python("shopify")]),
];

/// Every library there is.
struct Libraries {
    python: Verifier,
    node: Verifier,
}

impl Libraries {
    fn start() -> Self {
        Self {
            python: Verifier::python(),
            node: Verifier::node(),
        }
    }

    fn accepts(&mut self, library: &Library, secret: &str, call: &Request, body: &[u8]) -> bool {
        match library {
            Python(name) => self.python.accepts_body(name, secret, call, body),
            Node(name) => self.node.accepts_body(name, secret, call, body),
            Rust => standardwebhooks::Webhook::new(secret)
                .expect("a secret of the form whsec_…")
                .verify(body, &call.headers())
                .is_ok(),
        }
    }
}

/// A webhook `a` that signs in some way and is told of the event `lead:won`.
fn webhook(database: &Database, receiver: &Receiver, signature: &str) -> Session {
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('lead:won');
         SELECT webhooks.create_webhook('a', '{}', signature => '{signature}');
         SELECT webhooks.subscribe('a', '{{lead:won}}')",
        receiver.url()
    ));
    session
}

/// What a receiver of webhook `a` is given: the secret, or the public key.
fn receivers_secret(session: &mut Session, signature: &str) -> String {
    session.text(match signature {
        "standard-ed25519" => "SELECT webhooks.public_key('a')",
        _ => "SELECT webhooks.reveal_secret('a')",
    })
}

/// Raises the event, and returns the call that tells of it.
fn next_call(session: &mut Session, receiver: &Receiver) -> Arc<Request> {
    let id = session.text(r#"SELECT webhooks.emit('lead:won', '{"größe": 1.50, "\"": "\\"}')"#);
    let told = |request: &Arc<Request>| request.json()["messageId"] == id.as_str();
    wait_for("the call arrives", || {
        receiver.requests().into_iter().find(told)
    })
}

#[test]
fn receivers_libraries_accept_genuine_calls_and_nothing_else() {
    let mut libraries = Libraries::start();
    for (signature, known) in SCHEMES {
        let (receiver, database) = (Receiver::start(), Server::shared().database());
        let mut session = webhook(&database, &receiver, signature);
        let secret = receivers_secret(&mut session, signature);
        let call = next_call(&mut session, &receiver);
        session.run("SELECT webhooks.rotate_secret('a', overlap => '0')");
        let another = receivers_secret(&mut session, signature);
        let mut altered = call.body.to_vec();
        *altered.last_mut().unwrap() = b' ';
        for library in known {
            assert!(
                libraries.accepts(library, &secret, &call, &call.body),
                "{signature}"
            );
            assert!(
                !libraries.accepts(library, &secret, &call, &altered),
                "{signature}: altered"
            );
            assert!(
                !libraries.accepts(library, &another, &call, &call.body),
                "{signature}: another secret"
            );
        }
    }
}

#[test]
fn a_secret_of_a_users_own_signs() {
    let mut libraries = Libraries::start();
    let (receiver, database) = (Receiver::start(), Server::shared().database());
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('lead:won');
         SELECT webhooks.create_webhook('a', '{}', signature => 'github', secret => 'It''s a Secret to Everybody');
         SELECT webhooks.subscribe('a', '{{lead:won}}')",
        receiver.url()
    ));
    let call = next_call(&mut session, &receiver);
    assert!(libraries
        .node
        .accepts("octokit", "It's a Secret to Everybody", &call));
    assert_eq!(call.header("x-github-event"), "lead:won");
    let id = call.json()["messageId"].as_str().unwrap().to_owned();
    assert_eq!(call.header("x-github-delivery"), id);
    assert_eq!(call.header("idempotency-key"), id);
    assert!(!call.headers().contains_key("webhook-signature"));
}

#[test]
fn during_a_rotation_receivers_that_know_either_secret_are_served() {
    let mut libraries = Libraries::start();
    for (signature, known) in SCHEMES {
        let (receiver, database) = (Receiver::start(), Server::shared().database());
        let mut session = webhook(&database, &receiver, signature);
        let old = receivers_secret(&mut session, signature);
        session.run("SELECT webhooks.rotate_secret('a', overlap => '1 hour')");
        let new = receivers_secret(&mut session, signature);
        let during = next_call(&mut session, &receiver);
        session.run("SELECT webhooks.rotate_secret('a', overlap => '0')");
        let newest = receivers_secret(&mut session, signature);
        let after = next_call(&mut session, &receiver);
        // A header with room for one signature has the old one's until that ends.
        let single = matches!(signature, "github" | "shopify");
        for library in known {
            let mut accepted = |call: &Request| {
                [&old, &new, &newest]
                    .map(|secret| libraries.accepts(library, secret, call, &call.body))
            };
            assert_eq!(accepted(&during), [true, !single, false], "{signature}");
            assert_eq!(accepted(&after), [false, false, true], "{signature}");
        }
    }
}

#[test]
fn the_old_secret_signs_until_the_overlap_ends_and_nobody_has_to_end_it() {
    let (receiver, database) = (Receiver::start(), Server::shared().database());
    let mut session = webhook(&database, &receiver, "standard");
    session.run("SELECT webhooks.rotate_secret('a', overlap => '4 seconds')");
    let end =
        session.number("SELECT extract(epoch FROM max(ends_at))::bigint FROM webhooks.secret");
    let signatures = |call: &Request| call.header("webhook-signature").split(' ').count();

    wait_until("the old secret signs no more", || {
        signatures(&next_call(&mut session, &receiver)) == 1
    });

    let calls = receiver.requests();
    assert_eq!(signatures(&calls[0]), 2);
    // To the second, since that is what a call tells.
    for call in &calls {
        let at: i64 = call.header("webhook-timestamp").parse().unwrap();
        assert!(
            at <= end || signatures(call) == 1,
            "signed with both at {at}, end {end}"
        );
        assert!(
            at >= end - 1 || signatures(call) == 2,
            "signed with one at {at}, end {end}"
        );
    }
    let secrets = "SELECT count(*) FROM webhooks.secret";
    assert_eq!(session.number(secrets), 2, "nobody has touched it");
    session.run("SELECT webhooks.drop_ended_secrets()");
    assert_eq!(session.number(secrets), 1);
}

#[test]
fn a_message_that_waits_is_signed_with_the_secret_of_when_it_is_sent() {
    let (receiver, database) = (Receiver::start(), Server::shared().database());
    let mut session = webhook(&database, &receiver, "standard");
    session.run("SELECT webhooks.pause_webhook('a'); SELECT webhooks.emit('lead:won')");
    let secret = session.text("SELECT webhooks.rotate_secret('a', overlap => '0')");
    receiver.expect_secret(&secret);
    session.run("SELECT webhooks.start_webhook('a')");
    receiver.wait_for(1);
}

#[test]
fn headers_of_a_users_own_go_with_every_call() {
    let (receiver, database) = (Receiver::start(), Server::shared().database());
    let options = r#"headers => '{"Authorization": "Bearer s3cr3t", "x-team": "a \\ \"b\""}'"#;
    database.webhook("a", &receiver, options);
    database.watched_table("orders", "a");
    database.connect().run("INSERT INTO orders VALUES (1), (2)");
    for call in receiver.wait_for(2) {
        assert_eq!(call.header("authorization"), "Bearer s3cr3t");
        assert_eq!(call.header("x-team"), r#"a \ "b""#);
    }
}
