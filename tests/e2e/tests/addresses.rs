//! What may be called: nothing private, unless the configuration says so.

use webhooks_e2e::{wait_until, Receiver, Server};

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
