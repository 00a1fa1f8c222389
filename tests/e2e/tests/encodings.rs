//! Databases in other encodings than UTF-8: what users write in SQL is theirs, and a body is UTF-8 all the same.

use std::sync::Arc;

use serde_json::{json, Value};
use webhooks_e2e::{wait_for, Answer, Database, Receiver, Request, Server};

/// A webhook that is told of rows of a table, everything with a name that is not ASCII.
fn watched(encoding: &str, receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database_in(encoding);
    database.webhook("Läden", receiver, options);
    let mut session = database.connect();
    session.run(r#"CREATE TABLE "Größen" (id int PRIMARY KEY, "größe" text, preis int)"#);
    session.run(
        r#"SELECT webhooks.create_event(
               'größe:geändert', 'table.recordUpdate', '"Größen"', fields => '{größe}', condition => $$NEW."größe" <> 'ä'$$,
               data => $$jsonb_build_object('größe', NEW."größe", 'alt', OLD."größe", 'fest', 'é')$$,
               account => $$'Käufer ' || NEW.id$$, key => $$'Schlüssel ' || NEW.id$$, description => 'für alle')"#,
    );
    session.run("SELECT webhooks.subscribe('Läden', '{größe:*}')");
    database
}

fn one(receiver: &Receiver, count: usize) -> Arc<Request> {
    receiver.wait_for(count).pop().expect("a request")
}

#[test]
fn expressions_names_and_values_that_are_not_ascii_arrive_as_utf8() {
    for encoding in ["LATIN1", "EUC_KR"] {
        // Letters that the encoding has.
        let write = |sql: &str| match encoding {
            "LATIN1" => sql.to_owned(),
            _ => sql
                .replace(['ä', 'é', 'ö', 'ü', 'Ä'], "한")
                .replace("ß", "글"),
        };
        let receiver = Receiver::start();
        let database = Server::shared().database_in(encoding);
        let mut session = database.connect();
        let secret = session.text(&write(&format!(
            "SELECT secret FROM webhooks.create_webhook('Läden', '{}', description => 'für alle', account => 'Käufer 1',
                 handshake_key => 'Schlüssel', properties => '{{\"é\": \"ö\"}}')",
            receiver.url()
        )));
        receiver.expect_secret(&secret);
        session.run(&write(
            r#"CREATE TABLE "Größen" (id int PRIMARY KEY, "größe" text, preis int);
               SELECT webhooks.create_event(
                   'größe:geändert', 'table.recordUpdate', '"Größen"', fields => '{größe}', condition => $$NEW."größe" <> 'ä'$$,
                   data => $$jsonb_build_object('größe', NEW."größe", 'fest', 'é')$$,
                   account => $$'Käufer ' || NEW.id$$, key => $$'Schlüssel ' || NEW.id$$, description => 'für alle');
               SELECT webhooks.subscribe('Läden', '{größe:*}');
               SELECT webhooks.create_event('Gruß', description => 'für alle');
               SELECT webhooks.subscribe('Läden', '{Gruß}', '{"für": "[@field:größe] für [@sys:IntegrationURL]", "é": "[@out-hook:eventName] [@out-hook:handshakeKey]"}');
               INSERT INTO "Größen" VALUES (1, 'klein', 1);
               UPDATE "Größen" SET "größe" = 'ä';
               UPDATE "Größen" SET "größe" = 'größer'"#,
        ));
        let body = one(&receiver, 1).json();
        let expected = |value: Value| {
            serde_json::from_str::<Value>(&write(&value.to_string())).expect("JSON still")
        };
        for (key, value) in [
            ("eventName", json!("größe:geändert")),
            ("accountId", json!("Käufer 1")),
            ("objectName", json!("Größen")),
            ("objectFields", json!(["größe"])),
            ("data", json!([{"größe": "größer", "fest": "é"}])),
            ("old", json!([{"größe": "ä"}])),
            ("handshake_key", json!("Schlüssel")),
        ] {
            assert_eq!(body[key], expected(value), "{key} in {encoding}");
        }

        session.run(&write(
            r#"SELECT webhooks.emit('Gruß', '{"größe": "süß"}', record => 'Schlüssel', account => 'Käufer 1')"#,
        ));
        assert_eq!(
            one(&receiver, 2).json(),
            expected(json!({"für": "süß für ", "é": "Gruß Schlüssel"}))
        );

        // What was renamed under the event, an unnamed event that says the same in other words, and the configuration as JSON
        session.run(&write(
            r#"ALTER TABLE "Größen" RENAME "größe" TO "Länge";
               UPDATE "Größen" SET "Länge" = 'größte'"#,
        ));
        let body = one(&receiver, 3).json();
        assert_eq!(body["objectFields"], expected(json!(["Länge"])));
        assert!(session.holds(&write(
            r#"SELECT condition LIKE '%"Länge" <> ''ä''%' AND fields = '{Länge}'
                 FROM webhooks.event_definition WHERE event = 'größe:geändert'"#
        )));
        assert!(session.holds(&write(
            r#"SELECT webhooks.add_event('Läden', 'table.recordInsert', '"Größen"', condition => $$NEW."Länge" = 'ü'$$)
                    = webhooks.add_event('Läden', 'table.recordInsert', '"Größen"', condition => $$(new."Länge") = 'ü'$$)"#
        )));
        session.run(&write(r#"INSERT INTO "Größen" VALUES (2, 'ü', 1)"#));
        assert_eq!(
            session.column("SELECT webhooks.apply_config(webhooks.export_config())"),
            Vec::<Option<String>>::new()
        );
        session.run(&write("SELECT * FROM webhooks.test_webhook('Läden')"));
        assert_eq!(
            one(&receiver, 4).json()["data"],
            expected(json!([{"webhook": "Läden"}]))
        );
        assert!(session.holds(&write(
            "SELECT body::jsonb ->> 'eventName' = 'größe:geändert' FROM webhooks.preview('Läden', 'größe:geändert')"
        )));
        assert!(session.holds(&write(
            "SELECT bool_or(line ~ 'größe:geändert') FROM webhooks.message m,
                    webhooks.explain_message(webhooks.message_id(m.at, m.seq)) line"
        )));
    }
}

#[test]
fn what_is_wrong_with_an_argument_that_is_not_ascii_is_said() {
    let receiver = Receiver::start();
    let database = watched("LATIN1", &receiver, "");
    let mut session = database.connect();
    for (statement, state) in [
        (
            r#"SELECT webhooks.add_event('Läden', 'table.recordInsert', '"Größen"', condition => $$NEW."Höhe" > 'é'$$)"#,
            "42703",
        ),
        (
            r#"SELECT webhooks.add_event('Läden', 'table.recordInsert', '"Größen"', condition => $$'é' ö ü$$)"#,
            "42601",
        ),
        (
            r#"SELECT webhooks.create_event('x', 'table.recordInsert', '"Größen"', data => $$'é'::text$$)"#,
            "42804",
        ),
        (
            "SELECT webhooks.alter_webhook('Läden', payload => '\"größe\"')",
            "22023",
        ),
        (
            r#"SELECT webhooks.subscribe('Läden', '{größe:geändert}', '{"x": "[@old:Höhe]"}')"#,
            "22023",
        ),
        (
            r#"SELECT webhooks.alter_webhook('Läden', headers => '{"X-Größe": "é"}')"#,
            "22023",
        ),
        (
            r#"SELECT webhooks.alter_webhook('Läden', headers => '{"X-A": "é"}')"#,
            "22023",
        ),
        (
            "SELECT webhooks.alter_webhook('Läden', secret => 'Schlüssel')",
            "22023",
        ),
        (
            "SELECT webhooks.alter_webhook('Läden', signature => 'größe')",
            "22023",
        ),
        (
            "SELECT webhooks.create_webhook('é', 'keine Adresse für é')",
            "22023",
        ),
        ("SELECT webhooks.emit('gibt es für niemand')", "42704"),
    ] {
        assert_eq!(session.refused(statement).0, state, "{statement}");
    }
    assert!(session.holds("SELECT webhooks.message_seq_of('é') IS NULL"));
}

#[test]
fn what_waits_for_a_retry_keeps_its_record_and_its_account() {
    let receiver = Receiver::start();
    let options = "retry_schedule => '{1h}', account => 'Käufer 1'";
    let database = watched("LATIN1", &receiver, options);
    let mut session = database.connect();
    receiver.always(Answer::Status(500));
    session.run(r#"INSERT INTO "Größen" VALUES (1, 'a', 1); UPDATE "Größen" SET "größe" = 'b'"#);
    let record = wait_for("the retry has a row", || {
        session.value("SELECT record FROM webhooks.delivery WHERE state = 'retrying'")
    });
    assert_eq!(record, "Schlüssel 1");
}
