//! Pausing, stopping, starting and dropping a webhook.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use webhooks_e2e::{wait_until, Answer, Database, Receiver, Server};

/// A webhook `a` under test and a webhook `other` that wants the same: when it has a message, `a` had its chance.
fn two(a: &Receiver, other: &Receiver) -> Database {
    let database = Server::shared().database();
    database.webhook("a", a, "ordering => 'strict', timeout => '1 hour'");
    database.webhook("other", other, "");
    database.watched_table("orders", "a");
    database
        .connect()
        .run("SELECT webhooks.add_event('other', 'table.recordInsert', 'orders')");
    database
}

#[test]
fn what_happens_while_paused_is_sent_after_the_start() {
    let (a, other) = (Receiver::start(), Receiver::start());
    let database = two(&a, &other);
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is recorded", || database.delivered("a") == 1);

    session.run("SELECT webhooks.pause_webhook('a')");
    session.run("INSERT INTO orders SELECT g FROM generate_series(2, 50) g");
    other.wait_for(50);
    wait_until("the others wait", || {
        session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'") == 49
    });
    assert_eq!(
        session.text("SELECT state FROM webhooks.webhook_stats WHERE webhook = 'a'"),
        "paused"
    );
    assert_eq!(a.count(), 1);

    session.run("SELECT webhooks.start_webhook('a')");
    a.wait_for(50);
    assert_eq!(a.ids(), (1..=50).collect::<Vec<_>>(), "in order");
    wait_until("nothing is pending", || {
        session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'") == 0
    });
}

#[test]
fn a_pause_outlives_a_restart_of_the_worker() {
    let (a, other) = (Receiver::start(), Receiver::start());
    let database = two(&a, &other);
    let mut session = database.connect();
    session.run("SELECT webhooks.pause_webhook('a'); INSERT INTO orders VALUES (1)");
    other.wait_for(1);
    let worker = database.worker();
    session.run(&format!("SELECT pg_terminate_backend({worker})"));
    wait_until("there is another worker", || database.worker() != worker);
    session.run("INSERT INTO orders VALUES (2)");
    wait_until("the other has both", || other.messages().len() == 2);
    assert_eq!(a.count(), 0);

    session.run("SELECT webhooks.start_webhook('a')");
    a.wait_for(2);
    assert_eq!(a.ids(), [1, 2]);
}

#[test]
fn what_happens_while_stopped_is_never_sent() {
    let (a, other) = (Receiver::start(), Receiver::start());
    let database = two(&a, &other);
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is recorded", || database.delivered("a") == 1);

    session.run("SELECT webhooks.stop_webhook('a')");
    session.run("INSERT INTO orders VALUES (2)");
    other.wait_for(2);
    session.run("SELECT webhooks.start_webhook('a')");
    session.run("INSERT INTO orders VALUES (3)");

    a.wait_for(2);
    assert_eq!(
        a.ids(),
        [1, 3],
        "one after the other: had 2 been sent, it would have come before 3"
    );
    wait_until("nothing is pending", || {
        session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'") == 0
    });
}

#[test]
fn stop_drops_what_waited() {
    let (a, other) = (Receiver::start(), Receiver::start());
    let database = two(&a, &other);
    let mut session = database.connect();
    a.always(Answer::Hang);
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    a.wait_for_open(1);
    other.wait_for(3);

    session.run("SELECT webhooks.stop_webhook('a')");
    wait_until("nothing is pending", || {
        session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'") == 0
    });
    // When this has gone to the other, the worker knows of the stop.
    session.run("INSERT INTO orders VALUES (4)");
    other.wait_for(4);
    a.release();
    session.run("SELECT webhooks.start_webhook('a')");
    session.run("INSERT INTO orders VALUES (5)");

    wait_until("the new one arrives", || a.ids().contains(&5));
    assert_eq!(a.ids(), [1, 5]);
}

#[test]
fn a_webhook_can_be_dropped_while_its_calls_are_open() {
    let (a, other) = (Receiver::start(), Receiver::start());
    let database = two(&a, &other);
    let mut session = database.connect();
    a.always(Answer::Hang);
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 20) g");
    a.wait_for_open(1);
    let worker = database.worker();

    session.run("SELECT webhooks.drop_webhook('a')");
    session.run("INSERT INTO orders VALUES (21)");
    // When this has gone to the other, the worker knows of the drop.
    wait_until("the other goes on", || other.messages().len() == 21);
    a.release();
    session.run("INSERT INTO orders VALUES (22)");
    wait_until("the other goes on", || other.messages().len() == 22);
    wait_until("all are recorded", || database.delivered("other") == 22);
    assert_eq!(
        database.worker(),
        worker,
        "the worker has not fallen over it"
    );
    assert_eq!(a.count(), 1, "what waited is not sent");
}

#[test]
fn what_is_called_while_its_subscription_ends_is_not_tried_again() {
    for end in [
        "unsubscribe('a', '{first}'); SELECT webhooks.subscribe('a', '{first}')",
        "unsubscribe('a', '{first}')",
        "stop_webhook('a'); SELECT webhooks.start_webhook('a')",
    ] {
        let a = Receiver::start();
        let database = Server::shared().database();
        database.webhook(
            "a",
            &a,
            "timeout => '2 seconds', retry_schedule => '{1 hour}'",
        );
        let mut session = database.connect();
        session.run(
            "SELECT webhooks.create_event('first'), webhooks.create_event('second');
             SELECT webhooks.subscribe('a', '{first,second}')",
        );
        a.always(Answer::Hang);
        session.run("SELECT webhooks.emit('first', record => '1')");
        a.wait_for_open(1);
        a.always(Answer::Status(200));
        session.run(&format!("BEGIN; SELECT webhooks.{end}; COMMIT"));
        session.run("SELECT webhooks.emit('second', record => '1')");
        wait_until("the call has ended", || {
            session.holds(
                "SELECT EXISTS (SELECT FROM webhooks.attempt_log WHERE error LIKE 'timeout%')",
            )
        });
        assert_eq!(
            session.number("SELECT count(*) FROM webhooks.delivery WHERE state = 'retrying'"),
            0,
            "{end}"
        );
        // What is of its record waits for it no more.
        a.wait_for(2);
        wait_until("nothing is pending", || {
            session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'") == 0
        });
    }
}

#[test]
fn what_is_called_while_its_endpoint_goes_counts_as_failed() {
    let a = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &a, "timeout => '2 seconds'");
    database.watched_table("orders", "a");
    a.script(|request| match request.number("id") {
        1 => Answer::Hang,
        _ => Answer::Status(410),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    a.wait_for_open(1);
    session.run("INSERT INTO orders VALUES (2)");
    let ended = "SELECT count(*) FROM webhooks.attempt_log";
    wait_until("both have ended", || session.number(ended) == 2);
    assert_eq!(
        session.text("SELECT concat_ws('|', failed, pending) FROM webhooks.webhook_stats"),
        "2|0"
    );
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.failed_delivery"),
        2
    );
}

#[test]
fn a_retry_that_is_called_while_its_endpoint_goes_counts_as_failed_once() {
    let a = Receiver::start();
    let database = Server::shared().database();
    let options = "timeout => '2 seconds', retry_schedule => '{10ms,1 hour}'";
    database.webhook("a", &a, options);
    database.watched_table("orders", "a");
    a.script(|request| match (request.number("id"), request.attempt()) {
        (1, 1) => Answer::Status(500),
        (1, _) => Answer::Hang,
        _ => Answer::Status(410),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is tried again", || a.count() == 2);
    session.run("INSERT INTO orders VALUES (2)");
    let ended = "SELECT count(*) FROM webhooks.attempt_log";
    wait_until("all have ended", || session.number(ended) == 3);
    assert_eq!(
        session.text("SELECT concat_ws('|', failed, pending) FROM webhooks.webhook_stats"),
        "2|0"
    );
}

#[test]
fn what_is_sent_again_has_its_attempts_although_nobody_is_subscribed() {
    let a = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &a, "retry_schedule => '{10ms}'");
    let mut session = database.connect();
    session.run(
        "SELECT webhooks.create_event('first');
         SELECT webhooks.subscribe('a', '{first}')",
    );
    let id = session.text("SELECT webhooks.emit('first')");
    wait_until("it is recorded", || database.delivered("a") == 1);
    session.run("SELECT webhooks.unsubscribe('a', '{first}')");
    a.script(|request| Answer::Status(if request.attempt() == 1 { 500 } else { 200 }));

    assert_eq!(
        session.number(&format!("SELECT webhooks.resend('{id}')")),
        1
    );

    wait_until("it arrives", || database.delivered("a") == 2);
    assert_eq!(a.count(), 3);
}

#[test]
fn what_ends_while_the_worker_writes_leaves_no_row() {
    let database = Server::shared().database();
    let mut session = database.connect();
    session.run("SELECT webhooks.create_event('order:new')");
    let mut receivers = Vec::new();
    for change in [
        "unsubscribe(name, '{order:new}')",
        "alter_webhook(name, account => 'other')",
        "stop_webhook(name)",
    ] {
        for is_paused in [false, true] {
            let receiver = Receiver::start();
            receiver.always(Answer::Status(500));
            let name = format!("w{}", receivers.len());
            database.webhook(&name, &receiver, "retry_schedule => '{1 hour}'");
            session.run(&format!(
                "SELECT webhooks.subscribe('{name}', '{{order:new}}');
                 SELECT webhooks.pause_webhook('{name}') WHERE {is_paused}"
            ));
            receivers.push(receiver);
            let mut open = database.connect();
            open.run(&format!(
                "BEGIN; SELECT webhooks.{change} FROM (SELECT '{name}') AS w (name)"
            ));
            session.run("SELECT webhooks.emit('order:new')");
            wait_until("what is to be recorded has to wait", || {
                database.is_locked_out()
            });

            open.run("COMMIT");

            wait_until("it is recorded", || !database.is_locked_out());
            assert_eq!(
                session.number("SELECT count(*) FROM webhooks.delivery"),
                0,
                "{change}, paused: {is_paused}"
            );
        }
    }
}

#[test]
fn what_waits_is_sent_to_another_url_whatever_became_of_the_former() {
    let (former, new) = (Receiver::start(), Receiver::start());
    let database = Server::shared().database();
    database.webhook("a", &former, "ordering => 'strict', retry_schedule => '{}'");
    database.watched_table("orders", "a");
    former.always(Answer::Status(500));
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is disabled", || {
        session.holds("SELECT state = 'disabled' FROM webhooks.endpoint")
    });
    session.run("INSERT INTO orders SELECT g FROM generate_series(2, 20) g");
    new.expect_secret(&session.text("SELECT webhooks.reveal_secret('a')"));

    session.run(&format!(
        "SELECT webhooks.alter_webhook('a', url => '{}')",
        new.url()
    ));
    new.wait_for(19);
    assert_eq!(new.ids(), (2..=20).collect::<Vec<_>>(), "in order");
    assert_eq!(former.count(), 1);
    assert!(session.holds("SELECT state = 'enabled' FROM webhooks.endpoint"));
}

#[test]
fn what_a_former_url_answers_after_the_change_ends_nothing() {
    let (former, new) = (Receiver::start(), Receiver::start());
    let database = Server::shared().database();
    database.webhook(
        "a",
        &former,
        "ordering => 'strict', retry_schedule => array_fill(interval '20 ms', ARRAY[5])",
    );
    database.watched_table("orders", "a");
    let changed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&changed);
    former.script(move |_| {
        wait_until("the URL is another", || seen.load(Ordering::SeqCst));
        Answer::Status(410)
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 20) g");
    former.wait_for_open(1);
    new.expect_secret(&session.text("SELECT webhooks.reveal_secret('a')"));

    session.run(&format!(
        "SELECT webhooks.alter_webhook('a', url => '{}')",
        new.url()
    ));
    changed.store(true, Ordering::SeqCst);
    new.wait_for(19);
    wait_until("what the former URL answered is recorded", || {
        session.number("SELECT count(*) FROM webhooks.attempt_log WHERE status = 410") == 1
    });
    assert!(session.holds("SELECT state = 'enabled' FROM webhooks.endpoint"));
    session.run("INSERT INTO orders VALUES (21)");
    wait_until("the last one arrives", || new.ids().last() == Some(&21));
    let ids = new.ids();
    assert_eq!(
        ids[ids.len() - 20..],
        (2..=21).collect::<Vec<_>>(),
        "in order"
    );
    assert_eq!(former.count(), 1);
}
