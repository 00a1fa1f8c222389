//! A standby sends nothing; a promoted one goes on where the primary was.

use webhooks_e2e::{wait_until, Receiver, Server};

#[test]
fn a_standby_runs_nothing_and_delivers_once_it_is_promoted() {
    let receiver = Receiver::start();
    let primary = Server::preloaded().start();
    let database = primary.database();
    database.webhook(
        "a",
        &receiver,
        "retry_schedule => array_fill(interval '200ms', ARRAY[100])",
    );
    database.watched_table("orders", "a");
    let mut session = database.connect();
    let standby = primary.standby(Server::preloaded());

    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 50) g");
    wait_until("all are recorded", || database.delivered("a") == 50);
    receiver.down();
    session.run("INSERT INTO orders SELECT g FROM generate_series(51, 60) g");
    wait_until("some calls were refused", || {
        session.number("SELECT count(*) FROM webhooks.attempt_log WHERE error IS NOT NULL") >= 10
    });
    let end = session.text("SELECT pg_current_wal_flush_lsn()");
    let mut on_standby = standby.connect(database.name());
    wait_until("the standby has it all", || {
        on_standby.holds(&format!(
            "SELECT coalesce(pg_last_wal_replay_lsn() >= '{end}', false)"
        ))
    });

    let workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'webhooks%'";
    assert_eq!(on_standby.number(workers), 0);
    assert_eq!(
        on_standby.value("SELECT worker_pid FROM webhooks.status()"),
        None
    );
    let ours = |log: &str| log.lines().filter(|line| line.contains("webhooks")).count();
    assert!(
        ours(&standby.log()) < 10,
        "it does not fill the log:\n{}",
        standby.log()
    );

    drop(session);
    primary.crash();
    let before = receiver.count();
    receiver.up();
    assert!(on_standby.holds("SELECT pg_promote()"));
    wait_until("what was open arrives", || receiver.messages().len() == 60);
    on_standby.run("INSERT INTO orders SELECT g FROM generate_series(61, 100) g");
    wait_until("what is new arrives", || receiver.messages().len() == 100);

    for request in &receiver.requests()[before..] {
        assert!(
            request.number("id") > 50,
            "sent again though it was recorded"
        );
    }
    assert!(standby.try_connect(database.name()).is_ok());
}
