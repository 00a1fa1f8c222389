//! Real input: the flights that left New York in 2013, in one COPY.

use std::io;

use serde_json::json;
use webhooks_e2e::{wait_for, Flights, Peak, PythonReceiver, Server};

/// How many rows: `WEBHOOKS_E2E_FLIGHTS=336776` is all of them.
fn rows() -> usize {
    std::env::var("WEBHOOKS_E2E_FLIGHTS")
        .map_or(20_000, |rows| rows.parse().expect("a number of rows"))
}

#[test]
fn every_flight_of_one_copy_arrives_once_and_the_worker_stays_small() {
    let flights = Flights::new(rows());
    let mut receiver = PythonReceiver::start();
    let database = Server::shared().database();
    let mut session = database.connect();
    let secret = session.text(&format!(
        "SELECT secret FROM webhooks.create_webhook('airport', '{}')",
        receiver.url()
    ));
    receiver.expect_secret(&secret);
    session.run(&format!(
        "CREATE TABLE flights (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {});
         SELECT webhooks.add_event('airport', 'table.recordInsert', 'flights')",
        Flights::COLUMNS
    ));
    let columns: Vec<_> = Flights::COLUMNS
        .split(", ")
        .map(|c| c.split(' ').next().unwrap())
        .collect();
    let worker = database.worker();
    let peak = Peak::watch(worker);

    let mut copy = session
        .copy_in(&format!(
            "COPY flights ({}) FROM STDIN (FORMAT csv, HEADER, NULL 'NA')",
            columns.join(", ")
        ))
        .expect("COPY starts");
    io::copy(&mut flights.open(), &mut copy).expect("COPY takes the file");
    assert_eq!(copy.finish().expect("COPY ends"), flights.rows as u64);

    // The more rows, the longer: what must not happen is that it stands still.
    let mut delivered = 0;
    while delivered < flights.rows as i64 {
        delivered = wait_for("more flights arrive", || {
            let now = database.delivered("airport");
            (now > delivered).then_some(now)
        });
    }

    let report = receiver.report(&flights);
    let wanted = json!({
        "calls": flights.rows, "messages": flights.rows, "rows": flights.rows,
        "bad_signatures": 0, "repeated_messages": 0, "repeated_rows": 0, "missing_rows": 0, "wrong_rows": 0,
    });
    assert_eq!(report, wanted);
    assert_eq!(database.worker(), worker, "one and the same worker");
    let peak = peak.megabytes();
    println!(
        "{} flights arrived; the worker's private memory peaked at {peak} MB",
        flights.rows
    );
    assert!(peak < 150, "the worker took {peak} MB");
}
