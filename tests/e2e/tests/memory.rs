//! Large messages, and many: the worker reads as many at once as it has memory for.

use webhooks_e2e::{kill, private_memory, wait_until, Database, Peak, Receiver, Server, Signal};

/// Messages of a megabyte each; all of them at once would be ten times what the worker may take.
const MESSAGES: usize = 160;

/// A database whose worker may keep 16 MB, with a webhook that is told which rows are inserted into `files`, in few words.
fn database() -> (Receiver, Database) {
    let server = Server::preloaded()
        .set("webhooks.queue_memory", "16MB")
        .set("webhooks.max_in_flight", "4")
        .start();
    let receiver = Receiver::start();
    let database = server.database();
    database.webhook(
        "a",
        &receiver,
        r#"ordering => 'strict', payload => '{"data": [{"id": "[@field:id]"}]}'"#,
    );
    database.connect().run(
        "CREATE TABLE files (id bigint PRIMARY KEY, content text);
         SELECT webhooks.add_event('a', 'table.recordInsert', 'files')",
    );
    (receiver, database)
}

/// Inserts the rows, waits until all of them have arrived, and gives how much memory the worker took at the most, in MB.
fn peak_of(receiver: &Receiver, database: &Database, before: &str, after: &str) -> u64 {
    let mut session = database.connect();
    let worker = database.worker();
    let peak = Peak::watch(worker);

    session.run(before);
    session.run(&format!(
        "INSERT INTO files SELECT g, repeat('x', 1000000) FROM generate_series(1, {MESSAGES}) g"
    ));
    session.run(after);

    wait_until("all have arrived", || receiver.messages().len() == MESSAGES);
    let ids: Vec<i64> = (1..=MESSAGES as i64).collect();
    assert_eq!(receiver.ids(), ids, "each once, in order");
    assert_eq!(database.worker(), worker, "one and the same worker");
    let peak = peak.megabytes();
    println!("the worker's private memory peaked at {peak} MB");
    peak
}

#[test]
fn a_page_of_large_messages_is_read_as_far_as_there_is_memory() {
    let (receiver, database) = database();
    let peak = peak_of(&receiver, &database, "", "");
    assert!(peak < 80, "the worker took {peak} MB");
}

#[test]
fn large_messages_that_waited_are_read_back_as_far_as_there_is_memory() {
    let (receiver, database) = database();
    let peak = peak_of(
        &receiver,
        &database,
        "SELECT webhooks.pause_webhook('a')",
        "SELECT webhooks.start_webhook('a')",
    );
    assert!(peak < 80, "the worker took {peak} MB");
}

#[test]
fn large_messages_that_are_tried_again_are_read_as_far_as_there_is_memory() {
    let (receiver, database) = database();
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.pause_webhook('a');
         INSERT INTO files SELECT g, repeat('x', 1000000) FROM generate_series(1, {MESSAGES}) g"
    ));
    wait_until("all wait in their rows", || {
        session.number("SELECT count(*) FROM webhooks.delivery") == MESSAGES as i64
    });
    // As if each had been tried before: what has failed so often would be probed one by one.
    session.run(
        "UPDATE webhooks.delivery
            SET state = 'retrying', attempts = 1, first_attempt_at = now(), due_at = now();
         SELECT webhooks.alter_webhook('a', ordering => 'none')",
    );
    let worker = database.worker();
    let peak = Peak::watch(worker);

    session.run("SELECT webhooks.start_webhook('a')");

    wait_until("all have arrived", || receiver.messages().len() == MESSAGES);
    assert_eq!(receiver.count(), MESSAGES, "each once");
    assert_eq!(database.worker(), worker, "one and the same worker");
    let peak = peak.megabytes();
    println!("the worker's private memory peaked at {peak} MB");
    assert!(peak < 80, "the worker took {peak} MB");
}

#[test]
fn large_messages_that_had_no_room_when_the_worker_ended_arrive_after_it() {
    let (receiver, database) = database();
    database.connect().run(&format!(
        "INSERT INTO files SELECT g, repeat('x', 1000000) FROM generate_series(1, {MESSAGES}) g"
    ));
    wait_until("some have arrived", || receiver.count() >= 5);

    kill(database.worker(), Signal::TERM);

    wait_until("all have arrived", || receiver.messages().len() == MESSAGES);
    let mut ids = receiver.ids();
    // The call that was open when the worker ended was made again.
    ids.dedup();
    assert!(ids.into_iter().eq(1..=MESSAGES as i64), "in order");
}

#[test]
fn what_has_to_wait_for_a_lock_is_bounded_and_arrives_after_it() {
    const MESSAGES: usize = 10_000;
    let server = Server::preloaded()
        .set("webhooks.queue_memory", "1MB")
        .start();
    let (locked, other) = (Receiver::start(), Receiver::start());
    let database = server.database();
    database.webhook("locked", &locked, "");
    database.webhook("other", &other, "");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY);
         SELECT webhooks.add_event(name, 'table.recordInsert', 'orders') FROM webhooks.webhook;
         SELECT webhooks.pause_webhook('locked')",
    );
    let mut open = database.connect();
    open.run("BEGIN; SELECT webhooks.replay('locked', '-infinity')");

    session.run(&format!(
        "INSERT INTO orders SELECT g FROM generate_series(1, {MESSAGES}) g"
    ));
    wait_until("somebody is told", || {
        session.holds(
            "SELECT coalesce(problem LIKE '%until what is kept for it uses up its share%', false) FROM webhooks.status()",
        )
    });
    assert!(other.count() < MESSAGES, "no more is read");

    open.run("ROLLBACK; SELECT webhooks.start_webhook('locked')");
    for receiver in [&locked, &other] {
        wait_until("all have arrived", || receiver.messages().len() == MESSAGES);
        assert_eq!(receiver.count(), MESSAGES, "each once");
    }
}

/// Webhooks of accounts, whose memory is to be weighed, and a webhook `a` that all of an event's messages go to.
const WEBHOOKS: u64 = 20_000;

#[test]
fn many_webhooks_take_little_memory() {
    let receiver = Receiver::start();
    let database = Server::preloaded().start().database();
    database.webhook("a", &receiver, "");
    let mut session = database.connect();
    session.run("SELECT webhooks.create_event('news'); SELECT webhooks.subscribe('a', '{news}')");
    let mut memory = |what: &str| {
        let count = receiver.count();
        session.run("SELECT webhooks.emit('news')");
        receiver.wait_for(count + 1);
        let memory = private_memory(database.worker()).expect("a worker");
        println!("{what}: the worker has {memory} kB");
        memory
    };
    let before = memory("with one webhook");

    database.connect().run(&format!(
        "INSERT INTO webhooks.webhook (name, account, signature, max_in_flight, ordering, timeout, retry_schedule)
         SELECT 'webhook ' || n, n::text, w.signature, w.max_in_flight, w.ordering, w.timeout, w.retry_schedule
           FROM webhooks.webhook w, generate_series(1, {WEBHOOKS}) n;
         INSERT INTO webhooks.secret (webhook_id, secret)
         SELECT w.id, s.secret FROM webhooks.webhook w, webhooks.secret s WHERE w.account IS NOT NULL;
         INSERT INTO webhooks.endpoint (webhook_id, url)
         SELECT id, 'https://example.com/hooks/' || id FROM webhooks.webhook WHERE account IS NOT NULL;
         INSERT INTO webhooks.subscription (webhook_id, event_id)
         SELECT w.id, s.event_id FROM webhooks.webhook w, webhooks.subscription s WHERE w.account IS NOT NULL"
    ));
    let each = (memory("with many") - before) * 1024 / WEBHOOKS;
    assert!(each < 2000, "a webhook takes {each} bytes");

    // What is changed does not pile up.
    for number in 1..=5 {
        let mut session = database.connect();
        session.run(&format!(
            "UPDATE webhooks.webhook SET description = '{number}'"
        ));
    }
    let each = (memory("after changes of all of them") - before) * 1024 / WEBHOOKS;
    assert!(each < 2500, "a webhook takes {each} bytes");
}
