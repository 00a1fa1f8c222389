//! Order and completeness at length: errors at random, a worker that is killed, an endpoint that is away for a while.
//!
//! Small here, so that all tests together are quick; the variables named below make each as large as one likes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use webhooks_e2e::{
    assert_ramp, kill, wait_patiently, wait_until, Answer, Database, Receiver, Request, Server,
    Session, Signal,
};

/// More than it takes at full size.
const LONG: Duration = Duration::from_secs(1200);

/// A number from the environment, for a run at full size.
fn size(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Answers 500 to one call in ten, whichever.
fn one_in_ten_fails(receiver: &Receiver) {
    let dice = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    receiver.script(move |_| {
        let mut roll = dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        roll = (roll ^ (roll >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        roll ^= roll >> 27;
        Answer::Status(if roll.is_multiple_of(10) { 500 } else { 200 })
    });
}

/// Counts up in rows 1 to `rows`, from eight sessions that go on after a crash of the server, until `updates` have been made.
/// Each row has its own count in `n`; with `globally` each transaction also takes a number that all of them take, into
/// `note`.
fn count_up(
    server: &Arc<Server>,
    database: &Database,
    rows: usize,
    updates: usize,
    globally: bool,
) {
    let made = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            let made = &made;
            scope.spawn(move || {
                let mut session: Option<Session> = None;
                loop {
                    let number = made.fetch_add(1, Ordering::Relaxed) as usize;
                    if number >= updates {
                        return;
                    }
                    let id = 1 + number * 7 % rows;
                    let statement = if globally {
                        format!(
                            "WITH clock AS (UPDATE clock SET at = at + 1 RETURNING at)
                             UPDATE orders SET n = n + 1, note = clock.at FROM clock WHERE id = {id}"
                        )
                    } else {
                        format!("UPDATE orders SET n = n + 1 WHERE id = {id}")
                    };
                    loop {
                        if session.is_none() {
                            session = server.try_connect(database.name()).ok();
                        }
                        match session.as_mut().map(|s| s.batch_execute(&statement)) {
                            Some(Ok(())) => break,
                            // Whether it committed is not known; once more does no harm.
                            _ => session = None,
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    });
}

/// The numbers of each key, each where the receiver saw it first.
fn first_seen<K: std::hash::Hash + Eq>(
    receiver: &Receiver,
    key: impl Fn(&Request) -> K,
    number: impl Fn(&Request) -> i64,
) -> HashMap<K, Vec<i64>> {
    let mut seen: HashMap<K, Vec<i64>> = HashMap::new();
    for request in receiver.requests() {
        let (key, number) = (key(&request), number(&request));
        let numbers = seen.entry(key).or_default();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    seen
}

/// `WEBHOOKS_E2E_UPDATES` says how many updates, of a hundredth as many rows.
fn order_survives(ordering: &str) -> (Arc<Server>, Database, Receiver) {
    let updates = size("WEBHOOKS_E2E_UPDATES", 2000);
    let rows = (updates / 100).max(10);
    let server = Server::preloaded().start();
    let receiver = Receiver::start();
    one_in_ten_fails(&receiver);
    let database = server.database();
    database.webhook(
        "a",
        &receiver,
        &format!(
            "ordering => '{ordering}', retry_schedule => array_fill(interval '20ms', ARRAY[100])"
        ),
    );
    let mut session = database.connect();
    session.run(&format!(
        "CREATE TABLE clock AS SELECT 0 AS at;
         CREATE TABLE orders (id bigint PRIMARY KEY, n int, note text);
         INSERT INTO orders SELECT g, 0 FROM generate_series(1, {rows}) g;
         SELECT webhooks.add_event('a', 'table.recordUpdate', 'orders');"
    ));
    let worker = database.worker();
    thread::scope(|scope| {
        scope.spawn(|| count_up(&server, &database, rows, updates, ordering == "strict"));
        wait_patiently(LONG, "a quarter is under way", || {
            receiver.count() >= updates / 4
        });
        kill(worker, Signal::KILL);
    });
    wait_until("the server is back, with another worker", || {
        let session = server.try_connect(database.name());
        let pid = session.ok().and_then(|mut session| {
            let row = session.query_opt("SELECT worker_pid FROM webhooks.status()", &[]);
            row.ok().flatten()?.get::<_, Option<i32>>(0)
        });
        pid.is_some_and(|pid| pid != worker)
    });
    let mut session = database.connect();
    let made = session.number("SELECT sum(n) FROM orders");
    wait_patiently(LONG, "all have arrived", || {
        receiver.count() as i64 >= made && receiver.messages().len() as i64 >= made
    });
    (server, database, receiver)
}

#[test]
fn a_record_keeps_its_order_through_errors_and_a_killed_worker() {
    let (_server, database, receiver) = order_survives("record");
    let mut session = database.connect();
    let seen = first_seen(&receiver, |r| r.number("id"), |r| r.number("n"));
    for (id, numbers) in seen {
        let last = session.number(&format!("SELECT n FROM orders WHERE id = {id}"));
        assert!(
            numbers.iter().copied().eq(1..=last),
            "row {id}: {numbers:?}"
        );
    }
    println!(
        "{} calls for {} messages",
        receiver.count(),
        receiver.messages().len()
    );
}

#[test]
fn strict_order_goes_through_errors_and_a_killed_worker() {
    let (_server, database, receiver) = order_survives("strict");
    let at = |request: &Request| -> i64 {
        let note = request.field("note");
        note.as_str()
            .and_then(|text| text.parse().ok())
            .expect("a number")
    };
    let seen = first_seen(&receiver, |_| (), at);
    let last = database.connect().number("SELECT at FROM clock");
    assert!(seen[&()].iter().copied().eq(1..=last));
    println!(
        "{} calls for {} messages",
        receiver.count(),
        receiver.messages().len()
    );
}

/// `WEBHOOKS_E2E_OUTAGE` says how many messages wait for an endpoint that is away.
#[test]
fn after_an_outage_everything_arrives_in_order_and_nothing_was_given_up() {
    let waiting = size("WEBHOOKS_E2E_OUTAGE", 5000) as i64;
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receiver,
        "max_in_flight => 16, retry_schedule => array_fill(interval '500ms', ARRAY[20])",
    );
    database.watched_table("orders", "a");
    receiver.script(|_| Answer::After(Duration::from_millis(5), Box::new(Answer::Status(200))));
    receiver.down();
    let mut session = database.connect();
    let rows = waiting / 10;
    session.run(&format!(
        "INSERT INTO orders SELECT g, 1 FROM generate_series(1, {rows}) g"
    ));
    for n in 2..=10 {
        session.run(&format!("UPDATE orders SET n = {n}"));
    }
    wait_until("the endpoint is probed", || {
        session.number("SELECT count(*) FROM webhooks.attempt_log") >= 18
    });

    receiver.up();

    wait_patiently(LONG, "all have arrived", || {
        receiver.count() as i64 >= waiting && receiver.messages().len() as i64 == waiting
    });
    let mut last: HashMap<i64, i64> = HashMap::new();
    for request in receiver.requests() {
        let (id, n) = (request.number("id"), request.number("n"));
        let before = last.insert(id, n).unwrap_or(0);
        assert_eq!(n, before + 1, "row {id}");
    }
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.failed_delivery"),
        0
    );
    let tried = "SELECT count(DISTINCT message_id) FROM webhooks.attempt_log WHERE attempt > 1";
    let tried = session.number(tried);
    assert!(tried <= 40, "what waited spent no attempt: {tried}");
    println!("{waiting} arrived, {tried} of them after an attempt that failed");
    assert_ramp(&receiver.requests()[..40]);
}
