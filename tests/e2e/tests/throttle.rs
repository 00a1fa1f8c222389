//! At most so many calls in any interval, and as many as that.

use std::time::Duration;

use webhooks_e2e::{kill, private_memory, wait_until, Database, Receiver, Server, Signal};

fn watched(receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, options);
    database.watched_table("orders", "a");
    database
}

/// The most calls that arrived in any interval of this length.
pub fn most_within(receiver: &Receiver, window: Duration) -> usize {
    let requests = receiver.requests();
    let mut arrivals: Vec<_> = requests.iter().map(|request| request.arrived).collect();
    arrivals.sort_unstable();
    let within = |n: usize| {
        let end = arrivals[n] + window;
        arrivals[n..].iter().take_while(|&&at| at < end).count()
    };
    (0..arrivals.len()).map(within).max().unwrap_or(0)
}

/// `WEBHOOKS_E2E_THROTTLE_SECONDS` says for how long; each second takes a second.
#[test]
fn a_throttle_lets_as_many_calls_pass_as_it_says_and_no_more() {
    let seconds: usize = std::env::var("WEBHOOKS_E2E_THROTTLE_SECONDS")
        .map_or(4, |seconds| seconds.parse().expect("seconds"));
    let receiver = Receiver::start();
    let database = watched(&receiver, "throttle_calls => 50, ordering => 'none'");
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 5000) g");

    let last = 50 * seconds;
    let requests = receiver.wait_for(last);
    let took = requests[last - 1].arrived - requests[0].arrived;
    let most = most_within(&receiver, Duration::from_secs(1));
    assert!(most <= 50, "{most} calls in a second");
    // The calls of the last second come at its begin.
    let might = 50.0 * (took.as_secs_f64() + 1.0);
    let used = last as f64 / might;
    println!(
        "{last} calls in {took:?}, at most {most} in a second: {:.1} %",
        100.0 * used
    );
    assert!(used >= 0.95, "{used}");
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.attempt_log WHERE attempt > 1"),
        0,
        "waiting is no attempt"
    );
}

#[test]
fn a_throttle_holds_over_a_restart_of_the_worker() {
    let receiver = Receiver::start();
    let database = watched(
        &receiver,
        "throttle_calls => 3, throttle_per => '1 hour', ordering => 'none'",
    );
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 10) g");
    wait_until("three are delivered", || database.delivered("a") == 3);

    let worker = database.worker();
    kill(worker, Signal::TERM);
    wait_until("there is another worker", || database.worker() != worker);
    session.run("SELECT webhooks.create_event('marker')");
    let other = Receiver::start();
    database.webhook("b", &other, "");
    session.run("SELECT webhooks.subscribe('b', '{marker}'); SELECT webhooks.emit('marker')");
    other.wait_for(1);
    assert_eq!(receiver.count(), 3);

    session.run("SELECT webhooks.alter_webhook('a', throttle_calls => 5)");
    receiver.wait_for(5);
    session.run("SELECT webhooks.alter_webhook('a', throttle_calls => 0)");
    receiver.wait_for(10);
    assert_eq!(receiver.ids().len(), 10);
}

#[test]
fn a_throttle_holds_over_a_stop() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let database = watched(
        &receiver,
        "throttle_calls => 3, throttle_per => '1 hour', ordering => 'none'",
    );
    database.webhook("b", &other, "");
    let mut session = database.connect();
    session
        .run("SELECT webhooks.create_event('marker'); SELECT webhooks.subscribe('b', '{marker}')");
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 2) g");
    wait_until("two are delivered", || database.delivered("a") == 2);

    session.run("SELECT webhooks.stop_webhook('a'); SELECT webhooks.emit('marker')");
    other.wait_for(1);
    session.run("SELECT webhooks.start_webhook('a')");
    session.run("INSERT INTO orders SELECT g FROM generate_series(11, 13) g");
    session.run("SELECT webhooks.emit('marker')");
    other.wait_for(2);
    wait_until("one more may be called", || database.delivered("a") >= 3);
    session.run("SELECT webhooks.emit('marker')");
    other.wait_for(3);
    assert_eq!(receiver.count(), 3);

    session.run("SELECT webhooks.alter_webhook('a', throttle_calls => 0)");
    receiver.wait_for(5);
}

/// `WEBHOOKS_E2E_WAITING` says how many wait; a million takes some minutes.
#[test]
fn what_waits_for_a_throttled_webhook_takes_bounded_memory_and_delays_nobody() {
    let waiting: i64 = std::env::var("WEBHOOKS_E2E_WAITING")
        .map_or(30_000, |count| count.parse().expect("a number"));
    let (slow, good) = (Receiver::start(), Receiver::start());
    let database = watched(&slow, "throttle_calls => 10, throttle_per => '1 second'");
    let mut session = database.connect();
    session.run("CREATE TABLE small (id bigint PRIMARY KEY)");
    database.webhook("good", &good, "");
    session.run("SELECT webhooks.add_event('good', 'table.recordInsert', 'small')");
    session.run(&format!(
        "INSERT INTO orders SELECT g, 0, repeat('x', 500) FROM generate_series(1, {waiting}) g"
    ));
    wait_until("the worker has read them all", || {
        session.run("INSERT INTO small SELECT coalesce(max(id), 0) + 1 FROM small");
        let rows = session.number("SELECT count(*) FROM webhooks.delivery");
        rows >= waiting - 4000
    });
    wait_until("all of the other webhook's have arrived", || {
        database.delivered("good") == session.number("SELECT count(*) FROM small")
    });
    let p95 = session.text("SELECT p95_ms FROM webhooks.webhook_stats WHERE webhook = 'good'");
    let memory = private_memory(database.worker()).expect("the worker runs");
    println!("{waiting} wait: the worker has {memory} kB, the other webhook's calls took {p95} ms");
    assert!(memory < 150 * 1024, "{memory} kB");
    let mut first = slow.ids()[..10].to_vec();
    first.sort_unstable();
    assert!(first.into_iter().eq(1..=10), "the oldest first");
}
