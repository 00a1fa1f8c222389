//! One worker for each database, and none knows of another.

use webhooks_e2e::{is_alive, wait_until, Answer, Receiver, Server};

#[test]
fn each_database_has_a_worker_that_no_other_delays_or_ends() {
    let (dead, good) = (Receiver::start(), Receiver::start());
    dead.always(Answer::Hang);
    let server = Server::shared();
    let (one, other) = (server.database(), server.database());
    one.webhook("a", &dead, "max_in_flight => 100, timeout => '1 hour'");
    one.watched_table("orders", "a");
    other.webhook("a", &good, "");
    other.watched_table("orders", "a");

    one.connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 500) g");
    // As many as webhooks.max_in_flight lets one database have.
    dead.wait_for_open(64);
    other
        .connect()
        .run("INSERT INTO orders SELECT g FROM generate_series(1, 500) g");

    wait_until("the other database's have arrived", || {
        good.messages().len() == 500
    });
    let (ended, staying) = (one.worker(), other.worker());
    assert_ne!(ended, staying);
    assert!(!good
        .requests()
        .iter()
        .any(|request| dead.messages().contains(&request.message())));

    one.connect().run("DROP EXTENSION webhooks CASCADE");
    wait_until("its worker is gone", || !is_alive(ended));
    other.connect().run("INSERT INTO orders VALUES (501)");
    wait_until("the other goes on", || good.messages().len() == 501);
    assert_eq!(other.worker(), staying);
}

#[test]
fn a_database_without_the_extension_has_no_worker() {
    let server = Server::shared();
    let without = server.empty_database();
    let with = server.database();
    with.worker();
    let workers = |name: &str| {
        server.connect("postgres").number(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND backend_type LIKE 'webhooks%'"
        ))
    };
    // The launcher may look into it; it does not stay.
    wait_until("nothing runs there", || workers(without.name()) == 0);
    wait_until("one worker runs here", || workers(with.name()) == 1);
}
