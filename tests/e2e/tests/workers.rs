//! When a worker runs.

use std::thread;

use webhooks_e2e::{wait_for, wait_until, Receiver, Server};

#[test]
fn without_preload_create_extension_starts_a_worker_that_commit_wakes() {
    let receiver = Receiver::start();
    let server = Server::plain().start();
    let database = server.database();
    database.worker();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");

    let mut session = database.connect();
    for id in 1..=20 {
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
        receiver.wait_for(id);
    }

    assert!(session.holds("SELECT NOT preloaded FROM webhooks.status()"));
    let problem = session.text("SELECT problem FROM webhooks.status()");
    assert!(
        problem.contains("shared_preload_libraries"),
        "it says what to do: {problem}"
    );

    // After a restart nothing brings it back, but nothing is lost either.
    drop(session);
    server.restart();
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (21)");
    assert_eq!(
        session.value("SELECT worker_pid FROM webhooks.status()"),
        None
    );
    session.run("SELECT webhooks.start_worker()");
    wait_until("what waited has arrived", || {
        receiver.messages().len() == 21
    });
    assert_eq!(receiver.count(), 21, "and nothing twice");
}

#[test]
fn a_create_extension_that_is_rolled_back_leaves_no_worker() {
    for options in [Server::plain(), Server::preloaded()] {
        let server = options.start();
        let database = server.empty_database();
        let mut session = database.connect();
        session.run("BEGIN; CREATE EXTENSION webhooks; ROLLBACK");
        wait_until("no worker runs", || {
            session.number(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND backend_type LIKE 'webhooks%'",
                database.name()
            )) == 0
        });
        session.run("CREATE EXTENSION webhooks");
        database.worker();
    }
}

#[test]
fn preloaded_workers_are_back_after_a_restart() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let database = server.database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    database.connect().run("INSERT INTO orders VALUES (1)");
    wait_until("it is recorded", || database.delivered("a") == 1);

    server.restart();
    database.connect().run("INSERT INTO orders VALUES (2)");

    wait_until("both have arrived", || receiver.messages().len() == 2);
    assert_eq!(receiver.count(), 2, "and nothing twice");
    let mut session = database.connect();
    let status =
        &session.rows("SELECT preloaded, backlog, in_flight, problem FROM webhooks.status()")[0];
    assert_eq!(status.get(0), Some("t"));
    assert_eq!(status.get(3), None, "no problem");
}

#[test]
fn a_second_worker_is_never_started() {
    let database = Server::shared().database();
    let worker = database.worker();
    let mut session = database.connect();
    for _ in 0..3 {
        assert_eq!(
            session.number("SELECT webhooks.start_worker()"),
            i64::from(worker)
        );
    }
}

#[test]
fn the_worker_that_is_named_is_the_one_that_works() {
    let server = Server::plain().start();
    let database = server.database();
    let worker = database.worker().to_string();
    let mut session = database.connect();

    // What asked for a worker is undone, the transaction is not: another one starts, which waits for some seconds to see
    // whether the first one leaves. It comes before that one in the server's list of processes.
    session.run(
        "BEGIN; SAVEPOINT a; DROP EXTENSION webhooks; CREATE EXTENSION webhooks; ROLLBACK TO a; COMMIT",
    );
    wait_until("a second one waits beside the worker", || {
        session.holds(
            "SELECT count(*) = 2 FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'webhooks worker'",
        )
    });

    assert_eq!(
        session.text("SELECT worker_pid FROM webhooks.status()"),
        worker
    );
    assert_eq!(session.text("SELECT webhooks.start_worker()"), worker);
}

#[test]
fn a_lock_that_anybody_can_take_keeps_no_worker_away() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let worker = database.worker();
    let mut session = database.connect();
    session.run("CREATE ROLE locker LOGIN");
    let mut locker = database.connect_as("locker");
    let locker_pid = locker.text("SELECT pg_backend_pid()");

    thread::scope(|scope| {
        // With the numbers of the worker's own lock, in both of the ways in which SQL says them.
        let locks = scope.spawn(|| {
            locker.run(
                "SELECT pg_advisory_lock(x'77656268'::int, x'6f6f6b73'::int),
                        pg_advisory_lock(x'776562686f6f6b73'::bigint)",
            )
        });
        wait_until("it has both locks, or waits for the worker's", || {
            session.holds(&format!(
                "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND pid = {locker_pid}"
            ))
        });
        session.run(&format!("SELECT pg_terminate_backend({worker})"));
        locks.join().expect("it has both locks");
    });
    wait_until("there is another worker", || database.worker() != worker);

    session.run("INSERT INTO orders VALUES (1)");
    receiver.wait_for(1);
}

#[test]
fn a_worker_runs_though_the_extension_comes_while_the_launcher_looks() {
    // When the server starts, the launcher has a worker look into each database; it ends where there is no extension.
    // Created just then, the extension must get a worker all the same.
    let server = Server::preloaded().start();
    let databases: Vec<_> = (0..8).map(|_| server.empty_database()).collect();
    server.stop();
    thread::scope(|scope| {
        for database in &databases {
            scope.spawn(|| {
                let mut session = wait_for("the server takes connections", || {
                    server.try_connect(database.name()).ok()
                });
                session.run("CREATE EXTENSION webhooks");
            });
        }
        server.start();
    });

    for database in &databases {
        database.worker();
    }
}

#[test]
fn a_worker_serves_the_extension_that_is_there_now() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    let mut session = database.connect();
    for round in 1..=5 {
        database.webhook("a", &receiver, "");
        database.watched_table("orders", "a");
        session.run(&format!("INSERT INTO orders VALUES ({round})"));
        wait_until("it arrives", || {
            receiver
                .successes()
                .iter()
                .any(|request| request.number("id") == round)
        });
        session.run("BEGIN; DROP EXTENSION webhooks CASCADE; DROP TABLE orders; CREATE EXTENSION webhooks; COMMIT");
    }
}
