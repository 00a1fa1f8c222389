//! Several messages in one call.

use std::collections::HashMap;
use std::thread;

use serde_json::Value;
use webhooks_e2e::{wait_until, Answer, Database, Receiver, Request, Server};

const RETRIES: &str = "retry_schedule => array_fill(interval '20ms', ARRAY[100])";

fn watched(receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, options);
    database.watched_table("orders", "a");
    database
}

fn messages(request: &Request) -> Vec<Value> {
    match request.json() {
        Value::Array(messages) => messages,
        other => panic!("no list: {other}"),
    }
}

#[test]
fn what_waits_goes_together_and_counts_one_by_one() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "batch_size => 10, max_in_flight => 1");
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 95) g");
    wait_until("all are delivered", || database.delivered("a") == 95);

    let requests = receiver.requests();
    let sizes: Vec<usize> = requests
        .iter()
        .map(|request| messages(request).len())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 95);
    assert!(sizes.len() < 20, "{sizes:?}");
    let ids: Vec<i64> = requests
        .iter()
        .flat_map(|request| messages(request))
        .map(|message| message["data"][0]["id"].as_i64().unwrap())
        .collect();
    assert!(ids.into_iter().eq(1..=95), "in order");
    let calls = session.number("SELECT calls FROM webhooks.webhook_stats");
    assert_eq!(calls, sizes.len() as i64);
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.attempt_log"),
        95
    );
}

#[test]
fn even_a_single_message_is_a_list_under_its_own_id() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "batch_size => 10");
    database.connect().run("INSERT INTO orders VALUES (1)");
    let request = receiver.wait_for(1).remove(0);
    let messages = messages(&request);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["messageId"], request.message());
}

#[test]
fn a_batch_that_failed_comes_again_under_its_id() {
    let receiver = Receiver::start();
    let database = watched(
        &receiver,
        &format!("batch_size => 100, max_in_flight => 1, ordering => 'strict', {RETRIES}"),
    );
    receiver.script(|request| match request.attempt() {
        1 | 2 => Answer::Status(500),
        _ => Answer::Status(200),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 30) g");
    wait_until("all are delivered", || database.delivered("a") == 30);
    let mut calls: HashMap<String, Vec<(u32, usize)>> = HashMap::new();
    for request in receiver.requests() {
        let call = (request.attempt(), messages(&request).len());
        calls.entry(request.message()).or_default().push(call);
    }
    for (id, calls) in calls {
        let size = calls[0].1;
        assert_eq!(calls, [(1, size), (2, size), (3, size)], "{id}");
    }
}

#[test]
fn a_throttled_batched_ordered_webhook_keeps_what_each_promises() {
    let receiver = Receiver::start();
    let database = watched(
        &receiver,
        &format!("batch_size => 7, throttle_calls => 20, throttle_per => '500ms', {RETRIES}"),
    );
    receiver.script(|request| {
        let sum: u32 = request.message().bytes().map(u32::from).sum();
        match (sum + request.attempt()) % 4 {
            0 => Answer::Status(500),
            _ => Answer::Status(200),
        }
    });
    database
        .connect()
        .run("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 10) g");
    thread::scope(|scope| {
        for number in 0..4 {
            let mut session = database.connect();
            scope.spawn(move || {
                for step in 0..50 {
                    let id = 1 + (step * 7 + number * 3) % 10;
                    session.run(&format!("UPDATE orders SET n = n + 1 WHERE id = {id}"));
                }
            });
        }
    });
    wait_until("all are delivered", || database.delivered("a") == 210);

    let requests = receiver.requests();
    let mut arrivals: Vec<_> = requests.iter().map(|request| request.arrived).collect();
    arrivals.sort_unstable();
    let window = std::time::Duration::from_millis(500);
    for (n, &at) in arrivals.iter().enumerate() {
        let within = arrivals[n..]
            .iter()
            .take_while(|&&other| other < at + window)
            .count();
        assert!(within <= 20, "{within} calls in half a second");
    }
    let mut seen: HashMap<i64, i64> = HashMap::new();
    for request in &requests {
        assert!(messages(request).len() <= 7);
        for message in messages(request) {
            let row = &message["data"][0];
            let (id, n) = (row["id"].as_i64().unwrap(), row["n"].as_i64().unwrap());
            let last = seen.entry(id).or_insert(-1);
            assert!(n <= *last + 1, "record {id}: {n} after {last}");
            *last = n.max(*last);
        }
    }
}
