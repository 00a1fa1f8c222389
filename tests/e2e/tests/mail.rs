//! Mail to `errors_email`, through a real mail server.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use webhooks_e2e::{wait_until, Answer, Database, MailServer, Receiver, Server, Session};

/// A server of a test's own, with a mail server.
fn server(smtp_url: &str) -> Arc<Server> {
    Server::preloaded()
        .set("webhooks.smtp_url", smtp_url)
        .start()
}

fn plain_url(mail: &MailServer) -> String {
    format!("smtp://127.0.0.1:{}?from=hooks@example.com", mail.port())
}

/// A webhook `a` that has a table and somebody who looks after it.
fn watched(server: &Arc<Server>, receiver: &Receiver, options: &str) -> Database {
    let database = server.database();
    let options = format!("errors_email => 'ops@example.com'{options}");
    database.webhook("a", receiver, &options);
    database.watched_table("orders", "a");
    database
}

/// What gives a message up at once and leaves the endpoint as it is.
fn no_thanks() -> Answer {
    Answer::Header(400, "webhook-delivery", "abort-message".into())
}

fn problem(session: &mut Session) -> String {
    session.text("SELECT coalesce(problem, '') FROM webhooks.status()")
}

fn subject(mail: &Value) -> String {
    mail["headers"]["subject"]
        .as_str()
        .expect("a subject")
        .to_owned()
}

fn text(mail: &Value) -> String {
    mail["text"].as_str().expect("a text").to_owned()
}

#[test]
fn who_looks_after_a_webhook_is_told_what_has_failed_and_what_to_do() {
    let (mail, receiver) = (MailServer::plain(), Receiver::start());
    let server = server(&plain_url(&mail));
    let database = watched(
        &server,
        &receiver,
        ", retry_schedule => '{}', max_in_flight => 1",
    );
    receiver.always(Answer::Body(500, b"private words".to_vec()));
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1, 1, 'private note')");

    let mails = mail.wait_for(1);
    assert_eq!(mails[0]["from"], "hooks@example.com");
    assert_eq!(mails[0]["to"], serde_json::json!(["ops@example.com"]));
    assert_eq!(mails[0]["headers"]["to"], "ops@example.com");
    assert_eq!(subject(&mails[0]), "[webhooks] a: 1 delivery has failed");
    let text = text(&mails[0]);
    let id = session.text("SELECT message_id FROM webhooks.failed_delivery");
    for part in [
        &format!("Webhook a in database {}", database.name()),
        "1 delivery has failed for good.",
        "The last error was: status: 500",
        "is disabled and not called any more: nothing reached it",
        &format!("SELECT webhooks.explain_message('{id}');"),
        "SELECT webhooks.resend_failed('a');",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let secret = session.text("SELECT webhooks.reveal_secret('a')");
    for hidden in ["private", "/hook", secret.as_str()] {
        assert!(!text.contains(hidden), "{hidden}\n{text}");
    }
    // What it says can be typed.
    receiver.always(Answer::Status(200));
    for statement in text
        .split("\n\n")
        .flat_map(|part| part.split_inclusive(';'))
    {
        if let Some(start) = statement.find("  SELECT ") {
            session.run(&statement[start..]);
        }
    }
    wait_until("it is delivered", || database.delivered("a") == 1);
}

#[test]
fn more_that_fails_is_told_by_one_mail_when_a_quarter_of_an_hour_is_over() {
    let (mail, receiver) = (MailServer::plain(), Receiver::start());
    let server = server(&plain_url(&mail));
    let database = watched(&server, &receiver, "");
    let mut session = database.connect();
    receiver.always(no_thanks());
    session.run("INSERT INTO orders VALUES (1)");
    mail.wait_for(1);
    wait_until("the mail is written down", || {
        session.number("SELECT count(*) FROM webhooks.mail WHERE since IS NULL AND failed = 0") == 1
    });
    assert_eq!(
        session.text("SELECT due_at - sent_at FROM webhooks.mail"),
        "00:15:00"
    );

    session.run("INSERT INTO orders SELECT g FROM generate_series(2, 2001) g");
    wait_until("all have failed", || {
        session.number("SELECT failed FROM webhooks.mail") == 2000
    });
    // Another webhook has its own quarter of an hour.
    session.run(&format!(
        "SELECT webhooks.create_webhook('b', '{}', errors_email => 'b@example.com');
         SELECT webhooks.add_event('b', 'table.recordDelete', 'orders');
         DELETE FROM orders WHERE id = 1",
        receiver.url()
    ));
    wait_until("the other's mail arrives", || {
        mail.mails()
            .iter()
            .any(|mail| subject(mail).starts_with("[webhooks] b: "))
    });
    let about_a = |mails: Vec<Value>| -> Vec<Value> {
        let about_a = mails.into_iter();
        about_a
            .filter(|mail| subject(mail).starts_with("[webhooks] a: "))
            .collect()
    };
    assert_eq!(about_a(mail.mails()).len(), 1, "and this one's is not over");

    session.run("UPDATE webhooks.mail SET due_at = now()");
    wait_until("the next mail arrives", || about_a(mail.mails()).len() == 2);
    let next = about_a(mail.mails()).remove(1);
    // The deletes are told of the same webhook.
    assert_eq!(subject(&next), "[webhooks] a: 2001 deliveries have failed");
}

#[test]
fn a_mail_server_that_says_nothing_delays_no_delivery() {
    let (mail, receiver) = (MailServer::silent(), Receiver::start());
    let server = server(&plain_url(&mail));
    let database = watched(&server, &receiver, "");
    let mut session = database.connect();
    receiver.always(no_thanks());
    session.run("INSERT INTO orders VALUES (1)");
    let worker = database.worker();
    wait_until("a mail is under way", || {
        let threads = fs::read_dir(format!("/proc/{worker}/task")).expect("its threads");
        threads.flatten().any(|thread| {
            fs::read_to_string(thread.path().join("comm"))
                .is_ok_and(|name| name.trim() == "webhooks mail")
        })
    });

    receiver.always(Answer::Status(200));
    session.run("INSERT INTO orders SELECT g FROM generate_series(2, 500) g");
    wait_until("the others are delivered and recorded", || {
        database.delivered("a") == 499
    });
    assert_eq!(
        session.number("SELECT tries FROM webhooks.mail"),
        0,
        "the mail is still under way"
    );
    assert_eq!(database.worker(), worker);
}

#[test]
fn mail_that_is_refused_is_tried_again_and_told_by_the_status() {
    let (mail, receiver) = (MailServer::plain(), Receiver::start());
    let server = server("");
    let database = watched(&server, &receiver, "");
    let mut session = database.connect();
    receiver.always(no_thanks());
    session.run("INSERT INTO orders VALUES (1)");
    let expected =
        "Mail to the errors_email of webhook \"a\" is not sent: webhooks.smtp_url is empty.";
    wait_until("the status says that there is no server", || {
        problem(&mut session) == expected
    });

    mail.refuse(true);
    server.append("webhooks.smtp_url", &plain_url(&mail));
    server.reload();
    wait_until("the status says that it is refused", || {
        problem(&mut session).contains("is not sent: the mail server: ")
    });
    assert!(problem(&mut session).contains("no such user here"));
    assert!(server
        .log()
        .contains("could not be sent and is tried again"));
    assert_eq!(
        session
            .number("SELECT tries FROM webhooks.mail WHERE due_at > now() + interval '50 seconds'"),
        1
    );
    for tries in 2..=4 {
        session.run("UPDATE webhooks.mail SET due_at = now()");
        wait_until("it is tried again", || {
            session.number("SELECT tries FROM webhooks.mail") == tries
        });
    }
    session.run("UPDATE webhooks.mail SET due_at = now()");
    wait_until("it is given up", || {
        session.number(
            "SELECT count(*) FROM webhooks.mail WHERE since IS NULL AND failed = 0 AND tries = 0",
        ) == 1
    });
    assert!(server.log().contains("could not be sent and is given up"));
    assert!(
        problem(&mut session).contains("no such user here"),
        "until a mail is sent"
    );

    mail.refuse(false);
    session.run("INSERT INTO orders VALUES (2); UPDATE webhooks.mail SET due_at = now()");
    mail.wait_for(1);
    wait_until("all is well", || problem(&mut session).is_empty());
}

#[test]
fn what_was_to_be_told_outlives_a_crash() {
    let (mail, receiver) = (MailServer::plain(), Receiver::start());
    let server = server("");
    let database = watched(&server, &receiver, "");
    let mut session = database.connect();
    receiver.always(no_thanks());
    session.run("INSERT INTO orders VALUES (1), (2), (3)");
    wait_until("all have failed", || {
        session.number("SELECT coalesce(sum(failed), 0) FROM webhooks.mail") == 3
    });
    server.append("webhooks.smtp_url", &plain_url(&mail));
    server.crash();
    server.start();
    let mails = mail.wait_for(1);
    assert_eq!(subject(&mails[0]), "[webhooks] a: 3 deliveries have failed");
}

#[test]
fn with_a_password_the_connection_is_encrypted_and_the_server_must_be_who_it_says() {
    for (scheme, mail) in [
        ("smtp", MailServer::starttls()),
        ("smtps", MailServer::smtps()),
    ] {
        let receiver = Receiver::start();
        let server = server(&format!(
            "{scheme}://ann:p%3Aw%20d@127.0.0.1:{}?from=hooks@example.com",
            mail.port()
        ));
        let database = watched(&server, &receiver, "");
        let mut session = database.connect();
        receiver.always(no_thanks());
        session.run("INSERT INTO orders VALUES (1)");
        wait_until("its certificate is not trusted", || {
            problem(&mut session).contains("certificate")
        });
        assert!(!problem(&mut session).contains("p:w d"));

        fs::write(server.data().join("ca.pem"), mail.authority()).expect("the file");
        server.append("webhooks.ca_file", "ca.pem");
        server.reload();
        wait_until("the mail arrives", || {
            session.run("UPDATE webhooks.mail SET due_at = now()");
            !mail.mails().is_empty()
        });
        assert_eq!(mail.mails()[0]["encrypted"], true);
        assert!(!server.log().contains("p:w d"));
    }
}

#[test]
fn the_url_is_checked_and_shown_to_superusers_only() {
    let server = server("");
    let database = server.database();
    let mut session = database.connect();
    for url in ["mail.example.com", "smtp://ann:hush@mail.example.com"] {
        let (code, error) =
            session.refused(&format!("ALTER SYSTEM SET webhooks.smtp_url = '{url}'"));
        assert_eq!(code, "22023");
        assert!(
            error.contains("invalid value for parameter \"webhooks.smtp_url\""),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
    session.run("CREATE ROLE nobody_special LOGIN");
    let mut other = database.connect_as("nobody_special");
    let (code, _) = other.refused("SHOW webhooks.smtp_url");
    assert_eq!(code, "42501");
    session.run("DROP ROLE nobody_special");
}
