//! What arrives, and that nothing else does.

use std::collections::HashSet;

use serde_json::json;
use webhooks_e2e::{wait_until, Receiver, Server};

#[test]
fn insert_update_and_delete_arrive_signed_with_the_row() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("shipping", &receiver, "");
    database.watched_table("orders", "shipping");
    let mut session = database.connect();

    session.run("INSERT INTO orders VALUES (7, 1, 'new')");
    session.run("UPDATE orders SET note = 'paid'");
    session.run("DELETE FROM orders");
    let requests = receiver.wait_for(3);

    let webhook = session.text("SELECT id FROM webhooks.webhook WHERE name = 'shipping'");
    let mut ids = HashSet::new();
    for request in &requests {
        assert_eq!(request.verified, Some(true));
        assert_eq!(request.method(), "POST");
        assert_eq!(request.path(), "/hook");
        assert_eq!(request.header("content-type"), "application/json");
        assert!(request.header("user-agent").starts_with("pg-webhooks/"));
        assert_eq!(request.attempt(), 1);
        let body = request.json();
        assert_eq!(body["messageId"], request.message());
        assert_eq!(request.header("idempotency-key"), request.message());
        assert!(
            request.message().starts_with("msg_"),
            "{}",
            request.message()
        );
        assert!(!request.message().contains('.'));
        assert!(ids.insert(request.message()), "the id of another message");
        assert_eq!(body["webhookId"], webhook);
        assert_eq!(body["objectSchema"], "public");
        assert_eq!(body["objectName"], "orders");
        assert_eq!(body["accountId"], json!(null));
        assert_eq!(body["metadata"], json!(null));
        assert!(
            body.get("eventName").is_none(),
            "the event has no name: {body}"
        );
        let date = body["eventDate"].as_str().expect("eventDate");
        assert!(
            date.ends_with('Z') && date.len() == "2026-11-23T20:00:00.123456Z".len(),
            "{date}"
        );
    }
    let body = requests[0].json();
    assert_eq!(body["eventType"], "table.recordInsert");
    assert_eq!(body["data"], json!([{"id": 7, "n": 1, "note": "new"}]));
    assert!(
        body.get("old").is_none() && body.get("objectFields").is_none(),
        "{body}"
    );

    let body = requests[1].json();
    assert_eq!(body["eventType"], "table.recordUpdate");
    assert_eq!(body["data"], json!([{"id": 7, "n": 1, "note": "paid"}]));
    assert_eq!(body["old"], json!([{"note": "new"}]));
    assert_eq!(body["objectFields"], json!(["note"]));

    let body = requests[2].json();
    assert_eq!(body["eventType"], "table.recordDelete");
    assert_eq!(body["data"], json!([{"id": 7, "n": 1, "note": "paid"}]));
    assert!(
        body.get("old").is_none() && body.get("objectFields").is_none(),
        "{body}"
    );
}

#[test]
fn an_event_is_altered_while_it_is_in_use_and_truncate_arrives() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "ordering => 'strict'");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, n int);
         SELECT webhooks.create_event('order', 'table.recordInsert', 'orders', condition => 'NEW.n > 0');
         SELECT webhooks.subscribe('a', '{order}');
         INSERT INTO orders VALUES (1, 1), (2, 0)",
    );
    receiver.wait_for(1);

    session.run(
        "SELECT webhooks.alter_event('order', condition => 'NEW.n = 0', data => 'json_build_object($$n$$, NEW.n)')",
    );
    session.run("INSERT INTO orders VALUES (3, 1), (4, 0)");
    receiver.wait_for(2);
    session.run(
        "SELECT webhooks.alter_event('order', 'table.truncate', condition => '', data => '', new_name => 'orders:cleared')",
    );
    session.run("INSERT INTO orders VALUES (5, 0)");
    session.run("TRUNCATE orders");

    let bodies: Vec<_> = receiver
        .wait_for(3)
        .iter()
        .map(|request| request.json())
        .collect();
    assert_eq!(bodies[0]["data"], json!([{"id": 1, "n": 1}]));
    assert_eq!(bodies[1]["data"], json!([{"n": 0}]));
    assert_eq!(bodies[2]["data"], json!([]));
    assert_eq!(bodies[2]["eventType"], "table.truncate");
    assert_eq!(bodies[2]["eventName"], "orders:cleared");
    assert_eq!(bodies[2]["objectName"], "orders");
}

#[test]
fn messages_reach_the_webhooks_of_their_account_and_those_of_none() {
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    let database = Server::shared().database();
    database.webhook("all", &receivers[0], "");
    database.webhook("acme", &receivers[1], "account => 'acme'");
    database.webhook("zeta", &receivers[2], "account => 'zeta'");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer text);
         SELECT webhooks.create_event('order', 'table.recordInsert', 'orders', account => 'customer');
         SELECT webhooks.create_event('report');
         SELECT webhooks.subscribe(name, '{order,report}') FROM webhooks.webhook",
    );

    session.run(
        "INSERT INTO orders VALUES (1, 'acme'), (2, 'zeta'), (3, NULL), (4, 'other'), (5, 'acme');
         SELECT webhooks.emit('report', '{\"id\": 6}', account => 'zeta');
         SELECT webhooks.emit('report', '{\"id\": 7}')",
    );

    let ids = |receiver: &Receiver, count| {
        let requests = receiver.wait_for(count);
        let mut ids: Vec<i64> = requests.iter().map(|r| r.number("id")).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&receivers[0], 7), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(ids(&receivers[1], 2), [1, 5]);
    assert_eq!(ids(&receivers[2], 2), [2, 6]);
    wait_until("nothing is left", || {
        session.number("SELECT backlog FROM webhooks.status()") == 0
    });
    // A webhook that changes hands gets nothing more of the account it had.
    session.run("SELECT webhooks.alter_webhook('acme', account => 'zeta')");
    session.run("INSERT INTO orders VALUES (8, 'acme'), (9, 'zeta')");
    assert_eq!(ids(&receivers[0], 9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(ids(&receivers[1], 3), [1, 5, 9]);
    assert_eq!(ids(&receivers[2], 3), [2, 6, 9]);
}

#[test]
fn an_update_that_changes_nothing_watched_makes_no_call() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "ordering => 'strict'");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, n int, note text);
         SELECT webhooks.add_event('a', 'table.recordUpdate', 'orders', fields => '{note}', condition => 'NEW.n > 0');
         INSERT INTO orders VALUES (1, 1, 'a');",
    );

    session.run("UPDATE orders SET note = note");
    session.run("UPDATE orders SET n = 2");
    session.run("UPDATE orders SET n = 0, note = 'the condition is false'");
    session.run("UPDATE orders SET n = 3, note = 'b'");

    // In order, one after the other: had one of the others made a call, it would have come before.
    let requests = receiver.wait_for(1);
    assert_eq!(requests[0].field("note"), "b");
    wait_until("it is recorded", || database.delivered("a") == 1);
    assert_eq!(session.number("SELECT count(*) FROM webhooks.message"), 1);
    assert_eq!(receiver.count(), 1);
}

#[test]
fn an_event_sends_what_it_computes_in_order_of_its_key() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE stages (id int PRIMARY KEY, name text);
         CREATE TABLE leads (id int PRIMARY KEY, stage int REFERENCES stages, customer int, at timestamptz);
         INSERT INTO stages VALUES (1, 'Offer'), (2, 'Won');
         SELECT webhooks.create_event('lead:created', 'table.recordInsert', 'leads', account => 'customer', key => $$'all'$$,
             data => $$jsonb_build_object('lead', NEW.id, 'stage', (SELECT s.name FROM stages s WHERE s.id = NEW.stage), 'at', NEW.at)$$);
         SELECT webhooks.subscribe('a', '{lead:created}');
         SET TimeZone = 'Asia/Kathmandu'; SET webhooks.metadata = '{"by": "Ada"}'"#,
    );

    session.run(
        "INSERT INTO leads SELECT g, g % 2 + 1, g % 7, '2026-11-23 20:00:00+00' FROM generate_series(1, 100) g",
    );

    let requests = receiver.wait_for(100);
    let leads: Vec<i64> = requests
        .iter()
        .map(|request| request.number("lead"))
        .collect();
    assert_eq!(leads, (1..=100).collect::<Vec<i64>>());
    let body = requests[1].json();
    assert_eq!(body["metadata"], json!({"by": "Ada"}));
    assert_eq!(body["accountId"], "2");
    assert_eq!(body["eventName"], "lead:created");
    assert_eq!(
        body["data"],
        json!([{"lead": 2, "stage": "Offer", "at": "2026-11-23T20:00:00+00:00"}])
    );
}

#[test]
fn every_endpoint_gets_the_message_under_the_same_id() {
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    let database = Server::shared().database();
    database.webhook(
        "a",
        &receivers[0],
        "secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'",
    );
    let mut session = database.connect();
    for receiver in &receivers[1..] {
        receiver.expect_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        session.run(&format!(
            "SELECT webhooks.add_endpoint('a', '{}')",
            receiver.url()
        ));
    }
    database.watched_table("orders", "a");

    session.run("INSERT INTO orders SELECT g, g FROM generate_series(1, 50) g");

    for receiver in &receivers {
        receiver.wait_for(50);
        assert_eq!(receiver.messages(), receivers[0].messages());
        assert_eq!(receiver.messages().len(), 50);
    }
    // One occurrence is one row, however many endpoints there are.
    assert_eq!(session.number("SELECT count(*) FROM webhooks.message"), 50);
}

#[test]
fn webhooks_that_want_the_same_share_its_message() {
    let receivers = [Receiver::start(), Receiver::start()];
    let database = Server::shared().database();
    let mut session = database.connect();
    session.run("CREATE TABLE orders (id bigint PRIMARY KEY)");
    for (name, receiver) in ["a", "b"].into_iter().zip(&receivers) {
        database.webhook(name, receiver, "");
        session.run(&format!(
            "SELECT webhooks.add_event('{name}', 'table.recordInsert', 'orders')"
        ));
    }

    session.run("INSERT INTO orders VALUES (1)");

    let ids: Vec<String> = receivers
        .iter()
        .map(|r| r.wait_for(1)[0].message())
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn an_emitted_event_arrives_with_its_data_under_the_id_that_emit_returned() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("crm", &receiver, "");
    let mut session = database.connect();
    session.run(
        "SELECT webhooks.create_event('lead:won'); SELECT webhooks.subscribe('crm', '{lead:won}')",
    );

    let id = session
        .text(r#"SELECT webhooks.emit('lead:won', '{"amount": 12.50}', record => 'lead-9')"#);

    let request = receiver.wait_for(1).remove(0);
    assert_eq!(request.message(), id);
    let body = request.json();
    assert_eq!(body["eventType"], "lead:won");
    assert_eq!(body["eventName"], "lead:won");
    assert_eq!(body["recordId"], "lead-9");
    assert_eq!(body["objectName"], json!(null));
    assert_eq!(body["data"], json!([{"amount": 12.5}]));
    assert!(
        String::from_utf8_lossy(&request.body).contains("12.50"),
        "every digit"
    );
}

#[test]
fn a_named_event_says_its_name() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("crm", &receiver, "");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE lead (id bigint PRIMARY KEY, stage text);
         SELECT webhooks.create_event('lead:won', 'table.recordUpdate', 'lead', '{stage}', $$NEW.stage = 'won'$$);
         SELECT webhooks.subscribe('crm', '{lead:won}');
         INSERT INTO lead VALUES (1, 'new');
         UPDATE lead SET stage = 'won';",
    );

    let body = receiver.wait_for(1)[0].json();
    assert_eq!(body["eventType"], "table.recordUpdate");
    assert_eq!(body["eventName"], "lead:won");
}

#[test]
fn after_unsubscribe_and_drop_event_nothing_is_sent_any_more() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "ordering => 'strict'");
    let mut session = database.connect();
    session.run("CREATE TABLE orders (id bigint PRIMARY KEY)");
    session.run(
        "SELECT webhooks.create_event('one', 'table.recordInsert', 'orders'),
                webhooks.create_event('two', 'table.recordInsert', 'orders'), webhooks.create_event('end');
         SELECT webhooks.subscribe('a', '{one,two,end}')",
    );
    session.run("INSERT INTO orders VALUES (1)");
    receiver.wait_for(2);

    session.run("SELECT webhooks.unsubscribe('a', '{one}'); SELECT webhooks.drop_event('two')");
    session.run("INSERT INTO orders VALUES (2); SELECT webhooks.emit('end')");

    let requests = receiver.wait_for(3);
    assert_eq!(requests[2].json()["eventName"], "end");
}

#[test]
fn what_bulk_statements_do_arrives_row_by_row() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    database.watched_table("parent", "a");
    let mut session = database.connect();
    session.run("CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent ON DELETE CASCADE)");
    session.run("SELECT webhooks.add_event('a', 'table.recordDelete', 'child')");

    session.run("INSERT INTO parent SELECT g, 0 FROM generate_series(1, 100) g");
    session.run("INSERT INTO child SELECT g, g FROM generate_series(1, 100) g");
    session.run("INSERT INTO parent SELECT g, 1 FROM generate_series(51, 150) g ON CONFLICT (id) DO UPDATE SET n = 1");
    session.run(
        "MERGE INTO parent p USING generate_series(1, 20) g ON p.id = g
         WHEN MATCHED AND g <= 10 THEN UPDATE SET n = 2 WHEN MATCHED THEN DELETE",
    );

    // Inserted: 150. Updated: 50 and 10. Deleted: 10, and 10 children with them.
    receiver.wait_for(230);
    wait_until("all is recorded", || database.delivered("a") == 230);
    let count = |object: &str, kind: &str| {
        let of_kind = receiver.requests().into_iter().filter(|request| {
            let body = request.json();
            body["objectName"] == object && body["eventType"] == format!("table.record{kind}")
        });
        of_kind.map(|r| r.message()).collect::<HashSet<_>>().len()
    };
    assert_eq!(count("parent", "Insert"), 150);
    assert_eq!(count("parent", "Update"), 60);
    assert_eq!(count("parent", "Delete"), 10);
    assert_eq!(count("child", "Delete"), 10);
}

#[test]
fn statistics_and_the_attempt_log_tell_each_call() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "retry_schedule => '{10ms}'");
    database.watched_table("orders", "a");
    receiver.script(|request| match (request.number("id"), request.attempt()) {
        (1, 1) => webhooks_e2e::Answer::Body(500, b"try\0again \xff".to_vec()),
        _ => webhooks_e2e::Answer::Status(200),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1), (2)");

    wait_until("both are recorded", || database.delivered("a") == 2);

    let stats = &session.rows(
        "SELECT webhook, state, messages, calls, errors, delivered, failed, pending, last_error
         FROM webhooks.webhook_stats",
    )[0];
    let columns: Vec<_> = (0..8).map(|i| stats.get(i).unwrap_or("NULL")).collect();
    assert_eq!(columns, ["a", "started", "2", "3", "1", "2", "0", "0"]);
    assert!(
        stats.get(8).unwrap().starts_with("status"),
        "{:?}",
        stats.get(8)
    );

    let id = receiver.requests()[0].message();
    let log = session.rows(&format!(
        "SELECT attempt, status, error IS NULL, response FROM webhooks.attempt_log
         WHERE message_id = '{id}' AND webhook = 'a' AND url = '{}' ORDER BY attempt",
        receiver.url()
    ));
    let first = &receiver.requests()[0];
    if first.number("id") == 1 {
        assert_eq!(log.len(), 2);
        assert_eq!((log[0].get(1), log[0].get(2)), (Some("500"), Some("f")));
        // A NUL cannot be stored, nor a byte that is no UTF-8; the rest of the answer is.
        let response = log[0].get(3).expect("the answer is kept");
        assert!(
            response.contains("try") && response.contains("again"),
            "{response}"
        );
        assert_eq!((log[1].get(1), log[1].get(2)), (Some("200"), Some("t")));
    }
}
