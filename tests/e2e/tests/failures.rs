//! Receivers that fail, are away, or say nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use webhooks_e2e::{wait_until, Answer, AttemptLog, Receiver, Request, Server, PATIENCE};

#[test]
fn an_endpoint_that_comes_back_gets_everything_that_waited() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        "retry_schedule => array_fill(interval '200ms', ARRAY[100])",
    );
    database.watched_table("orders", "a");
    let mut session = database.connect();
    receiver.down();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 100) g");
    // Eight at once, and four more before the fifth has failed.
    AttemptLog::of_errors(&mut session, 8 + 4 + 4);
    assert_eq!(receiver.count(), 0);

    receiver.up();

    wait_until("all have arrived", || receiver.messages().len() == 100);
    wait_until("all are recorded", || database.delivered("a") == 100);
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.delivery"),
        0,
        "nothing is left over"
    );
    assert_eq!(
        session.number("SELECT sum(pending) FROM webhooks.webhook_stats"),
        0
    );
    let log = AttemptLog::of_errors(&mut session, 0);
    let (first_round, probes) = log.first_round_and_probes(Duration::from_millis(200));
    assert!(first_round.len() <= 8 + 4, "{first_round:?}");
    // Probes are made with what has failed and with what has not, in turn. What failed first may not be due at the first.
    for (turn, probe) in probes.iter().enumerate().skip(1) {
        assert_eq!(probe.attempt == 1, turn % 2 == 1, "{turn} of {probes:?}");
    }
    let calls = first_round.iter().chain(probes);
    let were_refused = calls.filter(|call| call.attempt == 1).count();
    let tried = |request: &&Arc<Request>| request.attempt() > 1;
    let successes = receiver.successes();
    assert_eq!(
        successes.iter().filter(tried).count(),
        were_refused,
        "those behind them spent no attempt"
    );
}

#[test]
fn a_delivery_that_is_exhausted_is_shown_as_failed() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "retry_schedule => '{10ms,10ms}'");
    database.watched_table("orders", "a");
    receiver.script(|request| match request.number("id") {
        1 => Answer::Status(503),
        _ => Answer::Status(200),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1), (2)");

    wait_until("it is given up", || {
        session.number("SELECT count(*) FROM webhooks.failed_delivery") == 1
    });

    wait_until("the other one arrived", || database.delivered("a") == 1);
    let attempts: Vec<_> = receiver
        .requests()
        .iter()
        .filter(|request| request.number("id") == 1)
        .map(|request| (request.message(), request.attempt()))
        .collect();
    let id = attempts[0].0.clone();
    assert_eq!(
        attempts,
        (1..=3).map(|n| (id.clone(), n)).collect::<Vec<_>>(),
        "three attempts under one id"
    );
    let failed = session.rows(
        "SELECT message_id, webhook, url, failed_at IS NOT NULL, attempts, last_status, last_error
         FROM webhooks.failed_delivery",
    );
    let row: Vec<_> = (0..6).map(|i| failed[0].get(i).unwrap_or("NULL")).collect();
    assert_eq!(row, [&id, "a", &receiver.url(), "t", "3", "503"]);
    assert!(failed[0].get(6).unwrap().starts_with("status"));
    let stats = session.rows(
        "SELECT messages, calls, errors, delivered, failed, pending FROM webhooks.webhook_stats",
    );
    let row: Vec<_> = (0..6).map(|i| stats[0].get(i).unwrap_or("NULL")).collect();
    assert_eq!(row, ["2", "4", "3", "1", "1", "0"]);
}

#[test]
fn every_kind_of_failure_is_retried_and_told_by_its_word() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        "timeout => '300ms', retry_schedule => '{10ms}'",
    );
    database.watched_table("orders", "a");
    receiver.script(|request| match (request.attempt(), request.number("id")) {
        (1, 1) => Answer::Status(500),
        (1, 2) => Answer::Status(404),
        (1, 3) => Answer::Status(302),
        (1, 4) => Answer::Close,
        (1, 5) => Answer::Hang,
        _ => Answer::Status(200),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 5) g");

    wait_until("all have arrived", || database.delivered("a") == 5);

    let words: HashMap<i64, String> = receiver
        .requests()
        .iter()
        .filter(|request| request.attempt() == 1)
        .map(|request| {
            let word = session.text(&format!(
                "SELECT error FROM webhooks.attempt_log WHERE attempt = 1 AND message_id = '{}'",
                request.message()
            ));
            (request.number("id"), word)
        })
        .collect();
    for (id, word) in [
        (1, "status"),
        (2, "status"),
        (3, "status"),
        (4, "closed"),
        (5, "timeout"),
    ] {
        assert!(words[&id].starts_with(word), "{id}: {}", words[&id]);
    }
}

#[test]
fn a_dead_endpoint_delays_no_other() {
    let dead = Receiver::start();
    let good = Receiver::start();
    dead.always(Answer::Hang);
    let database = Server::shared().database();
    database.webhook("dead", &dead, "max_in_flight => 8, timeout => '1 hour'");
    database.webhook("good", &good, "max_in_flight => 8");
    database.watched_table("orders", "dead");
    let mut session = database.connect();
    session.run("SELECT webhooks.add_event('good', 'table.recordInsert', 'orders')");

    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 100) g");
    dead.wait_for_open(8);
    for id in 101..=1000 {
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
    }

    // The dead one's calls are open all the while: the good one waits for none of them.
    wait_until("all have arrived at the good one", || {
        good.messages().len() == 1000
    });
    assert_eq!((dead.open(), dead.most_open(), dead.count()), (8, 8, 8));
    assert_eq!(dead.successes().len(), 0);

    dead.release();
    wait_until("all have arrived at the other", || {
        dead.messages().len() == 1000
    });
}

#[test]
fn the_webhooks_of_many_dead_endpoints_leave_room_for_a_good_one() {
    // More calls could be open to the dead ones than webhooks.max_in_flight allows: they must not take all of it for good.
    let dead = Receiver::start();
    let good = Receiver::start();
    dead.always(Answer::Hang);
    let database = Server::shared().database();
    let mut session = database.connect();
    session.run("CREATE TABLE orders (id bigint PRIMARY KEY)");
    for number in 1..=12 {
        let name = format!("dead{number}");
        database.webhook(
            &name,
            &dead,
            "timeout => '500ms', retry_schedule => '{1 hour}'",
        );
        session.run(&format!(
            "SELECT webhooks.add_event('{name}', 'table.recordInsert', 'orders')"
        ));
    }
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 100) g");
    dead.wait_for_open(8);
    database.webhook("good", &good, "");
    session.run("SELECT webhooks.add_event('good', 'table.recordInsert', 'orders')");

    session.run("INSERT INTO orders SELECT g FROM generate_series(101, 200) g");

    wait_until("all have arrived at the good one", || {
        good.messages().len() == 100
    });
}

#[test]
fn no_more_calls_are_open_than_max_in_flight() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "max_in_flight => 3");
    database.watched_table("orders", "a");
    receiver.always(Answer::After(
        Duration::from_millis(2),
        Box::new(Answer::Status(200)),
    ));

    database
        .connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 300) g");

    wait_until("all have arrived", || receiver.messages().len() == 300);
    assert_eq!(receiver.most_open(), 3, "as many as allowed, and no more");
}

#[test]
fn whatever_is_answered_is_stored() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "retry_schedule => '{1 day}'");
    database.watched_table("orders", "a");
    let answers: [(&[u8], &str); 6] = [
        (b"a\0b", "a\u{fffd}b"),
        (b"\0", "\u{fffd}"),
        (b"\xff\xfe\xc3", "\u{fffd}\u{fffd}\u{fffd}"),
        // A surrogate, and a slash that takes two bytes.
        (
            b"\xed\xa0\x80\xc0\xaf",
            "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
        ),
        (b"\x1b[2J\r\n\\'; --\x7f", "\x1b[2J\r\n\\'; --\x7f"),
        (
            "\u{1f4ee}\u{202e}\u{feff}".as_bytes(),
            "\u{1f4ee}\u{202e}\u{feff}",
        ),
    ];
    receiver.script(move |request| {
        let number = request.number("id");
        let (body, _) = answers[number as usize / 2];
        // Both what is delivered and what is not.
        let status = if number % 2 == 0 { 200 } else { 500 };
        Answer::Body(status, body.to_vec())
    });
    let mut session = database.connect();
    let calls = 2 * answers.len() as i64;
    session.run(&format!(
        "INSERT INTO orders SELECT g FROM generate_series(0, {calls} - 1) g"
    ));

    wait_until("all are recorded", || {
        session.number("SELECT count(*) FROM webhooks.attempt_log") == calls
    });

    for request in receiver.requests() {
        let stored = session.text(&format!(
            "SELECT response FROM webhooks.attempt_log WHERE message_id = '{}'",
            request.message()
        ));
        let (_, expected) = answers[request.number("id") as usize / 2];
        assert_eq!(stored, expected);
    }
    assert_eq!(receiver.count() as i64, calls, "none was sent twice");
    assert_eq!(database.delivered("a"), calls / 2);
}

#[test]
fn an_open_transaction_that_drops_a_webhook_stops_no_other() {
    let [bad, good, left] = [(); 3].map(|()| Receiver::start());
    bad.always(Answer::Status(500));
    left.always(Answer::Status(500));
    let database = Server::shared().database();
    let retries =
        "retry_schedule => array_fill(interval '200ms', ARRAY[100]), when_exhausted => 'keep'";
    database.webhook("bad", &bad, retries);
    database.webhook("good", &good, "");
    database.webhook("left", &left, retries);
    let mut session = database.connect();
    // On no table, which dropping the event would lock.
    session.run(
        "SELECT webhooks.create_event('order:new');
         SELECT webhooks.subscribe('bad', '{order:new}');
         SELECT webhooks.subscribe('good', '{order:new}');
         SELECT webhooks.subscribe('left', '{order:new}');",
    );
    let first = session.text("SELECT webhooks.emit('order:new')");
    wait_until("it is tried again", || {
        bad.count() >= 3 && left.count() >= 3
    });
    session.run("SELECT webhooks.unsubscribe('left', '{order:new}')");
    wait_until("it is sent again although nobody is subscribed", || {
        session.number(&format!("SELECT webhooks.resend('{first}', 'left')")) == 1
    });
    // One after the other, they would take longer than the test has patience if the worker turned once a second.
    let many = 2 * PATIENCE.as_secs() as i64;
    let mut last = 1;
    for change in [
        "drop_event('order:new')",
        "drop_webhook('bad')",
        "stop_webhook('bad')",
        "unsubscribe('bad', '{order:new}')",
        "cancel('bad')",
        "replay('bad', '-infinity')",
    ] {
        let mut open = database.connect();
        open.run(&format!("BEGIN; SELECT webhooks.{change}"));
        wait_until("what is to be recorded of it has to wait", || {
            database.is_locked_out()
        });
        let end = last + many;
        wait_until(&format!("{change}: the other one gets all of it"), || {
            let arrived = good.count() as i64 == last;
            if arrived && last < end {
                last += 1;
                session.run("SELECT webhooks.emit('order:new')");
            }
            arrived && last == end
        });
        wait_until("all of that is recorded", || {
            database.delivered("good") == last
        });
        assert!(database.is_locked_out(), "{change} is still open");
        if change.starts_with("drop_webhook") {
            wait_until("somebody is told", || {
                session.holds(
                    "SELECT coalesce(problem LIKE '%an open transaction has changed or dropped a webhook%', false)
                       FROM webhooks.status()",
                )
            });
        }
        open.run("ROLLBACK");
        wait_until("it is recorded then", || !database.is_locked_out());
    }
    bad.always(Answer::Status(200));
    wait_until("all have arrived in the end", || {
        database.delivered("bad") == last && database.delivered("good") == last
    });
}

#[test]
fn a_retry_that_was_due_while_its_endpoint_was_locked_is_made_afterwards() {
    let receiver = Receiver::start();
    receiver.script(|request| Answer::Status(if request.attempt() == 1 { 500 } else { 200 }));
    let database = Server::shared().database();
    database.webhook("a", &receiver, "retry_schedule => '{1 hour}'");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    let due = "SELECT count(*) FROM webhooks.delivery WHERE state = 'retrying'";
    wait_until("a retry waits", || session.number(due) == 1);
    let mut open = database.connect();
    open.run("BEGIN; SELECT webhooks.replay('a', '-infinity')");
    session.run("INSERT INTO orders VALUES (2)");
    wait_until("the next one's has to wait", || database.is_locked_out());
    // As if an hour had passed.
    session.run("UPDATE webhooks.delivery SET due_at = now()");

    open.run("ROLLBACK");

    wait_until("it is made", || database.delivered("a") == 1);
    assert_eq!(receiver.ids(), [1, 2, 1]);
}
