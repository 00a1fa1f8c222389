//! Roles that manage webhooks of their own.

use webhooks_e2e::{wait_until, Answer, Database, Receiver, Server};

/// A role that may log in and manage, named after its database, since roles are the server's.
fn manager(database: &Database) -> String {
    let role = format!("manager_of_{}", database.name());
    database.connect().run(&format!(
        "CREATE ROLE {role} LOGIN; SELECT webhooks.grant_manage('{role}')"
    ));
    role
}

#[test]
fn a_managers_webhook_is_told_what_its_maker_may_read_by_rows_of_anybody() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    let role = manager(&database);
    let writer = format!("writer_of_{}", database.name());
    database.connect().run(&format!(
        "CREATE ROLE {writer} LOGIN;
         CREATE TABLE orders (id int PRIMARY KEY, status text);
         CREATE TABLE prices (id int PRIMARY KEY, price int);
         INSERT INTO prices VALUES (1, 10), (2, 20);
         GRANT INSERT, UPDATE, SELECT ON orders TO {writer};
         GRANT SELECT, TRIGGER ON orders TO {role};
         GRANT SELECT ON prices TO {role}"
    ));
    let mut session = database.connect_as(&role);
    let secret = session.text(&format!(
        "SELECT secret FROM webhooks.create_webhook('shop', '{}', retry_schedule => '{{}}', when_exhausted => 'keep')",
        receiver.url()
    ));
    receiver.expect_secret(&secret);
    session.run(
        "SELECT webhooks.create_event('order:paid', 'table.recordUpdate', 'orders', '{status}', $$NEW.status = 'paid'$$,
             data => $$jsonb_build_object('id', NEW.id, 'price', (SELECT price FROM prices p WHERE p.id = NEW.id))$$);
         SELECT webhooks.subscribe('shop', '{order:paid}')",
    );

    let mut application = database.connect_as(&writer);
    application.run("INSERT INTO orders VALUES (1, 'new'), (2, 'new')");
    application.run("UPDATE orders SET status = 'paid' WHERE id = 2");

    let request = receiver.wait_for(1).remove(0);
    assert_eq!(request.number("price"), 20);
    assert_eq!(request.json()["eventName"], "order:paid");
    wait_until("it is recorded", || database.delivered("shop") == 1);
    assert_eq!(
        session.rows("SELECT FROM webhooks.attempt_log").len(),
        1,
        "what was sent is shown to the manager"
    );

    // What fails is the manager's to mend.
    receiver.always(Answer::Status(500));
    application.run("UPDATE orders SET status = 'paid' WHERE id = 1");
    wait_until("it has failed", || {
        session.number("SELECT count(*) FROM webhooks.failed_delivery") == 1
    });
    receiver.always(Answer::Status(200));
    assert_eq!(session.number("SELECT webhooks.resend_failed('shop')"), 1);
    wait_until("it is delivered", || database.delivered("shop") == 2);
    assert_eq!(
        session.number("SELECT status FROM webhooks.test_webhook('shop')"),
        200
    );
    assert!(session.holds(&format!(
        "SELECT current_user = '{role}' AND current_setting('search_path') = '\"$user\", public'"
    )));
}

#[test]
fn who_is_served_cannot_be_said_before_the_library_is_there() {
    let server = Server::plain().start();
    let database = server.database();
    let role = manager(&database);

    // Any name with a dot can be set in a session that has not loaded the library; it is taken over if that knows it.
    let mut session = database.connect_as(&role);
    let owner = session.text("SELECT nspowner FROM pg_namespace WHERE nspname = 'webhooks'");
    session.run(&format!("SET webhooks.served = '{owner} {owner}'"));
    assert_eq!(
        session.text("SELECT webhooks.caller()::regrole"),
        role,
        "the setting counts for nothing"
    );
    session.run("SELECT webhooks.create_webhook('mine', 'https://example.com/')");
    assert_eq!(
        session.text("SELECT webhooks.get_webhook('mine') ->> 'created_by'"),
        role
    );
}
