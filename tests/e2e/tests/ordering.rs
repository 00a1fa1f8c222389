//! In which order messages arrive.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use webhooks_e2e::{wait_until, Answer, Database, Receiver, Request, Server};

const RETRIES: &str = "retry_schedule => array_fill(interval '20ms', ARRAY[100])";

/// Some attempts fail, the same ones in every run: which, nobody could tell from the outside.
fn fails_now_and_then(request: &Request) -> Answer {
    let sum: u32 = request.message().bytes().map(u32::from).sum();
    match (sum + request.attempt()) % 3 {
        0 => Answer::Status(500),
        1 if sum.is_multiple_of(7) => Answer::Close,
        _ => Answer::Status(200),
    }
}

/// Eight sessions count up in ten rows, one step at a time, `steps` steps each. Who is first is up to the locks.
fn count_in_eight_sessions(database: &Database, steps: i64) {
    thread::scope(|scope| {
        for number in 0..8 {
            let mut session = database.connect();
            scope.spawn(move || {
                for step in 0..steps {
                    let id = 1 + (step * 7 + number * 3) % 10;
                    session.run(&format!("UPDATE counter SET n = n + 1 WHERE id = {id}"));
                }
            });
        }
    });
}

fn counting_database(receiver: &Receiver, ordering: &str) -> Database {
    let database = Server::shared().database();
    database.webhook(
        "a",
        receiver,
        &format!("ordering => '{ordering}', {RETRIES}"),
    );
    let mut session = database.connect();
    session.run(
        "CREATE TABLE counter (id bigint PRIMARY KEY, n int);
         INSERT INTO counter SELECT g, 0 FROM generate_series(1, 10) g;
         SELECT webhooks.add_event('a', 'table.recordUpdate', 'counter');",
    );
    database
}

/// No call begins before the one before it, of the same key, has succeeded; and they come in the order of the numbers.
fn assert_in_order(key: &str, requests: &[Arc<Request>], number: impl Fn(&Request) -> i64) {
    let mut expected = 1;
    let mut last_success = None;
    for request in requests {
        assert_eq!(number(request), expected, "{key}: a call out of its turn");
        assert!(
            Some(request.arrived) > last_success,
            "{key}: a call began before the one before it had ended"
        );
        if let Some((at, 200)) = request.answer() {
            last_success = Some(at);
            expected += 1;
        }
    }
}

#[test]
fn messages_of_a_record_arrive_in_commit_order_whatever_fails() {
    let receiver = Receiver::start();
    receiver.script(fails_now_and_then);
    let database = counting_database(&receiver, "record");

    count_in_eight_sessions(&database, 50);

    wait_until("all have arrived", || receiver.messages().len() == 400);
    wait_until("all are recorded", || database.delivered("a") == 400);
    let mut records: HashMap<i64, Vec<Arc<Request>>> = HashMap::new();
    for request in receiver.requests() {
        records
            .entry(request.number("id"))
            .or_default()
            .push(request);
    }
    for (id, requests) in records {
        assert_in_order(&format!("record {id}"), &requests, |request| {
            request.number("n")
        });
    }
    assert!(
        receiver.most_open() > 1,
        "different records do not wait for each other"
    );
}

#[test]
fn a_failing_record_holds_back_only_itself() {
    let receiver = Receiver::start();
    receiver.script(|request| match request.number("id") {
        1 => Answer::Status(500),
        _ => Answer::Status(200),
    });
    let database = counting_database(&receiver, "record");
    count_in_eight_sessions(&database, 50);

    let others = |request: &Arc<Request>| request.number("id") != 1;
    wait_until("all of the other records have arrived", || {
        receiver.successes().iter().filter(|r| others(r)).count() >= 360
    });
    let only_first = receiver
        .requests()
        .iter()
        .filter(|r| !others(r))
        .all(|r| r.number("n") == 1);
    assert!(only_first, "what follows in that record waits");

    receiver.always(Answer::Status(200));
    wait_until("all have arrived", || receiver.messages().len() == 400);
    let of_first: Vec<_> = receiver
        .requests()
        .into_iter()
        .filter(|r| !others(r))
        .collect();
    assert_in_order("record 1", &of_first, |request| request.number("n"));
}

#[test]
fn strict_is_one_after_the_other_whatever_the_record() {
    let receiver = Receiver::start();
    receiver.script(fails_now_and_then);
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        &format!("ordering => 'strict', max_in_flight => 8, {RETRIES}"),
    );
    database.watched_table("orders", "a");
    let mut session = database.connect();

    for id in 1..=100 {
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
    }

    wait_until("all have arrived", || receiver.messages().len() == 100);
    assert_in_order("strict", &receiver.requests(), |request| {
        request.number("id")
    });
    assert_eq!(receiver.most_open(), 1);
}

#[test]
fn a_lane_that_is_more_than_full_lets_in_the_retry_that_all_of_it_waits_for() {
    let receiver = Receiver::start();
    // The first retry comes back to a lane that has been filled up meanwhile, so do many after it.
    receiver.script(
        |request| match (request.number("id") % 100, request.attempt()) {
            (1, 1) => Answer::Status(500),
            _ => Answer::Status(200),
        },
    );
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        "ordering => 'strict', retry_schedule => '{300ms,300ms}'",
    );
    database.watched_table("orders", "a");

    database
        .connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 3000) g");

    wait_until("all have arrived", || receiver.messages().len() == 3000);
    assert_in_order("strict", &receiver.requests(), |request| {
        request.number("id")
    });
}

#[test]
fn without_ordering_a_failing_message_holds_back_nothing() {
    let receiver = Receiver::start();
    receiver.script(
        |request| match (request.number("id"), request.number("n")) {
            (1, 1) => Answer::Status(500),
            _ => Answer::Status(200),
        },
    );
    let database = counting_database(&receiver, "none");

    count_in_eight_sessions(&database, 50);

    wait_until("all the others have arrived", || {
        receiver.messages().len() == 399
    });
    receiver.always(Answer::Status(200));
    wait_until("all have arrived", || receiver.messages().len() == 400);
}

#[test]
fn a_record_keeps_its_order_through_a_long_retry() {
    // The retry is taken out of memory and read back from the table: what came in between must not overtake it.
    let receiver = Receiver::start();
    receiver.down();
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        "retry_schedule => array_fill(interval '3s', ARRAY[50])",
    );
    database.watched_table("orders", "a");
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1, 1)");
    for n in 2..=50 {
        session.run(&format!("UPDATE orders SET n = {n}"));
    }
    wait_until("the others wait in the table", || {
        session.number("SELECT count(*) FROM webhooks.delivery WHERE state = 'waiting'") == 49
    });
    receiver.up();
    wait_until("all have arrived", || receiver.messages().len() == 50);
    assert_in_order("record 1", &receiver.requests(), |request| {
        request.number("n")
    });
}
