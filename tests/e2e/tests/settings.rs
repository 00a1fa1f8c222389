//! Settings of the product take effect without a restart; settings of the database do not hurt it.

use std::collections::HashSet;

use serde_json::json;
use webhooks_e2e::{wait_until, Receiver, Server};

#[test]
fn settings_of_the_database_do_not_reach_the_worker() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let database = server.database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    let mine = "SET default_transaction_read_only = off; SET statement_timeout = 0; SET search_path = public;
                SET default_transaction_isolation = 'read committed'; SET lock_timeout = 0";
    session.run(mine);
    let before = database.worker();
    for setting in [
        "role = pg_monitor",
        "search_path = nowhere",
        "default_transaction_read_only = on",
        "default_transaction_isolation = serializable",
        "default_transaction_deferrable = on",
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = -10",
        "enable_indexscan = off",
        "jit_above_cost = 0",
        "row_security = off",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
        "work_mem = '64kB'",
    ] {
        session.run(&format!("ALTER DATABASE {} SET {setting}", database.name()));
    }
    session.run(&format!("SELECT pg_terminate_backend({before})"));
    wait_until("another worker runs", || {
        let pid = session.value("SELECT worker_pid FROM webhooks.status()");
        pid.is_some_and(|pid| pid != before.to_string())
    });

    session.run("INSERT INTO orders SELECT g, 0, 'é' FROM generate_series(1, 2000) g");

    wait_until("all have arrived", || receiver.messages().len() == 2000);
    wait_until("all are recorded", || {
        session.number("SELECT delivered FROM webhooks.webhook_stats") == 2000
    });
    assert_eq!(receiver.count(), 2000);
    assert_eq!(receiver.requests()[0].field("note"), "é");
}

#[test]
fn a_body_does_not_depend_on_the_session_that_wrote_the_row() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, f float8, b bytea, i interval, d date, many bytea[]);
         SELECT webhooks.add_event('a', 'table.recordInsert', 't')",
    );
    let insert = |id| {
        format!(
            "INSERT INTO t VALUES ({id}, '2026-11-23 20:00:00.123456+00', 0.1::float8 + 0.2::float8, '\\x00ff',
                                  '1 day 02:03:04', '2026-11-23', ARRAY['\\x01'::bytea])"
        )
    };
    session.run(&insert(1));
    session.run(
        "SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German'; SET extra_float_digits = -10;
         SET bytea_output = 'escape'; SET client_encoding = 'LATIN1'",
    );
    session.run(&insert(2));

    receiver.wait_for(2);
    let data = |id| {
        let request = receiver
            .requests()
            .into_iter()
            .find(|r| r.number("id") == id)
            .unwrap();
        let mut row = request.json()["data"][0].clone();
        row.as_object_mut().unwrap().remove("id");
        row
    };
    assert_eq!(data(1), data(2));
    assert_eq!(data(1)["f"], json!(0.1_f64 + 0.2_f64));
    assert_eq!(data(1)["b"], "AP8=");
    assert_eq!(data(1)["many"], json!(["AQ=="]));
    assert!(data(1)["at"]
        .as_str()
        .unwrap()
        .starts_with("2026-11-23T20:00:00.123456"));
}

#[test]
fn nothing_is_sent_while_disabled_and_everything_afterwards() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let database = server.database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is recorded", || database.delivered("a") == 1);

    session.run("ALTER SYSTEM SET webhooks.enabled = off");
    session.run("SELECT pg_reload_conf()");
    wait_until("the setting is in force", || {
        session.text("SHOW webhooks.enabled") == "off"
    });
    // The worker reads it at its own time; its answer to a restart leaves no doubt.
    drop(session);
    server.restart();
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (2), (3)");
    database.worker();
    assert_eq!(receiver.count(), 1);
    wait_until("it says so", || {
        session
            .value("SELECT problem FROM webhooks.status()")
            .is_some_and(|text| text.contains("webhooks.enabled"))
    });

    session.run("ALTER SYSTEM RESET webhooks.enabled");
    session.run("SELECT pg_reload_conf()");

    wait_until("the others have arrived", || receiver.messages().len() == 3);
    assert_eq!(receiver.count(), 3);
}

#[test]
fn an_application_needs_no_privilege_of_ours() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let app = format!("app_{}", database.name());
    database.connect().run(&format!(
        "CREATE ROLE {app} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO {app}"
    ));
    let mut session = database.connect_as(&app);

    session.run("INSERT INTO orders VALUES (1, 1), (2, 2); UPDATE orders SET n = 3 WHERE id = 1; DELETE FROM orders WHERE id = 2");

    receiver.wait_for(4);
    let kinds: HashSet<String> = receiver
        .requests()
        .iter()
        .map(|r| r.json()["eventType"].to_string())
        .collect();
    assert_eq!(kinds.len(), 3);
    for query in [
        "SELECT secret FROM webhooks.secret",
        "SELECT value FROM webhooks.header",
        "SELECT data FROM webhooks.message",
        "SELECT * FROM webhooks.attempt_log",
        "SELECT webhooks.create_webhook('mine', 'https://example.com/')",
    ] {
        let (code, _) = session.refused(query);
        assert_eq!(code, "42501", "{query}");
    }
}

#[test]
fn a_full_max_in_flight_can_be_raised_by_a_reload() {
    let receiver = Receiver::start();
    receiver.always(webhooks_e2e::Answer::Hang);
    let server = Server::preloaded()
        .set("webhooks.max_in_flight", "2")
        .start();
    let database = server.database();
    database.webhook("a", &receiver, "max_in_flight => 50, timeout => '1 hour'");
    database.watched_table("orders", "a");
    database
        .connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 50) g");
    receiver.wait_for_open(2);

    server.append("webhooks.max_in_flight", "40");
    server.reload();

    receiver.wait_for_open(40);
    receiver.release();
    wait_until("all have arrived", || receiver.messages().len() == 50);
    assert_eq!(receiver.count(), 50);
}
