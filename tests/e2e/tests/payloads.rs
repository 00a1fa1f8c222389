//! Bodies as receivers get them: presets, templates, batches of each, the handshake key, and previews.

use std::collections::{HashMap, HashSet};

use serde_json::{json, Value};
use webhooks_e2e::{wait_until, Database, Receiver, Request, Server};

/// A webhook that calls the receiver and is told of rows of `orders`.
fn watched(receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, options);
    database.watched_table("orders", "a");
    database
}

/// A body with what differs from run to run replaced: times by `…`, message ids by `msg`.
fn settled(body: Value) -> Value {
    match body {
        Value::Array(all) => all.into_iter().map(settled).collect(),
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (key, settled(value)));
            Value::Object(members.collect())
        }
        Value::String(text) if text.starts_with("msg_") && text.len() == 30 => "msg".into(),
        Value::String(text) if text.starts_with("20") && text.ends_with('Z') => "…".into(),
        other => other,
    }
}

/// The bodies after an insert and an update of one order, and their content types.
fn bodies(payload: &str, batch_size: u32) -> Vec<(String, Value)> {
    let receiver = Receiver::start();
    let options = format!(
        "handshake_key => 'key', payload => '{payload}', batch_size => {batch_size}, max_in_flight => 1"
    );
    let database = watched(&receiver, &options);
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (7, 1, 'é')");
    receiver.wait_for(1);
    session.run("UPDATE orders SET n = 2");
    let requests = receiver.wait_for(2);
    requests
        .iter()
        .map(|request| {
            assert_eq!(
                request.verified,
                Some(true),
                "the signature is over this body"
            );
            (request.header("content-type"), settled(request.json()))
        })
        .collect()
}

/// The same, checked: each body as expected, on its own and as a batch of one, with the content type.
#[track_caller]
fn arrives(
    preset: &str,
    expected: [Value; 2],
    in_batch: impl Fn(&Value) -> Value,
    types: [&str; 2],
) {
    for (batch_size, content_type) in [(1, types[0]), (10, types[1])] {
        for ((sent_type, body), expected) in bodies(&format!("\"{preset}\""), batch_size)
            .iter()
            .zip(&expected)
        {
            let expected = if batch_size > 1 {
                in_batch(expected)
            } else {
                expected.clone()
            };
            assert_eq!(*body, expected, "{preset}, batch_size {batch_size}");
            assert_eq!(sent_type, content_type, "{preset}");
        }
    }
}

const JSON: [&str; 2] = ["application/json"; 2];

fn list(one: &Value) -> Value {
    json!([one])
}

#[test]
fn standard_arrives() {
    let expected = |kind: &str, n: i64| json!({"type": kind, "timestamp": "…", "data": {"id": 7, "n": n, "note": "é"}, "handshake_key": "key"});
    let both = [
        expected("table.recordInsert", 1),
        expected("table.recordUpdate", 2),
    ];
    arrives("standard", both, list, JSON);
}

#[test]
fn cloud_events_arrive() {
    let expected = |kind: &str, n: i64| {
        json!({"specversion": "1.0", "id": "msg", "source": "/public/orders", "type": kind, "time": "…", "subject": "7",
               "datacontenttype": "application/json", "data": {"id": 7, "n": n, "note": "é"}, "handshake_key": "key"})
    };
    let both = [
        expected("table.recordInsert", 1),
        expected("table.recordUpdate", 2),
    ];
    let types = [
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ];
    arrives("cloudevents", both, list, types);
}

#[test]
fn capsules_hooks_arrive() {
    let expected = |event: &str, n: i64| json!({"event": event, "payload": [{"id": 7, "n": n, "note": "é"}], "handshake_key": "key"});
    let both = [
        expected("table.recordInsert", 1),
        expected("table.recordUpdate", 2),
    ];
    arrives("capsule", both, Value::clone, JSON);
}

#[test]
fn clinchpads_hooks_arrive() {
    let row = |n: i64| json!({"id": 7, "n": n, "note": "é"});
    let both = [
        json!({"activity": {"_id": "msg", "created_at": "…", "type": "table.recordInsert"}, "orders": row(1), "handshake_key": "key"}),
        json!({"activity": {"_id": "msg", "created_at": "…", "type": "table.recordUpdate", "old_n": 1}, "orders": row(2),
               "handshake_key": "key"}),
    ];
    arrives("clinchpad", both, list, JSON);
}

#[test]
fn superoffices_hooks_arrive() {
    let expected = |event: &str, changes: Value| {
        json!({"EventId": "msg", "Timestamp": "…", "Event": event, "Entity": "orders", "PrimaryKey": 7, "Changes": changes,
               "ChangedByAssociateId": null, "WebhookName": "a", "handshake_key": "key"})
    };
    let both = [
        expected("orders.created", json!(["id", "n", "note"])),
        expected("orders.changed", json!(["n"])),
    ];
    arrives("superoffice", both, list, JSON);
}

#[test]
fn hubspots_hooks_arrive() {
    for batch_size in [1, 10] {
        let bodies = bodies("\"hubspot\"", batch_size);
        let mut elements: Vec<Value> = bodies.iter().map(|(_, body)| body[0].clone()).collect();
        assert!(bodies
            .iter()
            .all(|(_, body)| body.as_array().unwrap().len() == 1));
        for element in &mut elements {
            let element = element.as_object_mut().unwrap();
            assert!(element.remove("occurredAt").unwrap().as_i64().unwrap() > 1_700_000_000_000);
            assert!(element.remove("eventId").unwrap().is_i64());
            assert!(element.remove("subscriptionId").unwrap().is_i64());
        }
        let common = json!({"objectId": 7, "changeSource": "DATABASE", "portalId": null, "appId": 1, "attemptNumber": 0});
        let mut created = common.clone();
        created["eventType"] = "orders.creation".into();
        let mut changed = common;
        changed["eventType"] = "orders.propertyChange".into();
        changed["propertyName"] = "n".into();
        changed["propertyValue"] = 2.into();
        assert_eq!(elements, [created, changed]);
    }
}

#[test]
fn a_template_is_filled_in() {
    let server = Server::preloaded()
        .set("webhooks.integration_url", "https://example.com/app")
        .start();
    let database = server.database();
    let receiver = Receiver::start();
    database.webhook("a", &receiver, "handshake_key => 'key'");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    // All of Caspio's list, then the others.
    session.run(
        r#"SELECT webhooks.alter_webhook('a', payload => '{
             "eventId": "[@out-hook:eventId]", "messageId": "[@out-hook:messageId]", "callId": "[@out-hook:callId]",
             "webhookId": "[@out-hook:webhookId]", "accountId": "[@out-hook:accountId]", "secret": "[@out-hook:secret]",
             "eventDate": "[@out-hook:eventDate]", "eventType": "[@out-hook:eventType]",
             "objectName": "[@out-hook:objectName]", "objectFields": "[@out-hook:objectFields]",
             "integrationUrl": "[@sys:IntegrationURL]", "data": [{"ID": "[@field:id]", "Note": "[@field:note]"}],
             "eventName": "[@out-hook:eventName]", "attempt": "[@out-hook:attempt]", "key": "[@out-hook:handshakeKey]",
             "old": "[@old:n]", "path": "[@data:note]", "user": "[@metadata:user.name]",
             "text": "<[@field:n]: [@field:note]>", "[@out-hook:objectName]": "[@data]"}')"#,
    );
    session.run("INSERT INTO orders VALUES (7, 1, 'é')");
    receiver.wait_for(1);
    receiver.script(|request| match request.attempt() {
        1 => webhooks_e2e::Answer::Status(500),
        _ => webhooks_e2e::Answer::Status(200),
    });
    session.run(
        "SELECT webhooks.alter_webhook('a', retry_schedule => '{20ms}'); UPDATE orders SET n = 2",
    );
    let requests = receiver.wait_for(3);
    let update = requests[1].json();
    let secret = session.text("SELECT webhooks.reveal_secret('a')");
    let event_id = session.text("SELECT id FROM webhooks.event WHERE type = 'table.recordUpdate'");
    let message_id = requests[1].message();
    let call_id = update["callId"].as_str().unwrap();
    assert!(
        call_id.starts_with("call_") && call_id.len() == 31,
        "{call_id}"
    );
    assert_eq!(
        update,
        json!({"eventId": event_id, "messageId": message_id, "callId": call_id, "webhookId": "1", "accountId": null,
               "secret": secret, "eventDate": update["eventDate"], "eventType": "table.recordUpdate",
               "objectName": "orders", "objectFields": ["n"], "integrationUrl": "https://example.com/app",
               "data": [{"ID": 7, "Note": "é"}], "eventName": null, "attempt": 1, "key": "key", "old": 1, "path": "é",
               "user": null, "text": "<2: é>", "orders": {"id": 7, "n": 2, "note": "é"}})
    );
    assert!(update["eventDate"].as_str().unwrap().ends_with('Z'));
    let insert = requests[0].json();
    assert_eq!(
        (&insert["old"], &insert["objectFields"]),
        (&Value::Null, &Value::Null)
    );
    let again = requests[2].json();
    assert_eq!(again["attempt"], 2);
    assert_eq!(again["messageId"], update["messageId"]);
    assert_ne!(again["callId"], update["callId"], "each call has its own");
}

#[test]
fn a_call_brings_messages_of_one_body_only() {
    let receiver = Receiver::start();
    let database = watched(
        &receiver,
        "payload => '\"capsule\"', batch_size => 100, max_in_flight => 1",
    );
    let mut session = database.connect();
    // Inserts and updates go as Capsule has it, one event a call; deletes as others have it.
    session.run(
        "SELECT webhooks.add_event('a', 'table.recordDelete', 'orders', payload => '\"hubspot\"');
         INSERT INTO orders SELECT g, 0 FROM generate_series(1, 40) g;
         BEGIN;
         UPDATE orders SET n = 1 WHERE id <= 20;
         INSERT INTO orders SELECT g, 0 FROM generate_series(41, 60) g;
         UPDATE orders SET n = 2 WHERE id <= 20;
         DELETE FROM orders WHERE id <= 10;
         COMMIT",
    );
    wait_until("all are delivered", || database.delivered("a") == 110);
    let mut counts: HashMap<String, usize> = HashMap::new();
    for request in receiver.requests() {
        match request.json() {
            Value::Array(elements) => {
                *counts.entry("delete".into()).or_default() += elements.len();
                let types: HashSet<_> = elements
                    .iter()
                    .map(|element| element["eventType"].to_string())
                    .collect();
                assert_eq!(types, HashSet::from(["\"orders.deletion\"".to_owned()]));
            }
            body => {
                let rows = body["payload"].as_array().expect("rows");
                assert!(!rows.is_empty());
                *counts
                    .entry(body["event"].as_str().unwrap().into())
                    .or_default() += rows.len();
            }
        }
    }
    let expected = [
        ("table.recordInsert", 60),
        ("table.recordUpdate", 40),
        ("delete", 10),
    ];
    assert_eq!(
        counts,
        HashMap::from(expected.map(|(name, count)| (name.to_owned(), count)))
    );
    let calls = receiver.requests().len();
    assert!(calls < 50, "{calls} calls are no batches");
}

#[test]
fn a_change_of_the_payload_counts_for_what_comes_next() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "");
    let mut session = database.connect();
    let mut send = |change: &str, calls: usize| -> Value {
        session.run(&format!("SELECT {change}"));
        session.run(&format!("INSERT INTO orders VALUES ({calls}, 0)"));
        receiver.wait_for(calls)[calls - 1].json()
    };
    assert_eq!(send("1", 1).get("handshake_key"), None);
    assert_eq!(
        send("webhooks.alter_webhook('a', handshake_key => 'one')", 2)["handshake_key"],
        "one"
    );
    assert_eq!(
        send(
            "webhooks.alter_webhook('a', payload => '[\"[@out-hook:handshakeKey]\"]')",
            3
        ),
        json!(["one"])
    );
    let own = "webhooks.add_event('a', 'table.recordInsert', 'orders', payload => '\"capsule\"')";
    assert_eq!(send(own, 4)["event"], "table.recordInsert");
    let usual = "webhooks.alter_webhook('a', payload => '\"standard\"')";
    assert_eq!(
        send(usual, 5)["event"],
        "table.recordInsert",
        "the subscription's own goes first"
    );
    database.connect().run("DELETE FROM orders WHERE id = 1");
    assert_eq!(receiver.wait_for(6)[5].json()["type"], "table.recordDelete");
}

#[test]
fn a_payload_that_is_none_takes_no_other_down() {
    let (good, bad) = (Receiver::start(), Receiver::start());
    let database = watched(&good, "");
    database.webhook("b", &bad, "");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE parts (id int PRIMARY KEY);
           SELECT webhooks.add_event('b', 'table.recordInsert', 'orders');
           SELECT webhooks.add_event('a', 'table.recordInsert', 'parts', payload => '"capsule"');
           UPDATE webhooks.webhook SET payload = '"nothing"' WHERE name = 'b';
           UPDATE webhooks.subscription SET payload = '["[@nothing]"]' WHERE payload IS NOT NULL;
           INSERT INTO orders VALUES (1, 0);
           INSERT INTO parts VALUES (1);
           INSERT INTO orders VALUES (2, 0)"#,
    );
    let requests = good.wait_for(2);
    let ids: HashSet<i64> = requests
        .iter()
        .map(|request| request.number("id"))
        .collect();
    assert_eq!(ids, HashSet::from([1, 2]));
    session.run("SELECT webhooks.alter_webhook('b', payload => '\"default\"'); INSERT INTO orders VALUES (3, 0)");
    assert_eq!(bad.wait_for(1)[0].number("id"), 3);
    assert_eq!((good.count(), bad.count()), (3, 1));
}

/// What a preview says must be the same as in the call; the others depend on when it is made.
fn steady(headers: &Value) -> Vec<(String, String)> {
    let mut steady: Vec<(String, String)> = headers
        .as_object()
        .expect("headers")
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .filter(|(name, _)| {
            !["webhook-timestamp", "webhook-signature", "x-token"].contains(&name.as_str())
        })
        .collect();
    steady.sort();
    steady
}

fn headers_of(request: &Request) -> Value {
    let headers = request.headers();
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    headers
        .iter()
        .filter(|(name, _)| {
            !["host", "content-length", "accept", "accept-encoding"].contains(&name.as_str())
        })
        .map(|(name, value)| (name.to_string(), Value::from(text(value))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn a_preview_is_what_is_sent() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "headers => '{\"x-token\": \"s3cr3t\"}'");
    let mut session = database.connect();
    let event = session.text("SELECT name FROM webhooks.event WHERE type = 'table.recordInsert'");
    let payloads = [
        "\"default\"",
        "\"cloudevents\"",
        "\"hubspot\"",
        r#"{"a": "[@data]", "b": "[@out-hook:attempt]"}"#,
    ];
    for (n, payload) in payloads.iter().enumerate() {
        session.run(&format!(
            "SELECT webhooks.alter_webhook('a', payload => '{payload}', batch_size => {})",
            1 + n % 2
        ));
        session.run(&format!("INSERT INTO orders VALUES ({n}, 0, 'é \"x\"')"));
        let requests = receiver.wait_for(n + 1);
        let sent = &requests[n];
        let preview = format!("FROM webhooks.preview('a', '{event}')");
        assert_eq!(
            session.text(&format!("SELECT body {preview}")).as_bytes(),
            &*sent.body,
            "{payload}"
        );
        let headers = session.text(&format!("SELECT headers {preview}"));
        let headers: Value = serde_json::from_str(&headers).expect("JSON");
        assert_eq!(steady(&headers), steady(&headers_of(sent)), "{payload}");
        assert_eq!(headers["x-token"], "***", "what is secret is masked");
        let names = |headers: &Value| {
            headers
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<HashSet<_>>()
        };
        assert_eq!(names(&headers), names(&headers_of(sent)));
    }
    assert_eq!(
        receiver.count(),
        payloads.len(),
        "nothing was sent by looking"
    );
}
