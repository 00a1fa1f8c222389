//! Certificates of a private authority, which `webhooks.ca_file` has trusted.

use std::fs;

use webhooks_e2e::{wait_for, wait_until, Server, Session, TlsReceiver};

/// Sends a message, and returns its id.
fn send(session: &mut Session) -> String {
    session.text("SELECT webhooks.emit('go')")
}

/// How the first attempt of a message ended: the fixed word of its error, or none.
fn first_attempt(session: &mut Session, id: &str) -> String {
    let ended = format!(
        "SELECT coalesce(split_part(error, ':', 1), 'none') FROM webhooks.attempt_log
         WHERE message_id = '{id}' AND attempt = 1"
    );
    wait_for("an attempt is recorded", || session.value(&ended))
}

/// Waits until a message has arrived, after however many attempts.
fn wait_for_arrival(session: &mut Session, id: &str) {
    let arrived = format!(
        "SELECT count(*) FROM webhooks.attempt_log WHERE message_id = '{id}' AND error IS NULL"
    );
    wait_until("it has arrived", || session.number(&arrived) == 1);
}

/// Whether `status()` says that the file could not be used.
fn tells_of_file(session: &mut Session) -> bool {
    let problem = r#"webhooks.ca_file "ca.pem" could not be used when it was last read"#;
    session.holds(&format!(
        "SELECT coalesce(problem LIKE '%{problem}%', false) FROM webhooks.status()"
    ))
}

#[test]
fn a_private_authority_is_trusted_while_its_file_says_so() {
    let receiver = TlsReceiver::start();
    let server = Server::preloaded().start();
    let database = server.database();
    let session = &mut database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('go');
         SELECT webhooks.create_webhook('a', '{}', when_exhausted => 'keep',
                                        retry_schedule => array_fill(interval '200ms', '{{100}}'));
         SELECT webhooks.subscribe('a', '{{go}}')",
        receiver.url()
    ));
    let id = send(session);
    assert_eq!(first_attempt(session, &id), "tls", "nobody knows it");

    // Beside the data, to which a path that is not absolute refers.
    let file = server.data().join("ca.pem");
    fs::write(&file, receiver.authority()).expect("the file");
    server.append("webhooks.ca_file", "ca.pem");
    server.reload();
    wait_for_arrival(session, &id);

    let begin = "-----BEGIN CERTIFICATE-----";
    let broken = format!("{begin}\nnothing\n-----END CERTIFICATE-----\n");
    for (contents, problem) in [
        (Some("nothing"), "it holds no certificate"),
        (Some(broken.as_str()), "certificate 1: "),
        (None, "No such file"),
    ] {
        match contents {
            Some(contents) => fs::write(&file, contents),
            None => fs::remove_file(&file),
        }
        .expect("the file");
        server.reload();
        let warning = format!(r#"WARNING:  webhooks.ca_file "ca.pem": {problem}"#);
        wait_until(&warning, || server.log().contains(&warning));
        assert!(tells_of_file(session), "{problem}");
        let id = send(session);
        assert_eq!(first_attempt(session, &id), "none", "still trusted");
    }

    // A new worker has trusted nothing yet.
    let before = database.worker();
    session.run(&format!("SELECT pg_terminate_backend({before})"));
    wait_until("a new worker has looked at the file", || {
        server.log().contains("only public authorities are trusted")
    });
    let id = send(session);
    assert_eq!(first_attempt(session, &id), "tls", "not read, not trusted");
    assert!(tells_of_file(session), "at the start");
    fs::write(&file, receiver.authority()).expect("the file");
    server.reload();
    wait_for_arrival(session, &id);
    assert!(!tells_of_file(session), "it is mended");

    server.append("webhooks.ca_file", "");
    server.reload();
    wait_until("the authority is trusted no more", || {
        let id = send(session);
        first_attempt(session, &id) == "tls"
    });
}
