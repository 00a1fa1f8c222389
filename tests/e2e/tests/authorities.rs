//! Certificates of a private authority, which `webhooks.ca_file` has trusted.

use std::fs;

use webhooks_e2e::{wait_until, Server, TlsReceiver};

#[test]
fn a_private_authority_is_trusted_while_its_file_says_so() {
    let receiver = TlsReceiver::start();
    let server = Server::preloaded().start();
    let database = server.database();
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('go');
         SELECT webhooks.create_webhook('a', '{}', ordering => 'none', retry_schedule => '{{}}');
         SELECT webhooks.subscribe('a', '{{go}}')",
        receiver.url()
    ));
    let mut ends_with = |end: &str| {
        let id = session.text("SELECT webhooks.emit('go')");
        let mut error = None;
        wait_until("the call is recorded", || {
            error = session
                .rows(&format!(
                    "SELECT coalesce(error, 'none') FROM webhooks.attempt_log WHERE message_id = '{id}'"
                ))
                .first()
                .map(|row| row.get(0).unwrap().to_owned());
            error.is_some()
        });
        error.unwrap().starts_with(end)
    };
    assert!(ends_with("tls: "), "nobody knows the authority");

    // Beside the data, to which a path that is not absolute refers.
    let file = server.data().join("ca.pem");
    fs::write(&file, receiver.authority()).expect("the file");
    server.append("webhooks.ca_file", "ca.pem");
    server.reload();
    wait_until("the authority is trusted", || ends_with("none"));

    for (contents, problem) in [
        ("nothing", "it holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n",
            "certificate 1: ",
        ),
    ] {
        fs::write(&file, contents).expect("the file");
        server.reload();
        let warning = format!(r#"WARNING:  webhooks.ca_file "ca.pem": {problem}"#);
        wait_until(&warning, || server.log().contains(&warning));
        assert!(ends_with("none"), "what was trusted is trusted still");
    }
    fs::remove_file(&file).expect("the file");
    server.reload();
    let warning = r#"WARNING:  webhooks.ca_file "ca.pem": No such file"#;
    wait_until(warning, || server.log().contains(warning));
    assert!(ends_with("none"), "what was trusted is trusted still");

    // A new worker has trusted nothing yet.
    let before = database.worker();
    database
        .connect()
        .run(&format!("SELECT pg_terminate_backend({before})"));
    wait_until("a new worker has looked at the file", || {
        server.log().contains("only public authorities are trusted")
    });
    assert!(ends_with("tls: "), "nothing is trusted without being read");

    fs::write(&file, receiver.authority()).expect("the file");
    server.reload();
    wait_until("the authority is trusted again", || ends_with("none"));
    server.append("webhooks.ca_file", "");
    server.reload();
    wait_until("the authority is trusted no more", || ends_with("tls: "));
    assert!(receiver.count() >= 5);
}
