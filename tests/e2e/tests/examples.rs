//! The files of `examples/`, each run in a real database: what a receiver gets is what the product it is named after would send.

mod run;
mod shape;

use std::collections::HashSet;
use std::time::Duration;

use webhooks_e2e::{wait_until, Answer, Receiver, Server, Verifier};

use run::Example;

use crate::throttle::most_within;

/// Webhooks of which an account has as many as it may.
const SQLSTATE_LIMIT: &str = "53400";

#[test]
fn capsule_tells_of_all_its_events() {
    let mut example = Example::set_up("capsule", &[]);
    assert_eq!(example.events().len(), 17);
    // Another account's party is for nobody: no hook of theirs is there.
    example.session.run(
        "INSERT INTO capsule.parties (id, account, type, name) VALUES (99, 'other', 'organisation', 'Other')",
    );
    example.make_all_changes();
    let calls = example.receiver.requests();
    assert!(calls
        .iter()
        .all(|call| call.json()["payload"][0]["id"] != 99));
}

#[test]
fn an_account_of_capsule_has_at_most_20_hooks() {
    let mut example = Example::set_up("capsule", &[]);
    let add = |account: &str| {
        format!(
            "SELECT id FROM capsule.add_hook('{account}', 'party/created', 'https://example.com/')"
        )
    };
    let ids: Vec<i64> = (0..3)
        .map(|_| example.session.number(&add("acme")))
        .collect();
    let (state, message) = example.session.refused(&add("acme"));
    assert_eq!(state, SQLSTATE_LIMIT);
    assert!(
        message.contains("\"acme\" has 20 webhooks already"),
        "{message}"
    );
    example.session.run(&add("other"));
    // One that is removed makes room; only its own account can remove it.
    let remove = |account: &str| format!("SELECT capsule.remove_hook('{account}', {})", ids[0]);
    assert_eq!(example.session.refused(&remove("other")).0, "42704");
    example.session.run(&remove("acme"));
    example.session.run(&add("acme"));
    assert_eq!(
        example
            .session
            .number("SELECT count(*) FROM capsule.hooks WHERE account = 'acme'"),
        20
    );
}

/// Raises `user/created`, which the account has one hook for.
const CREATE_USER: &str =
    "INSERT INTO capsule.users (account, username) VALUES ('acme', gen_random_uuid()::text)";

/// What became of that hook.
const ITS_STATE: &str = "SELECT state FROM capsule.hooks WHERE event = 'user/created'";

#[test]
fn a_hook_of_capsule_that_is_answered_with_410_ends() {
    let mut example = Example::set_up("capsule", &[]);
    let (session, receiver) = (&mut example.session, &example.receiver);
    assert_eq!(session.text(ITS_STATE), "alive");
    receiver.always(Answer::Status(410));
    session.run(CREATE_USER);
    wait_until("the hook has ended", || {
        session.text(ITS_STATE) == "answered 410"
    });
    receiver.always(Answer::Status(200));
    session.run(CREATE_USER);
    // Another hook's call comes behind what is not told any more.
    session.run("UPDATE capsule.users SET name = 'x' WHERE id = 2");
    let calls = receiver.wait_for(2);
    let events: Vec<_> = calls
        .iter()
        .map(|call| call.json()["event"].clone())
        .collect();
    assert_eq!(events, ["user/created", "user/updated"]);

    assert_eq!(session.number("SELECT capsule.clear_hooks()"), 1);
    assert_eq!(session.number("SELECT count(*) FROM capsule.hooks"), 16);
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 16);
}

#[test]
fn a_hook_of_capsule_is_tried_six_times_in_36_minutes_and_then_dead() {
    let mut example = Example::set_up("capsule", &[]);
    let (session, receiver) = (&mut example.session, &example.receiver);
    let schedules = session.column("SELECT DISTINCT retry_schedule::text FROM webhooks.webhook");
    let schedule = "{00:00:05,00:01:00,00:05:00,00:15:00,00:15:00}";
    assert_eq!(schedules, [Some(schedule.to_owned())]);
    let total = format!("SELECT sum(wait) FROM unnest('{schedule}'::interval[]) AS wait");
    assert_eq!(session.text(&total), "00:36:05");

    // As many waits, but shorter.
    session.run(
        "SELECT webhooks.alter_webhook(name, retry_schedule => array_fill(interval '20 ms', ARRAY[5]))
         FROM webhooks.webhook",
    );
    receiver.always(Answer::Status(500));
    session.run(CREATE_USER);
    wait_until("the hook is dead", || session.text(ITS_STATE) == "dead");
    let calls = receiver.requests();
    let attempts: Vec<u32> = calls.iter().map(|call| call.attempt()).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
    assert_eq!(session.number("SELECT capsule.clear_hooks()"), 1);
    assert_eq!(session.number("SELECT count(*) FROM capsule.hooks"), 16);
}

#[test]
fn clinchpad_tells_of_all_its_activities() {
    let mut example = Example::set_up("clinchpad", &[("handshake_key", "gfhkd1asfsa")]);
    assert_eq!(example.events().len(), 33);
    example.make_all_changes();
}

#[test]
fn clinchpads_handshake_key_is_sent_only_where_one_was_given() {
    let mut example = Example::set_up("clinchpad", &[]);
    example.session.run(
        "INSERT INTO clinchpad.pipes VALUES ('p', 'Default');
         INSERT INTO clinchpad.stages VALUES ('s', 'Offer', 'p');
         INSERT INTO clinchpad.leads (id, name, stage_id) VALUES ('l', 'Ann', 's')",
    );
    let without = example.receiver.wait_for(1)[0].json();
    let keys: HashSet<&str> = without
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, HashSet::from(["activity", "lead"]));
    example.session.run(
        "SELECT webhooks.alter_webhook('pipeline', handshake_key => 'k');
         UPDATE clinchpad.leads SET name = 'Ben'",
    );
    assert_eq!(example.receiver.wait_for(2)[1].json()["handshake_key"], "k");
}

#[test]
fn caspio_tells_of_all_its_events_in_the_payloads_that_are_wanted() {
    let mut example = Example::set_up("caspio", &[]);
    assert_eq!(example.events().len(), 9);
    example.make_all_changes();

    // Multicast: the same messages, with the same bodies, at the other URL of the one webhook that has two.
    let of_orders = |receiver: &Receiver| -> Vec<(String, Vec<u8>)> {
        let calls = receiver.requests().into_iter();
        calls
            .filter(|call| call.json()["objectName"] == "orders")
            .map(|call| (call.message(), call.body.to_vec()))
            .collect()
    };
    wait_until("the copy has arrived", || example.copy.count() == 3);
    assert_eq!(of_orders(&example.copy), of_orders(&example.receiver));

    // The template sends the secret of its own webhook.
    let secret = example
        .session
        .text("SELECT webhooks.reveal_secret('people')");
    let calls = example.receiver.requests();
    let people: Vec<_> = calls
        .iter()
        .filter(|call| call.json()["objectName"] == "people")
        .collect();
    assert_eq!(people.len(), 3);
    assert!(people.iter().all(|call| call.json()["secret"] == secret));
}

#[test]
fn caspio_makes_no_more_calls_than_the_throttle_allows() {
    let mut example = Example::set_up("caspio", &[]);
    let session = &mut example.session;
    session.run("INSERT INTO caspio.orders (\"Integer\") SELECT g FROM generate_series(1, 25) g");
    example.receiver.wait_for(25);
    let most = most_within(&example.receiver, Duration::from_secs(1));
    assert!(most <= 10, "{most} calls in a second");
    // What exceeds it is queued, and none is lost.
    assert_eq!(example.receiver.messages().len(), 25);
}

#[test]
fn caspios_secret_signs_every_message_and_can_be_replaced() {
    let mut example = Example::set_up("caspio", &[]);
    let old = example
        .session
        .text("SELECT webhooks.reveal_secret('orders')");
    let new = example
        .session
        .text("SELECT webhooks.rotate_secret('orders', overlap => '0')");
    assert_ne!(old, new);
    example.receiver.expect_secret(&new);
    example
        .session
        .run("INSERT INTO caspio.orders DEFAULT VALUES");
    let call = example.receiver.wait_for(1)[0].clone();
    let verifies = |secret: &str| {
        standardwebhooks::Webhook::new(secret)
            .expect("a secret")
            .verify(&call.body, &call.headers())
            .is_ok()
    };
    assert!(verifies(&new) && !verifies(&old));
}

#[test]
fn superoffice_tells_of_contacts_and_of_what_is_signalled() {
    let mut example = Example::set_up("superoffice", &[("verify", "true")]);
    // The test calls that were made before anything was created.
    for called in [&example.receiver, &example.copy] {
        assert_eq!(called.requests()[0].json()["Event"], "webhook.test");
        assert_eq!(called.count(), 1);
    }
    let kept = "SELECT concat_ws(' ', errors_email, properties) FROM webhooks.webhook ORDER BY id";
    let kept: Vec<String> = example.session.column(kept).into_iter().flatten().collect();
    assert_eq!(
        kept,
        [
            "username@example.com {\"team\": \"integrations\"}",
            "username@example.com {}"
        ]
    );
    example.make_all_changes();
    let mut github = Verifier::node();
    for call in example.receiver.requests() {
        assert!(github.accepts("octokit", "Something Super Secret", &call));
    }
}

#[test]
fn superoffice_creates_nothing_for_a_url_that_does_not_answer_the_test_call() {
    let receiver = Receiver::start();
    receiver.always(Answer::Status(500));
    let database = Server::shared().database();
    let options = [
        format!("--set=url={}", receiver.url()),
        "--set=verify=true".to_owned(),
    ];
    let file = run::file("superoffice");
    let error = database.psql(&options, &file).expect_err("it is refused");
    assert!(error.contains("invalid argument \"url\""), "{error}");
    assert_eq!(receiver.count(), 1);
    let mut session = database.connect();
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 0);
    assert_eq!(
        session.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'superoffice'"),
        0
    );
}

#[test]
fn what_the_examples_suggest_to_try_works() {
    for (product, bodies, shown) in [
        ("capsule", 1, "\"firstName\" : \"Scott\""),
        ("clinchpad", 2, "\"note_content\":\"Hello world!\""),
        ("caspio", 2, "table.recordInsert:caspio.orders:1"),
        ("superoffice", 4, "\"Changes\":[\"department\"]"),
    ] {
        let example = Example::set_up(product, &[]);
        let printed = example.try_suggestions();
        assert!(printed.contains(shown), "{product}: {printed}");
        wait_until(&format!("what was tried with {product} arrives"), || {
            example.receiver.count() >= bodies
        });
    }
}
