//! What the worker sees to when tables change under their events.

use webhooks_e2e::{wait_until, Receiver, Server};

#[test]
fn the_worker_drops_events_that_are_dead() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let database = server.database();
    database.webhook("a", &receiver, "");
    database.watched_table("orders", "a");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE leads (id int PRIMARY KEY, stage int, name text);
         SELECT webhooks.create_event('moved', 'table.recordUpdate', 'leads', '{stage}', 'NEW.stage > 1');
         SELECT webhooks.create_event('named', 'table.recordUpdate', 'leads', '{name}', data => 'to_json(NEW)');
         SELECT webhooks.create_event('young', 'table.recordInsert', 'leads', condition => 'NEW.stage > 1');
         SELECT webhooks.subscribe('a', '{moved,named,young}');
         ALTER TABLE leads RENAME name TO title;
         ALTER TABLE leads DROP stage CASCADE;
         DROP TABLE orders",
    );
    let problem = session.text("SELECT problem FROM webhooks.status()");
    assert!(
        problem.contains("Events that their tables do not raise: "),
        "{problem}"
    );
    assert_eq!(
        session.text("SELECT problem FROM webhooks.event_stats WHERE event = 'moved'"),
        "its trigger is gone: it was dropped, or a column that it uses was"
    );

    session.run(
        "UPDATE webhooks.event SET created_at = now() - interval '1 hour' WHERE name <> 'young'",
    );
    session.run("SELECT pg_terminate_backend(worker_pid) FROM webhooks.status()");
    let live =
        "SELECT string_agg(name, ' ' ORDER BY name) FROM webhooks.event WHERE dropped_at IS NULL";
    wait_until("the dead are dropped", || {
        session.text(live) == "named young"
    });

    let log = server.log();
    assert!(
        log.contains(r#"event "moved" is dropped: its trigger is gone"#),
        "{log}"
    );
    assert!(
        log.contains(r#"is dropped: its table was dropped"#),
        "{log}"
    );
    assert_eq!(
        session.text("SELECT fields::text FROM webhooks.event_definition WHERE event = 'named'"),
        "{title}"
    );
    // What is left is told as ever.
    session.run("INSERT INTO leads VALUES (1, 'x')");
    session.run("UPDATE leads SET title = 'y'");
    receiver.wait_for(1);
    assert_eq!(receiver.requests()[0].number("id"), 1);
}
