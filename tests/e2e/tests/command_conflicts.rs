//! Commands that want the worker out of the way get that, promptly, though a call is open.

use std::time::Duration;

use webhooks_e2e::{is_alive, wait_until, within, Answer, Database, Receiver, Server};

/// A hang misses this, a slow machine does not.
const PROMPTLY: Duration = Duration::from_secs(5);

/// A database whose worker has a call open that nobody will answer.
fn busy(receiver: &Receiver, server: &std::sync::Arc<Server>) -> Database {
    receiver.always(Answer::Hang);
    let database = server.database();
    database.webhook("a", receiver, "timeout => '30s'");
    database.watched_table("orders", "a");
    database.connect().run("INSERT INTO orders VALUES (1)");
    receiver.wait_for_open(1);
    database
}

#[test]
fn drop_database_does_not_wait_for_a_call() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let database = busy(&receiver, &server);
    let worker = database.worker();

    within(PROMPTLY, "DROP DATABASE", || {
        server
            .connect("postgres")
            .run(&format!("DROP DATABASE {}", database.name()));
    });

    wait_until("the worker is gone", || !is_alive(worker));
}

#[test]
fn a_database_can_be_renamed_though_a_call_is_open() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let database = busy(&receiver, &server);
    let (name, mut session) = (database.name(), server.connect("postgres"));

    within(PROMPTLY, "ALTER DATABASE", || {
        session.run(&format!("ALTER DATABASE {name} RENAME TO {name}_renamed"));
    });

    receiver.release();
    server
        .connect(&format!("{name}_renamed"))
        .run("INSERT INTO orders VALUES (2)");
    wait_until("it goes on under the other name", || {
        receiver
            .successes()
            .iter()
            .any(|request| request.number("id") == 2)
    });
    session.run(&format!("DROP DATABASE {name}_renamed WITH (FORCE)"));
}

#[test]
fn a_database_can_be_copied_though_a_call_is_open() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let database = busy(&receiver, &server);
    let (name, mut session) = (database.name(), server.connect("postgres"));

    within(PROMPTLY, "CREATE DATABASE", || {
        session.run(&format!("CREATE DATABASE {name}_copy TEMPLATE {name}"));
    });

    receiver.release();
    database.connect().run("INSERT INTO orders VALUES (2)");
    wait_until("the original goes on", || {
        receiver
            .successes()
            .iter()
            .any(|request| request.number("id") == 2)
    });
    session.run(&format!("DROP DATABASE {name}_copy WITH (FORCE)"));
}

#[test]
fn drop_extension_does_not_wait_for_a_call_and_ends_the_worker() {
    let receiver = Receiver::start();
    let database = busy(&receiver, &Server::shared());
    let worker = database.worker();
    let mut session = database.connect();

    let (code, _) = session.refused("DROP EXTENSION webhooks");
    assert_eq!(
        code, "2BP01",
        "the watched table's triggers stand in the way"
    );
    within(PROMPTLY, "DROP EXTENSION", || {
        session.run("DROP EXTENSION webhooks CASCADE")
    });

    wait_until("the worker is gone", || !is_alive(worker));
    session.run("INSERT INTO orders VALUES (2)");
    assert_eq!(
        session.number("SELECT count(*) FROM orders"),
        2,
        "the table is as it was"
    );
    assert_eq!(
        session.number("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass"),
        0
    );
    assert_eq!(
        session.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'webhooks'"),
        0
    );
}

#[test]
fn an_extension_that_was_dropped_can_be_created_again() {
    let receiver = Receiver::start();
    let database = busy(&receiver, &Server::shared());
    let mut session = database.connect();
    session.run("DROP EXTENSION webhooks CASCADE; DROP TABLE orders");
    receiver.release();

    session.run("CREATE EXTENSION webhooks");
    database.webhook("again", &receiver, "");
    database.watched_table("orders", "again");
    session.run("INSERT INTO orders VALUES (3)");

    wait_until("it delivers", || {
        receiver.successes().iter().any(|r| r.number("id") == 3)
    });
}

#[test]
fn a_drop_extension_that_is_rolled_back_changes_nothing() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    receiver.wait_for(1);

    session.run("BEGIN; DROP EXTENSION webhooks CASCADE; ROLLBACK");
    session.run("INSERT INTO orders VALUES (2)");

    wait_until("it goes on", || {
        receiver.requests().iter().any(|r| r.number("id") == 2)
    });
    wait_until("it is recorded", || database.delivered("a") == 2);
    assert_eq!(receiver.count(), 2);
}

#[test]
fn a_fast_stop_does_not_wait_for_a_call() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let database = busy(&receiver, &server);

    within(PROMPTLY, "a fast stop", || server.stop());
    assert_eq!(receiver.successes().len(), 0);

    receiver.release();
    server.start();
    wait_until("the call is repeated", || receiver.messages().len() == 1);
    drop(database);
}
