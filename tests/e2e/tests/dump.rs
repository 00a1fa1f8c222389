//! Dump and restore, and other copies of a database.

use std::process::Command;

use webhooks_e2e::{pg_program, run, wait_until, Database, Receiver, Server};

/// Dumps a database and restores it into another one of the same server.
fn dump_and_restore(server: &Server, original: &str, copy: &str) {
    dump_and_restore_into(server, original, server, copy, &[]);
}

/// Dumps a database, with options of pg_dump's, and restores it into one of another server.
fn dump_and_restore_into(
    from: &Server,
    original: &str,
    into: &Server,
    copy: &str,
    options: &[&str],
) {
    let dump = run(Command::new(pg_program("pg_dump"))
        .arg("--host")
        .arg(from.socket())
        .args(["--username=postgres", original])
        .args(options));
    let file = std::env::temp_dir().join(format!("webhooks-{copy}-{}.sql", std::process::id()));
    std::fs::write(&file, &dump).expect("the dump");
    run(Command::new(pg_program("psql"))
        .arg("--host")
        .arg(into.socket())
        .args(["--username=postgres", "--no-psqlrc", "--quiet"])
        .args(["--set=ON_ERROR_STOP=1", "--dbname", copy])
        .arg("--file")
        .arg(&file));
    let _ = std::fs::remove_file(&file);
}

#[test]
fn a_restored_dump_calls_nobody_until_it_is_adopted() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    original.webhook("a", &receiver, "");
    original.watched_table("orders", "a");
    dump_and_restore(&server, original.name(), copy.name());

    shows_that_it_is_a_copy(&copy);
    calls_when_adopted(&receiver, &original, &copy);

    // The original was never in doubt, and what was adopted stays so.
    for database in [&original, &copy] {
        assert!(database
            .connect()
            .holds("SELECT state = 'running' AND problem IS NULL FROM webhooks.status()"));
    }
    // A dump of the copy is a copy again.
    let second = server.empty_database();
    dump_and_restore(&server, copy.name(), second.name());
    shows_that_it_is_a_copy(&second);
}

#[test]
fn a_dump_has_what_an_event_computes() {
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    let mut session = original.connect();
    session.run(
        "CREATE TABLE stages (id int PRIMARY KEY, name text);
         CREATE TABLE leads (id int PRIMARY KEY, gone int, stage int, customer int);
         INSERT INTO stages VALUES (1, 'Offer');
         SELECT webhooks.create_event('lead:created', 'table.recordInsert', 'leads', account => 'customer',
             data => $$json_build_object('stage', (SELECT s.name FROM stages s WHERE s.id = NEW.stage))$$);
         ALTER TABLE leads DROP gone;
         ALTER TABLE leads RENAME stage TO step;
         ALTER TABLE stages RENAME name TO label",
    );
    dump_and_restore(&server, original.name(), copy.name());

    let mut session = copy.connect();
    session.run("INSERT INTO leads VALUES (1, 1, 7)");

    assert_eq!(
        session.text("SELECT account || data::text FROM webhooks.message"),
        r#"7{"stage" : "Offer"}"#
    );
    // Names that were changed are changed there.
    assert!(session
        .text("SELECT data FROM webhooks.event_definition")
        .contains("(new).step"));
    // What it uses is still not dropped without it, nor it without its trigger.
    session.run("BEGIN; ALTER TABLE leads DROP step CASCADE");
    session.run("INSERT INTO leads VALUES (2, 7)");
    assert_eq!(session.number("SELECT count(*) FROM webhooks.message"), 1);
    session.run("ROLLBACK");
    // Its table is changed past it and takes it along, as in the original, once the copy is more than that.
    session.run("SELECT webhooks.adopt()");
    session.run("ALTER TABLE leads ADD note text NOT NULL DEFAULT ''");
    session.run("DROP TABLE leads");
    assert_eq!(
        session.number("SELECT count(*) FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_[0-9]'"),
        0
    );
}

#[test]
fn a_dump_has_what_viewers_were_granted() {
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    let role = format!("viewer_{}", original.name());
    original.connect().run(&format!(
        "CREATE ROLE {role}; SELECT webhooks.grant_view('{role}')"
    ));
    dump_and_restore(&server, original.name(), copy.name());

    let mut session = copy.connect();
    session.run(&format!("SET ROLE {role}"));
    session.run(
        "SELECT * FROM webhooks.webhook_stats; SELECT name FROM webhooks.webhook;
         SELECT webhooks.status()",
    );
    assert!(session.holds(
        "SELECT NOT has_column_privilege('webhooks.webhook', 'handshake_key', 'SELECT')
            AND NOT has_table_privilege('webhooks.secret', 'SELECT')
            AND NOT has_function_privilege('webhooks.reveal_secret(text)', 'EXECUTE')"
    ));
}

/// A role that manages a webhook, with a pattern, and events of its own, of which one computes. Gives its name.
fn make_a_manager(original: &Database) -> String {
    let role = format!("manager_{}", original.name());
    original.connect().run(&format!(
        "CREATE TABLE orders (id int PRIMARY KEY, status text);
         CREATE ROLE {role};
         GRANT SELECT, TRIGGER ON orders TO {role};
         SELECT webhooks.grant_manage('{role}');
         SET ROLE {role};
         SELECT webhooks.create_webhook('shop', 'https://example.com/');
         SELECT webhooks.create_event('order:paid', 'table.recordInsert', 'orders', condition => $$NEW.status = 'paid'$$);
         SELECT webhooks.create_event('order:by', 'table.recordInsert', 'orders', data => $$json_build_object('by', current_user)$$);
         SELECT webhooks.subscribe('shop', '{{order:*}}')"
    ));
    role
}

/// Which role computes what the event order:by tells about one more order.
fn who_computes(database: &Database) -> String {
    database.connect().text(
        "INSERT INTO orders SELECT count(*), 'new' FROM orders;
         SELECT data ->> 'by' FROM webhooks.message WHERE data ->> 'by' IS NOT NULL ORDER BY seq DESC LIMIT 1",
    )
}

/// How many events the manager's webhook gets.
fn subscriptions(database: &Database) -> i64 {
    database
        .connect()
        .number("SELECT count(*) FROM webhooks.subscription")
}

#[test]
fn a_dump_has_what_managers_were_granted_and_have_made() {
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    let role = make_a_manager(&original);
    dump_and_restore(&server, original.name(), copy.name());

    assert_eq!(who_computes(&copy), role);
    let mut session = copy.connect();
    session.run(&format!("SET ROLE {role}"));
    assert_eq!(
        session.text("SELECT webhook FROM webhooks.webhook_stats"),
        "shop"
    );
    session.run(
        "SELECT webhooks.alter_event('order:paid', condition => $$NEW.status = 'sent'$$);
         SELECT webhooks.alter_event('order:by', key => 'status');
         SELECT webhooks.create_event('order:gone', 'table.recordDelete', 'orders')",
    );
    assert_eq!(who_computes(&copy), role);
    assert_eq!(subscriptions(&copy), 3, "the pattern is one of a manager's");
}

#[test]
fn events_compute_for_their_makers_once_a_dump_without_owners_is_adopted() {
    let server = Server::preloaded().start();
    let (original, copy) = (server.database(), server.empty_database());
    let role = make_a_manager(&original);
    let options = ["--no-owner"];
    dump_and_restore_into(&server, original.name(), &server, copy.name(), &options);
    assert_eq!(who_computes(&copy), "postgres");

    copy.connect().run("SELECT webhooks.adopt()");

    assert_eq!(who_computes(&copy), role);
}

#[test]
fn a_copy_without_its_managers_loses_no_subscription() {
    let (home, elsewhere) = (Server::preloaded().start(), Server::preloaded().start());
    let (original, copy) = (home.database(), elsewhere.empty_database());
    let role = make_a_manager(&original);
    let options = ["--no-owner", "--no-privileges"];
    dump_and_restore_into(&home, original.name(), &elsewhere, copy.name(), &options);

    let mut session = copy.connect();
    session.run("SELECT webhooks.adopt()");
    assert!(
        elsewhere.log().contains(&format!(
            "event \"order:by\" computes with the privileges of role postgres, since there is no role \"{role}\""
        )),
        "{}",
        elsewhere.log_tail()
    );
    session.run(
        "SELECT webhooks.alter_event('order:paid', description => 'of a maker who is not here')",
    );
    assert_eq!(subscriptions(&copy), 2);
    // Whose condition and whose key it is cannot be asked any more: they are not read as the superuser,
    let changes = [
        (
            "SELECT webhooks.alter_table('orders', 'ALTER status TYPE varchar')",
            "order:paid",
        ),
        (
            "SELECT webhooks.alter_event('order:by', key => 'status')",
            "order:by",
        ),
    ];
    for (change, event) in changes {
        let (state, message) = session.refused(change);
        assert_eq!(state, "42704");
        assert_eq!(
            message,
            format!("role \"{role}\", who made event \"{event}\", does not exist")
        );
    }
    // unless the superuser takes them over.
    session.run(&format!(
        "SELECT webhooks.reassign_owned('{role}', 'postgres')"
    ));
    for (change, _) in changes {
        session.run(change);
    }
    assert_eq!(subscriptions(&copy), 2);
    session.run("SELECT webhooks.drop_event('order:paid'); SELECT webhooks.drop_webhook('shop')");
    assert_eq!(subscriptions(&copy), 0);
}

#[test]
fn a_database_made_from_another_calls_nobody_until_it_is_adopted() {
    let receiver = Receiver::start();
    let server = Server::preloaded().start();
    let original = server.database();
    original.webhook("a", &receiver, "");
    original.watched_table("orders", "a");
    let copy = server.copied_database(&original);

    shows_that_it_is_a_copy(&copy);
    calls_when_adopted(&receiver, &original, &copy);
}

/// Its status says so, whether a worker runs by now or not, and says so loudly.
#[track_caller]
fn shows_that_it_is_a_copy(copy: &Database) {
    copy.worker();
    let mut session = copy.connect();
    assert_eq!(
        session.text("SELECT state FROM webhooks.status()"),
        "not adopted"
    );
    let problem = session.text("SELECT problem FROM webhooks.status()");
    assert!(problem.starts_with("NOTHING IS SENT"), "{problem}");
    assert!(problem.contains("webhooks.adopt()"), "{problem}");
}

/// The original goes on, and the copy's messages wait until it is adopted.
#[track_caller]
fn calls_when_adopted(receiver: &Receiver, original: &Database, copy: &Database) {
    copy.connect().run("INSERT INTO orders VALUES (100), (101)");
    original.connect().run("INSERT INTO orders VALUES (1)");
    receiver.wait_for(1);
    original.connect().run("INSERT INTO orders VALUES (2)");
    wait_until("the original's are recorded", || {
        original.delivered("a") == 2
    });
    assert_eq!(receiver.count(), 2, "the copy has sent nothing");
    let mut session = copy.connect();
    assert_eq!(session.number("SELECT count(*) FROM webhooks.attempt"), 0);
    assert_eq!(session.number("SELECT backlog FROM webhooks.status()"), 2);

    session.run("SELECT webhooks.adopt()");
    session.run("INSERT INTO orders VALUES (102)");
    wait_until("the copy's are recorded", || copy.delivered("a") == 3);
    let mut ids: Vec<_> = receiver.requests().iter().map(|r| r.number("id")).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 100, 101, 102]);
}

#[test]
fn a_dump_carries_the_definitions_and_no_messages() {
    let receiver = Receiver::start();
    let server = Server::shared();
    let (original, copy) = (server.database(), server.empty_database());
    original.webhook("a", &receiver, r#"headers => '{"x-team": "blue"}'"#);
    original.watched_table("orders", "a");
    original.connect().run(
        "SELECT webhooks.create_event('lead:won'); SELECT webhooks.subscribe('a', '{lead:*}');
         INSERT INTO orders SELECT g FROM generate_series(1, 20) g;",
    );
    wait_until("all are recorded", || original.delivered("a") == 20);

    dump_and_restore(&server, original.name(), copy.name());

    let definitions = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT concat('webhook ', to_jsonb(w)) AS line FROM webhooks.webhook w UNION ALL
        SELECT concat('secret ', to_jsonb(s)) FROM webhooks.secret s UNION ALL
        SELECT concat('header ', to_jsonb(h)) FROM webhooks.header h UNION ALL
        SELECT concat('endpoint ', to_jsonb(e)) FROM webhooks.endpoint e UNION ALL
        SELECT concat('event ', to_jsonb(e)) FROM webhooks.event e UNION ALL
        SELECT concat('subscription ', to_jsonb(s)) FROM webhooks.subscription s UNION ALL
        SELECT concat('pattern ', to_jsonb(p)) FROM webhooks.subscription_pattern p UNION ALL
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
    assert_eq!(session.number("SELECT count(*) FROM webhooks.origin"), 2);
    let made =
        session.number("SELECT id FROM webhooks.create_webhook('b', 'https://example.com/')");
    assert!(made > 1, "the numbers go on where they were");
    session.run("INSERT INTO orders VALUES (21)");
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.message"),
        1,
        "its triggers work"
    );
    session.run("SELECT webhooks.create_event('lead:lost')");
    assert!(
        session.holds("SELECT EXISTS (SELECT FROM webhooks.subscription s JOIN webhooks.event e ON e.id = s.event_id WHERE e.name = 'lead:lost')"),
        "its patterns work"
    );
}
