//! What may be called: nothing private, unless the configuration says so.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::TcpListener;

use webhooks_e2e::{wait_until, Receiver, Server};

#[path = "../../../delivery/tests/data/mod.rs"]
mod urls;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The list is the one that the delivery crate is tested with.
#[test]
fn no_spelling_of_a_forbidden_address_is_saved_or_called() {
    // Whoever connects waits in its queue and is found there.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let listener = listener.expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("its address").port();
    let mut forbidden = urls::forbidden(port);
    // No text in Postgres has a NUL.
    forbidden.retain(|entry| !entry.url.contains('\0'));
    let server = Server::strict()
        .set("shared_preload_libraries", "webhooks")
        .start();
    let database = server.database();
    let mut session = database.connect();

    for entry in forbidden.iter().filter(|entry| !entry.is_name()) {
        let url = quoted(&entry.url);
        let (code, message) =
            session.refused(&format!("SELECT webhooks.create_webhook('a', {url})"));
        assert_eq!(code, "22023", "{url}");
        assert!(message.contains("url"), "{url}: {message}");
    }
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 0);

    // As if an older version had let them through.
    session.run(
        "SELECT webhooks.create_webhook('a', 'https://example.com/', retry_schedule => '{1 day}');
         DELETE FROM webhooks.endpoint",
    );
    let rows: Vec<_> = forbidden
        .iter()
        .map(|entry| format!("({})", quoted(&entry.url)))
        .collect();
    session.run(&format!(
        "INSERT INTO webhooks.endpoint (webhook_id, url)
         SELECT w.id, u.url FROM webhooks.webhook w, (VALUES {}) u(url)",
        rows.join(", ")
    ));
    database.watched_table("orders", "a");
    session.run("INSERT INTO orders VALUES (1)");

    let count = forbidden.len() as i64;
    wait_until("all calls have ended", || {
        session.number("SELECT count(*) FROM webhooks.attempt_log") == count
    });
    let others: HashSet<_> = session
        .column("SELECT url FROM webhooks.attempt_log WHERE error NOT LIKE 'forbidden address: %'")
        .into_iter()
        .flatten()
        .collect();
    for entry in &forbidden {
        // Where the system does not know the name, that is what is wrong.
        let may_be_unknown = ["hostname", "punycode"].contains(&entry.class);
        assert!(
            may_be_unknown || !others.contains(&entry.url),
            "{}",
            entry.url
        );
    }
    assert_eq!(
        session.number(
            "SELECT count(*) FROM webhooks.attempt_log
             WHERE error NOT LIKE 'forbidden address: %' AND error NOT LIKE 'dns: %'"
        ),
        0
    );
    let visit = listener.accept().map(|(_, peer)| peer);
    assert_eq!(
        visit.expect_err("nobody came").kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn a_private_address_is_refused_when_it_is_saved() {
    let server = Server::strict()
        .set("shared_preload_libraries", "webhooks")
        .start();
    let database = server.database();
    let mut session = database.connect();
    for url in [
        "http://10.0.0.1/",
        "http://127.0.0.1:8080/hook",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.168.1.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0.0.0.0/",
        "ftp://example.com/",
        "http://user:password@example.com/",
        "http:///nothing",
        "example.com",
        "",
    ] {
        let (code, message) =
            session.refused(&format!("SELECT webhooks.create_webhook('a', '{url}')"));
        assert_eq!(code, "22023", "{url}");
        assert!(message.contains("url"), "{url}: {message}");
    }
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 0);
    session.run("SELECT webhooks.create_webhook('a', 'https://example.com/hook')");
    let (code, _) = session.refused("SELECT webhooks.add_endpoint('a', 'http://10.0.0.1/')");
    assert_eq!(code, "22023");
}

#[test]
fn a_name_of_a_private_address_is_refused_when_it_is_called() {
    let receiver = Receiver::at("127.0.0.1");
    let server = Server::strict()
        .set("shared_preload_libraries", "webhooks")
        .start();
    let database = server.database();
    let mut session = database.connect();
    let secret = session.text(&format!(
        "SELECT secret FROM webhooks.create_webhook('a', 'http://localhost:{}/hook',
             retry_schedule => array_fill(interval '200ms', ARRAY[100]))",
        receiver.port()
    ));
    receiver.expect_secret(&secret);
    database.watched_table("orders", "a");
    session.run("INSERT INTO orders VALUES (1)");

    wait_until("some calls were refused", || {
        session.number(
            "SELECT count(*) FROM webhooks.attempt_log WHERE error LIKE 'forbidden address%'",
        ) >= 2
    });
    assert_eq!(
        session.number(
            "SELECT count(*) FROM webhooks.attempt_log WHERE error NOT LIKE 'forbidden address%'"
        ),
        0
    );
    assert_eq!(receiver.count(), 0);

    // Allowed, by a reload alone.
    session.run("ALTER SYSTEM SET webhooks.allowed_networks = '127.0.0.0/8, ::1/128'");
    session.run("SELECT pg_reload_conf()");
    wait_until("it has arrived", || receiver.messages().len() == 1);
    session.run(&format!(
        "SELECT webhooks.add_endpoint('a', 'http://127.0.0.1:{}/other')",
        receiver.port()
    ));

    // And forbidden again, also for a connection that is open.
    session.run("ALTER SYSTEM RESET webhooks.allowed_networks");
    session.run("SELECT pg_reload_conf()");
    let refused = session
        .number("SELECT count(*) FROM webhooks.attempt_log WHERE error LIKE 'forbidden address%'");
    wait_until("the setting is in force", || {
        session.text("SHOW webhooks.allowed_networks").is_empty()
    });
    let calls = receiver.count();
    let mut id = 1;
    wait_until("calls are refused again", || {
        id += 1;
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
        session.number(
            "SELECT count(*) FROM webhooks.attempt_log WHERE error LIKE 'forbidden address%'",
        ) > refused + 4
    });
    // The worker may have read its configuration a moment later than this session.
    assert!(receiver.count() < calls + 2 * id, "they stopped");
}
