//! Dump and restore.

use std::process::Command;

use webhooks_e2e::{pg_program, run, wait_until, Receiver, Server};

#[test]
fn a_dump_carries_the_definitions_and_no_messages() {
    let receiver = Receiver::start();
    // Own server: the restored copy would go on sending on a shared one while the test looks at it.
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    original.webhook("a", &receiver, r#"headers => '{"x-team": "blue"}'"#);
    original.watched_table("orders", "a");
    original.connect().run(
        "SELECT webhooks.create_event('lead:won'); SELECT webhooks.subscribe('a', '{lead:won}');
         INSERT INTO orders SELECT g FROM generate_series(1, 20) g;",
    );
    wait_until("all are recorded", || original.delivered("a") == 20);

    let dump = run(Command::new(pg_program("pg_dump"))
        .arg("--host")
        .arg(server.socket())
        .args(["--username=postgres", original.name()]));
    let file = std::env::temp_dir().join(format!("webhooks-dump-{}.sql", std::process::id()));
    std::fs::write(&file, &dump).expect("the dump");
    run(Command::new(pg_program("psql"))
        .arg("--host")
        .arg(server.socket())
        .args([
            "--username=postgres",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            copy.name(),
        ])
        .arg("--file")
        .arg(&file));
    let _ = std::fs::remove_file(&file);

    let definitions = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT concat('webhook ', to_jsonb(w)) AS line FROM webhooks.webhook w UNION ALL
        SELECT concat('secret ', to_jsonb(s)) FROM webhooks.secret s UNION ALL
        SELECT concat('header ', to_jsonb(h)) FROM webhooks.header h UNION ALL
        SELECT concat('endpoint ', to_jsonb(e)) FROM webhooks.endpoint e UNION ALL
        SELECT concat('event ', to_jsonb(e)) FROM webhooks.event e UNION ALL
        SELECT concat('subscription ', to_jsonb(s)) FROM webhooks.subscription s UNION ALL
        SELECT concat('trigger ', pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgname LIKE 'webhooks%') AS lines";
    assert_eq!(
        original.connect().text(definitions),
        copy.connect().text(definitions)
    );
    let mut session = copy.connect();
    for table in ["message", "attempt", "delivery", "tally"] {
        assert_eq!(
            session.number(&format!("SELECT count(*) FROM webhooks.{table}")),
            0,
            "{table}"
        );
    }
    assert_eq!(session.number("SELECT count(*) FROM orders"), 20);
    assert_eq!(receiver.count(), 20, "restoring the rows sent nothing");
    let made =
        session.number("SELECT id FROM webhooks.create_webhook('b', 'https://example.com/')");
    assert!(made > 1, "the numbers go on where they were");
    session.run("INSERT INTO orders VALUES (21)");
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.message"),
        1,
        "its triggers work"
    );
}
