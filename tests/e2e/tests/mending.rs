//! Sending again and cancelling, with a worker at work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::Arc;

use webhooks_e2e::{wait_until, Answer, Database, Receiver, Request, Server, Session};

const ONE_ATTEMPT: &str = "retry_schedule => '{}', when_exhausted => 'keep'";

fn database(receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, options);
    database.watched_table("orders", "a");
    database
}

/// A second endpoint of webhook `a`.
fn add_endpoint(database: &Database, receiver: &Receiver) {
    let mut session = database.connect();
    let url = receiver.url();
    session.run(&format!("SELECT webhooks.add_endpoint('a', '{url}')"));
    receiver.expect_secret(&session.text("SELECT webhooks.reveal_secret('a')"));
}

fn restart_worker(database: &Database) {
    let worker = database.worker();
    let mut session = database.connect();
    session.run(&format!("SELECT pg_terminate_backend({worker})"));
    wait_until("there is another worker", || database.worker() != worker);
}

fn pending(session: &mut Session) -> i64 {
    session.number("SELECT sum(pending) FROM webhooks.webhook_stats")
}

/// How often each row's message was called.
fn calls(requests: &[Arc<Request>]) -> HashMap<i64, usize> {
    let mut calls = HashMap::new();
    for request in requests {
        *calls.entry(request.number("id")).or_default() += 1;
    }
    calls
}

/// Has calls wait. Gives what answers them with a status, while later ones get 200.
fn hold(receiver: &Receiver) -> impl FnOnce(u16) + use<'_> {
    let status = Arc::new(AtomicU16::new(0));
    let told = status.clone();
    receiver.script(move |_| {
        wait_until("the calls are answered", || told.load(Ordering::SeqCst) > 0);
        Answer::Status(told.load(Ordering::SeqCst))
    });
    move |answer| {
        receiver.always(Answer::Status(200));
        status.store(answer, Ordering::SeqCst);
    }
}

/// A webhook that is told of inserts, too. When it has one, the worker has noticed all that was committed before.
fn other_webhook(database: &Database) -> Receiver {
    let other = Receiver::start();
    database.webhook("other", &other, "");
    let mut session = database.connect();
    session.run("SELECT webhooks.add_event('other', 'table.recordInsert', 'orders')");
    other
}

fn pending_for_a(session: &mut Session) -> i64 {
    session.number("SELECT pending FROM webhooks.webhook_stats WHERE webhook = 'a'")
}

/// Has a row sent after all that was asked for before: when it has arrived, the rest had its chance.
fn mark(session: &mut Session, receiver: &Receiver, id: i64) {
    session.run(&format!("INSERT INTO orders VALUES ({id})"));
    wait_until("the mark arrives", || receiver.ids().contains(&id));
    wait_until("nothing is pending", || pending(session) == 0);
}

#[test]
fn a_delivered_message_is_sent_again_under_its_id_from_attempt_1_on() {
    let (first, second) = (Receiver::start(), Receiver::start());
    let database = database(&first, "retry_schedule => '{10ms,10ms}'");
    add_endpoint(&database, &second);
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("both have it", || database.delivered("a") == 2);
    let id = first.requests()[0].message();
    // Again, and this time it takes two attempts.
    first.script(|request| Answer::Status(if request.attempt() == 1 { 500 } else { 200 }));

    assert_eq!(
        session.number(&format!("SELECT webhooks.resend('{id}')")),
        2
    );

    wait_until("both have it again", || database.delivered("a") == 4);
    let got = |receiver: &Receiver| -> Vec<(String, u32)> {
        let requests = receiver.requests();
        requests
            .iter()
            .map(|r| (r.message(), r.attempt()))
            .collect()
    };
    assert_eq!(
        got(&first),
        [(id.clone(), 1), (id.clone(), 1), (id.clone(), 2)]
    );
    assert_eq!(got(&second), [(id.clone(), 1), (id.clone(), 1)]);
    wait_until("nothing is left", || {
        session.number("SELECT count(*) FROM webhooks.delivery") == 0
            && session.number("SELECT count(*) FROM webhooks.mending") == 0
    });
}

#[test]
fn a_failed_delivery_is_shown_until_a_resend_succeeds() {
    let receiver = Receiver::start();
    let database = database(&receiver, ONE_ATTEMPT);
    let mut session = database.connect();
    receiver.always(Answer::Status(503));
    session.run("INSERT INTO orders VALUES (1), (2)");
    let failed = "SELECT count(*) FROM webhooks.failed_delivery";
    wait_until("both have failed", || session.number(failed) == 2);
    let resend = "SELECT webhooks.resend_failed('a', now() - interval '1 hour')";

    let answer = hold(&receiver);
    assert_eq!(session.number(resend), 2);
    receiver.wait_for_open(2);
    assert_eq!(session.number(failed), 2, "while it is on its way");
    assert_eq!(session.number(resend), 0, "they are on their way");
    answer(500);
    wait_until("both have failed again", || {
        session.number("SELECT count(*) FROM webhooks.delivery WHERE state = 'failed'") == 2
    });
    assert_eq!(session.number(failed), 2, "it is not lost");

    assert_eq!(session.number(resend), 2);
    wait_until("they arrive", || database.delivered("a") == 2);
    wait_until("they are shown no more", || session.number(failed) == 0);
    assert_eq!(session.number(resend), 0);
}

#[test]
fn what_is_pending_already_is_not_sent_twice() {
    let receiver = Receiver::start();
    let database = database(&receiver, "max_in_flight => 1");
    let mut session = database.connect();
    receiver.always(Answer::Hang);
    session.run("INSERT INTO orders VALUES (1), (2)");
    receiver.wait_for_open(1);
    let ids =
        session.column("SELECT webhooks.message_id(at, seq) FROM webhooks.message ORDER BY seq");
    for id in ids.iter().flatten() {
        assert_eq!(
            session.number(&format!("SELECT webhooks.resend('{id}')")),
            0
        );
    }
    assert_eq!(
        session.number("SELECT webhooks.replay('a', '-infinity')"),
        0
    );
    // They get rows, being old, and are no less pending.
    wait_until("the second has a row", || {
        session.number("SELECT count(*) FROM webhooks.delivery") > 0
    });
    for id in ids.iter().flatten() {
        assert_eq!(
            session.number(&format!("SELECT webhooks.resend('{id}')")),
            0
        );
    }
    receiver.release();
    mark(&mut session, &receiver, 3);
    assert_eq!(receiver.ids(), [1, 2, 3]);
}

#[test]
fn a_replay_comes_in_order_and_before_what_is_new_about_a_record() {
    let receiver = Receiver::start();
    let database = database(&receiver, "");
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 20) g");
    for step in 1..=10 {
        session.run(&format!("UPDATE orders SET n = {step}"));
    }
    wait_until("all have arrived", || database.delivered("a") == 220);
    let replay = "SELECT webhooks.replay('a', now() - interval '1 hour'";
    assert_eq!(session.number(&format!("{replay}, dry_run => true)")), 220);
    assert_eq!(receiver.count(), 220, "a dry run sends nothing");

    // New ones are committed together with it and while it is on its way.
    session.run(&format!(
        "BEGIN; {replay}); UPDATE orders SET n = 11; COMMIT;"
    ));
    for step in 12..=30 {
        session.run(&format!("UPDATE orders SET n = {step}"));
    }

    let expected = 220 + 220 + 20 * 20;
    wait_until("all have arrived", || database.delivered("a") == expected);
    let mut records: HashMap<i64, Vec<i64>> = HashMap::new();
    for request in receiver.requests().iter().skip(220) {
        let record = records.entry(request.number("id")).or_default();
        record.push(request.number("n"));
    }
    for (id, steps) in records {
        assert_eq!(steps, (0..=30).collect::<Vec<_>>(), "record {id}");
    }
}

#[test]
fn a_replay_outlives_the_worker_and_costs_it_no_memory() {
    const ROWS: i64 = 6_000;
    let receiver = Receiver::start();
    let database = database(&receiver, "ordering => 'strict'");
    let mut session = database.connect();
    session.run(&format!(
        "INSERT INTO orders SELECT g FROM generate_series(1, {ROWS}) g"
    ));
    wait_until("all have arrived", || database.delivered("a") == ROWS);

    assert_eq!(
        session.number("SELECT webhooks.replay('a', '-infinity')"),
        ROWS
    );
    wait_until("it is on its way", || receiver.count() as i64 > ROWS + 500);
    let in_memory = session.number("SELECT waiting FROM webhooks.worker_state()");
    assert!(in_memory < 3_000, "most waits in rows: {in_memory}");
    restart_worker(&database);

    wait_until("all have arrived again", || {
        receiver.successes().len() as i64 >= 2 * ROWS && pending(&mut session) == 0
    });
    // Calls that were open at the restart may come twice: by first sight they are in order.
    let ids = receiver.ids();
    let mut again: Vec<i64> = ids[ROWS as usize..].to_vec();
    again.dedup();
    let mut seen = 0;
    for id in again {
        if id > seen {
            assert_eq!(id, seen + 1, "in order");
            seen = id;
        }
    }
    assert_eq!(seen, ROWS);
}

#[test]
fn cancel_takes_back_what_waits_wherever_it_is_and_lets_the_open_call_end() {
    let receiver = Receiver::start();
    let database = database(
        &receiver,
        "ordering => 'strict', retry_schedule => '{10ms,10ms}'",
    );
    let other = other_webhook(&database);
    let mut session = database.connect();
    let answer = hold(&receiver);
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    receiver.wait_for_open(1);
    wait_until("what waits has rows", || {
        session.number("SELECT count(*) FROM webhooks.delivery") >= 2
    });
    // These are in memory, or not even read.
    session.run("INSERT INTO orders VALUES (4), (5)");

    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 5);
    assert_eq!(pending_for_a(&mut session), 0, "at once");
    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 0);
    session.run("INSERT INTO orders VALUES (6)");
    wait_until("the worker knows", || other.ids().contains(&6));

    // The open call fails, and is not tried again.
    answer(500);
    mark(&mut session, &receiver, 7);
    assert_eq!(receiver.ids(), [1, 6, 7]);
    assert_eq!(session.number("SELECT count(*) FROM webhooks.delivery"), 0);
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.failed_delivery"),
        0
    );
}

#[test]
fn one_message_is_cancelled_and_the_others_of_its_record_go_on() {
    let receiver = Receiver::start();
    let database = database(&receiver, "retry_schedule => '{1 hour}'");
    let mut session = database.connect();
    receiver.script(|request| Answer::Status(if request.number("n") == 1 { 500 } else { 200 }));
    session.run("INSERT INTO orders VALUES (1, 1)");
    wait_until("it waits for its retry", || {
        session.number("SELECT count(*) FROM webhooks.delivery WHERE state = 'retrying'") == 1
    });
    session.run("UPDATE orders SET n = 2; UPDATE orders SET n = 3");
    let ids =
        session.column("SELECT webhooks.message_id(at, seq) FROM webhooks.message ORDER BY seq");
    let cancel =
        |id: &Option<String>| format!("SELECT webhooks.cancel('a', '{}')", id.as_ref().unwrap());

    assert_eq!(session.number(&cancel(&ids[1])), 1);
    assert_eq!(session.number(&cancel(&ids[0])), 1);

    wait_until("the third arrives", || database.delivered("a") == 1);
    let steps: Vec<i64> = receiver.requests().iter().map(|r| r.number("n")).collect();
    assert_eq!(steps, [1, 3]);
    assert_eq!(pending(&mut session), 0);
}

#[test]
fn what_was_cancelled_stays_so_when_the_worker_starts_again_and_can_be_sent_again() {
    let receiver = Receiver::start();
    let database = database(&receiver, "max_in_flight => 1");
    let mut session = database.connect();
    let worker = database.worker();
    receiver.always(Answer::Hang);
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    receiver.wait_for_open(1);
    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 3);
    session.run(&format!("SELECT pg_terminate_backend({worker})"));
    wait_until("there is another worker", || database.worker() != worker);
    receiver.always(Answer::Status(200));
    mark(&mut session, &receiver, 4);
    assert_eq!(receiver.ids(), [1, 4]);

    // A cancellation is about what was pending, and not for good.
    session.run("SELECT webhooks.pause_webhook('a')");
    let ids =
        session.column("SELECT webhooks.message_id(at, seq) FROM webhooks.message ORDER BY seq");
    let id = ids[1].as_ref().unwrap();
    assert_eq!(
        session.number(&format!("SELECT webhooks.resend('{id}')")),
        1
    );
    restart_worker(&database);
    session.run("SELECT webhooks.start_webhook('a')");
    mark(&mut session, &receiver, 5);
    assert_eq!(
        calls(&receiver.requests()),
        [(1, 1), (2, 1), (4, 1), (5, 1)].into()
    );
}

#[test]
fn a_message_cancelled_and_sent_again_at_once_arrives() {
    // Before the worker has noticed the one, the other has happened; the call that was open all the while fails.
    let receiver = Receiver::start();
    let database = database(
        &receiver,
        "max_in_flight => 1, retry_schedule => '{}', when_exhausted => 'keep'",
    );
    let other = other_webhook(&database);
    let mut session = database.connect();
    let answer = hold(&receiver);
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    receiver.wait_for_open(1);
    session.run(
        "BEGIN; SELECT webhooks.cancel('a');
         SELECT webhooks.resend(webhooks.message_id(at, seq), 'a') FROM webhooks.message ORDER BY seq; COMMIT;",
    );
    assert_eq!(pending_for_a(&mut session), 3);
    session.run("INSERT INTO orders VALUES (4)");
    wait_until("the worker knows", || other.ids().contains(&4));
    answer(500);
    mark(&mut session, &receiver, 5);
    let expected = [(1, 2), (2, 1), (3, 1), (4, 1), (5, 1)];
    assert_eq!(calls(&receiver.requests()), expected.into());
}

#[test]
fn cancelling_a_resend_leaves_the_failed_delivery() {
    let receiver = Receiver::start();
    let database = database(&receiver, ONE_ATTEMPT);
    let mut session = database.connect();
    receiver.always(Answer::Status(500));
    session.run("INSERT INTO orders VALUES (1)");
    let failed = "SELECT count(*) FROM webhooks.failed_delivery";
    wait_until("it has failed", || session.number(failed) == 1);
    session.run("SELECT webhooks.pause_webhook('a'); SELECT webhooks.resend_failed('a')");
    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 1);
    session.run("SELECT webhooks.start_webhook('a')");
    assert_eq!(session.number(failed), 1);
    // The same when the webhook is stopped.
    session.run(
        "SELECT webhooks.pause_webhook('a'); SELECT webhooks.resend_failed('a'); SELECT webhooks.stop_webhook('a');
         SELECT webhooks.start_webhook('a')",
    );
    assert_eq!(session.number(failed), 1);
    receiver.always(Answer::Status(200));
    mark(&mut session, &receiver, 2);
    assert_eq!(receiver.ids(), [1, 2]);
}

#[test]
fn what_is_sent_again_although_nobody_is_subscribed_survives_changes_of_the_configuration() {
    let receiver = Receiver::start();
    let database = database(&receiver, "max_in_flight => 1");
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    wait_until("all have arrived", || database.delivered("a") == 3);
    session.run("SELECT webhooks.unsubscribe('a', ARRAY(SELECT event FROM webhooks.event_stats))");
    receiver.always(Answer::Hang);
    let again = "SELECT sum(webhooks.resend(webhooks.message_id(at, seq))) FROM webhooks.message";
    assert_eq!(session.number(again), 3);
    receiver.wait_for_open(1);
    // Two wait in the lane. Each of these makes the worker look whether they are wanted.
    for calls in 2..5 {
        session.run(&format!(
            "SELECT webhooks.alter_webhook('a', description => '{calls}')"
        ));
    }
    receiver.release();
    wait_until("all have arrived again", || database.delivered("a") == 6);
}

#[test]
fn mending_under_load_loses_nothing_and_repeats_only_what_was_asked_for() {
    const ROUNDS: i64 = 40;
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let database = database(
        &receiver,
        "retry_schedule => array_fill(interval '20ms', ARRAY[50])",
    );
    add_endpoint(&database, &other);
    receiver.script(|request| {
        let sum: u32 = request.message().bytes().map(u32::from).sum();
        Answer::Status(if (sum + request.attempt()).is_multiple_of(5) {
            500
        } else {
            200
        })
    });
    let mut session = database.connect();
    let mut resent = 0;
    for round in 0..ROUNDS {
        session.run(&format!(
            "INSERT INTO orders SELECT {round} * 100 + g FROM generate_series(1, 100) g"
        ));
        if round % 4 == 3 {
            resent += session.number(
                "SELECT webhooks.replay('a', (SELECT min(at) FROM webhooks.message), (SELECT at FROM webhooks.message ORDER BY seq LIMIT 1 OFFSET 100))",
            );
        }
        if round == ROUNDS / 2 {
            restart_worker(&database);
        }
    }
    let expected = ROUNDS * 100 * 2 + resent;
    wait_until("nothing is pending", || pending(&mut session) == 0);
    assert!(database.delivered("a") >= expected, "{resent}");
    for receiver in [&receiver, &other] {
        assert_eq!(receiver.messages().len() as i64, ROUNDS * 100);
    }
    assert_eq!(session.number("SELECT count(*) FROM webhooks.delivery"), 0);
}

#[test]
fn a_cancellation_is_not_about_what_commits_later() {
    let receiver = Receiver::start();
    let database = database(&receiver, "");
    let mut session = database.connect();
    session.run("SELECT webhooks.pause_webhook('a')");
    let mut early = database.connect();
    early.run("BEGIN; INSERT INTO orders VALUES (1)");
    session.run("INSERT INTO orders VALUES (2)");
    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 1);
    early.run("COMMIT");
    assert_eq!(pending(&mut session), 1);
    restart_worker(&database);

    session.run("SELECT webhooks.start_webhook('a')");
    mark(&mut session, &receiver, 3);
    let mut ids = receiver.ids();
    ids.sort_unstable();
    assert_eq!(ids, [1, 3]);
}

#[test]
fn what_is_cancelled_before_its_row_could_be_made_is_not_sent() {
    let receiver = Receiver::start();
    let database = database(&receiver, "");
    let other = other_webhook(&database);
    let mut session = database.connect();
    session.run("SELECT webhooks.pause_webhook('a')");
    let mut open = database.connect();
    open.run("BEGIN; SELECT webhooks.replay('a', '-infinity')");
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("its row has to wait", || database.is_locked_out());

    assert_eq!(session.number("SELECT webhooks.cancel('a')"), 1);

    session.run("INSERT INTO orders VALUES (2)");
    other.wait_for(2);
    open.run("ROLLBACK; SELECT webhooks.start_webhook('a')");
    mark(&mut session, &receiver, 3);
    assert_eq!(calls(&receiver.requests()), HashMap::from([(2, 1), (3, 1)]));
}
