//! What is told of webhooks themselves.

use serde_json::Value;
use webhooks_e2e::{wait_until, Answer, Database, Receiver, Server};

/// A webhook `a` under test, which has a table, and `watch`, which is told of it.
fn watched(a: &Receiver, watch: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", a, options);
    database.watched_table("orders", "a");
    database.webhook("watch", watch, "ordering => 'strict'");
    database
        .connect()
        .run("SELECT webhooks.subscribe('watch', '{webhook.*}')");
    database
}

/// What a receiver was told: the event's name and the object.
fn told(receiver: &Receiver) -> Vec<(String, Value)> {
    let requests = receiver.requests();
    let bodies = requests.iter().map(|request| request.json());
    let event = |body: &Value| body["eventName"].as_str().expect("a name").to_owned();
    bodies
        .map(|body| (event(&body), body["data"][0].clone()))
        .collect()
}

#[test]
fn a_stop_and_a_start_are_told_with_the_webhook_and_its_state() {
    let (a, watch) = (Receiver::start(), Receiver::start());
    let database = watched(&a, &watch, "");
    let mut session = database.connect();
    session.run("SELECT webhooks.stop_webhook('a')");
    session.run("SELECT webhooks.start_webhook('a')");
    session.run("SELECT webhooks.stop_webhook('watch'); SELECT webhooks.start_webhook('watch')");
    session.run("SELECT webhooks.pause_webhook('a'); SELECT webhooks.start_webhook('a')");

    wait_until("what was raised after it was started arrives", || {
        told(&watch)
            .last()
            .is_some_and(|(_, data)| data["stateBefore"] == "paused")
    });
    for (event, data) in told(&watch) {
        assert_eq!(data["webhook"], "a", "it is not told about itself");
        assert_eq!(
            event,
            format!("webhook.{}", data["state"].as_str().unwrap())
        );
        assert_eq!(data["endpoints"][0]["url"], a.url());
    }
}

#[test]
fn many_deliveries_that_fail_are_few_messages_that_count_them() {
    let (a, watch) = (Receiver::start(), Receiver::start());
    let database = watched(&a, &watch, "");
    a.always(Answer::Header(
        400,
        "webhook-delivery",
        "abort-message".into(),
    ));
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 2000) g");

    let failed = || -> i64 {
        let failed = told(&watch).into_iter();
        failed
            .map(|(_, data)| data["failed"].as_i64().expect("a number"))
            .sum()
    };
    wait_until("all are told", || failed() == 2000);
    let messages = watch.count();
    assert!(messages < 200, "{messages} messages");
    let (event, data) = told(&watch).remove(0);
    assert_eq!(
        (event.as_str(), &data["webhook"]),
        ("webhook.errors", &Value::from("a"))
    );
    assert_eq!(data["lastStatus"], 400);
    assert_eq!(
        data["lastError"],
        "status: 400, and the receiver wants no further attempt"
    );
    let id = data["messageIds"][0].as_str().expect("an id").to_owned();
    assert_eq!(
        session.number(&format!(
            "SELECT count(*) FROM webhooks.failed_delivery WHERE message_id = '{id}'"
        )),
        1
    );
}

#[test]
fn an_endpoint_that_is_disabled_is_told_together_with_what_failed() {
    let (a, watch) = (Receiver::start(), Receiver::start());
    let database = watched(&a, &watch, "retry_schedule => '{}'");
    a.always(Answer::Status(500));
    database.connect().run("INSERT INTO orders VALUES (1)");

    watch.wait_for(1);
    let (event, data) = told(&watch).remove(0);
    assert_eq!(event, "webhook.errors");
    assert_eq!(
        (&data["failed"], &data["state"]),
        (&1.into(), &"started".into())
    );
    assert_eq!(data["endpoints"][0]["state"], "disabled");
    assert_eq!(data["endpoints"][0]["url"], a.url());
}

#[test]
fn the_last_endpoint_that_is_gone_stops_its_webhook() {
    let (a, watch) = (Receiver::start(), Receiver::start());
    let database = watched(&a, &watch, "max_in_flight => 1");
    a.always(Answer::Status(410));
    database
        .connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 50) g");

    watch.wait_for(2);
    let told = told(&watch);
    let of = |name: &str| &told.iter().find(|(event, _)| event == name).expect(name).1;
    assert_eq!(of("webhook.stopped")["endpoints"][0]["state"], "gone");
    assert_eq!(of("webhook.errors")["failed"], 50);
    assert_eq!(of("webhook.errors")["state"], "stopped");
}

#[test]
fn two_that_watch_each_other_and_fail_come_to_an_end() {
    let (a, b) = (Receiver::start(), Receiver::start());
    let options = "retry_schedule => '{}', when_exhausted => 'keep'";
    let database = watched(&a, &b, options);
    let mut session = database.connect();
    session.run(
        "SELECT webhooks.alter_webhook('watch', retry_schedule => '{}', when_exhausted => 'keep')",
    );
    session.run("SELECT webhooks.subscribe('a', '{webhook.*,webhook2.*}')");
    a.always(Answer::Status(500));
    b.always(Answer::Status(500));
    session.run("INSERT INTO orders VALUES (1)");

    wait_until("the news of it has failed", || {
        session.number("SELECT count(*) FROM webhooks.failed_delivery WHERE webhook = 'watch'") == 1
    });
    // What were raised by that would be raised with it.
    assert_eq!(session.number("SELECT count(*) FROM webhooks.message"), 2);
    assert_eq!((a.count(), b.count()), (1, 1));
}

#[test]
fn a_message_that_is_too_large_is_told() {
    let (a, watch) = (Receiver::start(), Receiver::start());
    let database = watched(&a, &watch, "");
    let mut session = database.connect();
    session.run(
        "SET webhooks.max_message_bytes = 1024;
         INSERT INTO orders VALUES (1, 1, 'small'), (2, 2, repeat('x', 2000)), (3, 3, repeat('x', 2000))",
    );
    a.wait_for(3);
    watch.wait_for(1);
    let (event, data) = told(&watch).remove(0);
    assert_eq!(event, "webhook.errors");
    assert_eq!((&data["reduced"], &data["failed"]), (&2.into(), &0.into()));
    let ids = data["messageIds"].as_array().expect("ids").len();
    assert_eq!(ids, 2);
}
