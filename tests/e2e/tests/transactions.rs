//! A message exists if and only if its transaction committed, whenever that was and however large it is.

use std::collections::HashSet;
use std::thread;

use webhooks_e2e::{wait_until, Database, Receiver, Server};

fn watched(receiver: &Receiver) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, "");
    database.watched_table("orders", "a");
    database
}

fn ids(receiver: &Receiver) -> HashSet<i64> {
    receiver.ids().into_iter().collect()
}

#[test]
fn a_transaction_that_commits_late_is_not_skipped() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let (mut early, mut late) = (database.connect(), database.connect());

    late.run("BEGIN; INSERT INTO orders VALUES (1)");
    early.run("INSERT INTO orders VALUES (2)");
    receiver.wait_for(1);
    wait_until("it is recorded", || database.delivered("a") == 1);
    assert_eq!(ids(&receiver), HashSet::from([2]));
    late.run("COMMIT");

    wait_until("both have arrived", || {
        ids(&receiver) == HashSet::from([1, 2])
    });
    assert_eq!(receiver.count(), 2);
}

#[test]
fn transactions_that_overlap_in_every_way_all_arrive_once() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    thread::scope(|scope| {
        for number in 0..8_i64 {
            let mut session = database.connect();
            scope.spawn(move || {
                for round in 0..40_i64 {
                    // Several rows, at several times, in one transaction; every fifth is rolled back.
                    session.run("BEGIN");
                    for row in 0..=(number + round) % 4 {
                        let id = 1000 * number + 10 * round + row;
                        session.run(&format!("INSERT INTO orders VALUES ({id})"));
                    }
                    session.run(if (round + number) % 5 == 0 {
                        "ROLLBACK"
                    } else {
                        "COMMIT"
                    });
                }
            });
        }
    });
    let mut session = database.connect();
    let committed: HashSet<i64> = session
        .column("SELECT id FROM orders")
        .into_iter()
        .map(|id| id.unwrap().parse().unwrap())
        .collect();

    wait_until("all have arrived", || receiver.count() >= committed.len());
    wait_until("all are recorded", || {
        database.delivered("a") == committed.len() as i64
    });
    assert_eq!(ids(&receiver), committed);
    assert_eq!(receiver.count(), committed.len(), "each once");
}

#[test]
fn an_open_transaction_slows_nothing_and_leaves_no_dead_rows() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let mut session = database.connect();
    // What was changed to get here is not meant. Sessions report it before they are gone, and the worker what it did about
    // it.
    wait_until("who made it has left, and the worker has read it", || {
        session.holds(
            "SELECT 1 = (SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND backend_type = 'client backend')
                AND (SELECT n_tup_ins = n_tup_del FROM pg_stat_user_tables WHERE relname = 'configuration_change')",
        )
    });
    session.run("SELECT pg_stat_reset()");
    let mut open = database.connect();
    open.run("BEGIN; SELECT txid_current()");

    for batch in 0..50 {
        session.run(&format!(
            "INSERT INTO orders SELECT {batch} * 100 + g FROM generate_series(1, 100) g"
        ));
    }

    wait_until("all have arrived", || receiver.messages().len() == 5000);
    wait_until("all are recorded", || database.delivered("a") == 5000);
    assert_eq!(receiver.count(), 5000);
    // The statistics of the worker's own work come a little later.
    let inserted = "SELECT coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables
                    WHERE schemaname = 'webhooks' AND relname LIKE 'attempt%'";
    wait_until("the worker's work is counted", || {
        session.number(inserted) >= 5000
    });
    let dead = session.column(
        "SELECT format('%s: %s dead, %s updated, %s deleted', relname, n_dead_tup, n_tup_upd, n_tup_del)
         FROM pg_stat_user_tables WHERE schemaname = 'webhooks' AND (n_dead_tup, n_tup_upd, n_tup_del) <> (0, 0, 0)",
    );
    assert_eq!(dead, Vec::<Option<String>>::new());
    open.run("COMMIT");
}

#[test]
fn one_transaction_of_200000_rows_arrives_whole() {
    let receiver = Receiver::start();
    let database = watched(&receiver);

    database
        .connect()
        .run("INSERT INTO orders SELECT g, 0, repeat('x', 40) FROM generate_series(1, 200000) g");

    wait_until("half have arrived", || receiver.count() >= 100_000);
    wait_until("all have arrived", || receiver.count() >= 200_000);
    wait_until("all are recorded", || database.delivered("a") == 200_000);
    assert_eq!(ids(&receiver).len(), 200_000);
    assert_eq!(receiver.messages().len(), 200_000);
    assert_eq!(receiver.count(), 200_000, "each once");
}

#[test]
fn a_read_of_the_log_looks_only_at_what_is_new() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let mut session = database.connect();

    for id in 1..=1000 {
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
    }
    wait_until("all are recorded", || database.delivered("a") == 1000);

    let entries = "SELECT coalesce(sum(idx_tup_read), 0)::bigint FROM pg_stat_user_indexes
                    WHERE schemaname = 'webhooks' AND indexrelname LIKE 'message\\_%'";
    // Each is found once when it is new and once when its data is fetched; hundreds of reads that each walked what was
    // read before would look at many more.
    wait_until("the worker has reported what it looked at", || {
        session.number(entries) >= 2000
    });
    let looked_at = session.number(entries);
    assert!(
        looked_at < 20_000,
        "{looked_at} entries were looked at for 1000 messages"
    );
}

#[test]
fn what_is_rolled_back_is_never_sent() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let mut session = database.connect();

    session.run("BEGIN; INSERT INTO orders VALUES (1); ROLLBACK");
    session.run(
        "BEGIN; INSERT INTO orders VALUES (2);
         SAVEPOINT s; INSERT INTO orders VALUES (3); UPDATE orders SET n = 9; ROLLBACK TO SAVEPOINT s;
         SAVEPOINT t; INSERT INTO orders VALUES (4); RELEASE SAVEPOINT t; COMMIT",
    );
    session.run("INSERT INTO orders VALUES (5)");

    wait_until("all have arrived", || {
        ids(&receiver) == HashSet::from([2, 4, 5])
    });
    wait_until("all are recorded", || database.delivered("a") == 3);
    assert_eq!(receiver.count(), 3);
    assert_eq!(session.number("SELECT count(*) FROM webhooks.message"), 3);
}

#[test]
fn prepared_transactions_arrive_when_they_are_committed() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let mut session = database.connect();
    let name = database.name();

    session.run(&format!(
        "BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION '{name}_1'"
    ));
    session.run(&format!(
        "BEGIN; INSERT INTO orders VALUES (2); PREPARE TRANSACTION '{name}_2'"
    ));
    session.run("INSERT INTO orders VALUES (3)");
    wait_until("the ordinary one has arrived", || {
        database.delivered("a") == 1
    });
    assert_eq!(ids(&receiver), HashSet::from([3]));

    session.run(&format!("ROLLBACK PREPARED '{name}_2'"));
    session.run(&format!("COMMIT PREPARED '{name}_1'"));

    wait_until("it has arrived", || database.delivered("a") == 2);
    assert_eq!(ids(&receiver), HashSet::from([1, 3]));
}

#[test]
fn asynchronous_commits_arrive() {
    let receiver = Receiver::start();
    let database = watched(&receiver);
    let mut session = database.connect();
    session.run("SET synchronous_commit = off");
    for id in 1..=200 {
        session.run(&format!("INSERT INTO orders VALUES ({id})"));
    }
    wait_until("all have arrived", || ids(&receiver).len() == 200);
    assert_eq!(receiver.count(), 200);
}
