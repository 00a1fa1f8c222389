//! Webhooks as JSON, and all of the configuration as one document.

use webhooks_e2e::{wait_until, Answer, Receiver, Server};

#[test]
fn a_document_applied_to_an_empty_database_gives_the_same_and_delivers() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let (original, copy) = (server.database(), server.database());
    original.webhook("a", &receiver, r#"headers => '{"x-team": "blue"}'"#);
    original.watched_table("orders", "a");
    original.connect().run(
        "SELECT webhooks.create_event('order:large', 'table.recordInsert', 'orders', condition => 'NEW.n > 100',
             data => $$jsonb_build_object('large', NEW.id)$$);
         SELECT webhooks.subscribe('a', '{order:*}')",
    );
    let config = original.connect().text("SELECT webhooks.export_config()");
    let mut session = copy.connect();
    session.run("CREATE TABLE orders (id bigint PRIMARY KEY, n int, note text)");
    // Another id, so that nothing goes by that.
    session.run("SELECT webhooks.create_webhook('z', 'https://example.com/')");

    let changes = session
        .query("SELECT webhooks.apply_config($1::text::jsonb)", &[&config])
        .expect("it is applied");

    assert!(changes.len() > 5, "{} lines", changes.len());
    assert_eq!(session.text("SELECT webhooks.export_config()"), config);
    // The receiver checks the signatures: the secret is the original's.
    session.run("INSERT INTO orders VALUES (1, 7), (2, 700)");
    wait_until("all are recorded", || copy.delivered("a") == 3);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.header("x-team"), "blue");
    }
    let large: Vec<_> = requests
        .iter()
        .filter(|request| request.json()["eventName"] == "order:large")
        .map(|request| request.json()["data"][0]["large"].clone())
        .collect();
    assert_eq!(large, [2]);
}

#[test]
fn what_is_saved_counts_at_once_and_is_verified_first() {
    let (old, new) = (Receiver::start(), Receiver::start());
    let database = Server::shared().database();
    database.webhook("a", &old, "");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    new.expect_secret(&session.text("SELECT webhooks.reveal_secret('a')"));
    session.run("INSERT INTO orders VALUES (1)");
    old.wait_for(1);
    let save = |url: &str| {
        format!(
            r#"SELECT webhooks.save_webhook(webhooks.get_webhook('a')
                   || '{{"endpoints": ["{url}"], "description": "moved", "verify": true}}')"#
        )
    };
    new.always(Answer::Status(500));

    let (code, message) = session.refused(&save(&new.url()));

    assert_eq!(code, "38000");
    assert!(message.contains("not answered with 2xx"), "{message}");
    assert!(session.holds("SELECT description IS NULL FROM webhooks.webhook"));
    assert_eq!(
        session.column("SELECT url FROM webhooks.endpoint"),
        [Some(old.url())]
    );

    new.always(Answer::Status(204));
    session.run(&save(&new.url()));
    session.run("INSERT INTO orders VALUES (2)");
    wait_until("it has arrived", || {
        new.requests()
            .iter()
            .any(|request| request.json()["data"][0]["id"] == 2)
    });
    assert_eq!(old.count(), 1);
}
