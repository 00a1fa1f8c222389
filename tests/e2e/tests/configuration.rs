//! What is changed counts from the commit on, and costs the reading of what was changed.

use std::collections::{BTreeMap, HashSet};
use std::thread;

use webhooks_e2e::{wait_until, Database, Receiver, Request, Server, Session};

/// Sessions that change the configuration at the same time, and the webhooks and the event that each has for itself.
const SESSIONS: i64 = 4;
const WEBHOOKS_EACH: i64 = 3;
const ROUNDS: i64 = 4;
const TRANSACTIONS: i64 = 12;

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as i64
    }
}

/// What a call shows of the configuration: path, a header, the event's name, and a number that stands in its payload.
type Shown = (String, String, String, i64);

fn shown(request: &Request) -> Shown {
    let body = request.json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let number = body["v"].as_i64().expect("a number");
    (
        request.path(),
        request.header("x-version"),
        text(&body["event"]),
        number,
    )
}

/// Where the receiver can be called, without a path.
fn base(receiver: &Receiver) -> String {
    let url = receiver.url();
    url.rsplit_once('/').expect("a path").0.to_owned()
}

fn payload(number: i64) -> String {
    format!(r#"'{{"event": "[@out-hook:eventName]", "n": "[@data:n]", "v": {number}}}'"#)
}

/// One change of one of a session's webhooks, or of its event, which have this number.
fn change(dice: &mut Dice, session: i64, number: i64, base: &str) -> String {
    let webhook = 1 + session * WEBHOOKS_EACH + dice.roll(WEBHOOKS_EACH);
    let name = format!("(SELECT w.name FROM webhooks.webhook w WHERE w.id = {webhook})");
    let event = 1 + session;
    let event_name = format!("(SELECT v.name FROM webhooks.event v WHERE v.id = {event})");
    match dice.roll(11) {
        0 => format!(
            "UPDATE webhooks.endpoint SET url = '{base}/{webhook}/{number}' WHERE webhook_id = {webhook}"
        ),
        1 => format!("SELECT webhooks.rotate_secret({name})"),
        2 => format!(
            "SELECT webhooks.alter_webhook({name}, headers => '{{\"x-version\": \"{number}\"}}')"
        ),
        3 => format!(
            "SELECT webhooks.alter_webhook({name}, account => '{session}/{}')",
            number % 2
        ),
        4 => format!(
            "SELECT webhooks.subscribe({name}, ARRAY[{event_name}], payload => {})",
            payload(number)
        ),
        5 => format!("SELECT webhooks.alter_webhook({name}, payload => {})", payload(-number)),
        6 => format!("SELECT webhooks.alter_event({event_name}, new_name => 'event-{session}-{number}')"),
        7 => format!("DELETE FROM webhooks.subscription WHERE webhook_id = {webhook}"),
        8 => format!(
            "SELECT CASE WHEN w.state = 'started' THEN webhooks.stop_webhook(w.name) ELSE webhooks.start_webhook(w.name) END
               FROM webhooks.webhook w WHERE w.id = {webhook}"
        ),
        9 => format!(
            "UPDATE webhooks.endpoint SET state = 'gone', state_reason = 'told so' WHERE webhook_id = {webhook};
             SELECT webhooks.alter_webhook({name}, new_name => 'webhook-{webhook}-{number}')"
        ),
        _ => format!(
            "UPDATE webhooks.endpoint SET state = 'enabled', state_reason = NULL WHERE webhook_id = {webhook};
             SELECT webhooks.subscribe({name}, ARRAY[{event_name}])"
        ),
    }
}

/// Changes in transactions that overlap with those of others: some are rolled back, some have a part that is.
fn change_at_random(database: &Database, session: i64, round: i64, base: &str) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (1 + session * 1000 + round) as u64);
    let mut client = database.connect();
    for transaction in 0..TRANSACTIONS {
        let number = 1 + 100 * (round * TRANSACTIONS + transaction);
        let mut steps = vec!["BEGIN".to_owned()];
        for step in 0..=dice.roll(3) {
            let one = change(&mut dice, session, number + step, base);
            steps.push(match dice.roll(4) {
                0 => format!("SAVEPOINT part; {one}; ROLLBACK TO part"),
                1 => format!("SAVEPOINT part; {one}; RELEASE part"),
                _ => one,
            });
        }
        let ends_well = dice.roll(4) > 0;
        steps.push(if ends_well { "COMMIT" } else { "ROLLBACK" }.to_owned());
        // One step at a time, so that others' come in between. Two may turn out to have to wait for each other.
        let done = steps.iter().try_for_each(|step| client.batch_execute(step));
        if done.is_err() {
            client.run("ROLLBACK");
        }
    }
}

/// Raises each session's event for each of its accounts, and gives what is to arrive, by the tables, for each number.
fn raise_all(session: &mut Session, first: i64) -> BTreeMap<i64, Vec<Shown>> {
    let mut expected = BTreeMap::new();
    let mut number = first;
    for owner in 0..SESSIONS {
        for account in 0..2 {
            let event = 1 + owner;
            session.run(&format!(
                "SELECT webhooks.emit(v.name, '{{\"n\": {number}}}', account => '{owner}/{account}')
                   FROM webhooks.event v WHERE v.id = {event}"
            ));
            let rows = session.rows(&format!(
                "SELECT substring(e.url from '//[^/]*(/.*)') AS path, h.value, v.name,
                        coalesce(s.payload, w.payload) ->> 'v' AS v
                   FROM webhooks.subscription s
                   JOIN webhooks.event v ON v.id = s.event_id
                   JOIN webhooks.webhook w ON w.id = s.webhook_id
                   JOIN webhooks.endpoint e ON e.webhook_id = w.id
                   JOIN webhooks.header h ON h.webhook_id = w.id
                  WHERE v.id = {event} AND w.state = 'started' AND e.state = 'enabled'
                    AND (w.account IS NULL OR w.account = '{owner}/{account}')"
            ));
            let text = |row: &postgres::SimpleQueryRow, column| {
                row.get(column).expect("it is not NULL").to_owned()
            };
            let mut all: Vec<Shown> = rows
                .iter()
                .map(|row| {
                    let number = text(row, 3).parse().expect("a number");
                    (text(row, 0), text(row, 1), text(row, 2), number)
                })
                .collect();
            all.sort();
            expected.insert(number, all);
            number += 1;
        }
    }
    expected
}

#[test]
fn what_arrives_is_as_the_tables_say_however_they_were_changed() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    let mut session = database.connect();
    let base = base(&receiver);
    for owner in 0..SESSIONS {
        session.run(&format!("SELECT webhooks.create_event('event-{owner}')"));
        for webhook in 1 + owner * WEBHOOKS_EACH..=(owner + 1) * WEBHOOKS_EACH {
            let account = match webhook % WEBHOOKS_EACH {
                0 => "NULL".to_owned(),
                other => format!("'{owner}/{}'", other % 2),
            };
            session.run(&format!(
                "SELECT webhooks.create_webhook('webhook-{webhook}', '{base}/{webhook}/0', account => {account},
                                                headers => '{{\"x-version\": \"0\"}}', payload => {});
                 SELECT webhooks.subscribe('webhook-{webhook}', '{{event-{owner}}}')",
                payload(0)
            ));
        }
    }
    let worker = database.worker();
    let (mut seen, mut arrived_somewhere) = (0, 0);
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            for owner in 0..SESSIONS {
                let (database, base) = (&database, &base);
                scope.spawn(move || change_at_random(database, owner, round, base));
            }
        });
        // Where a row is has nothing to do with what it says.
        session.run(
            "VACUUM FULL webhooks.webhook, webhooks.endpoint, webhooks.secret, webhooks.header, webhooks.event,
                         webhooks.subscription, webhooks.configuration_change",
        );
        let expected = raise_all(&mut session, 1000 * round);
        let count: usize = expected.values().map(Vec::len).sum();
        wait_until("all is read and has arrived", || {
            receiver.count() >= seen + count
                && session.holds("SELECT backlog = 0 AND in_flight = 0 FROM webhooks.status()")
        });

        let mut arrived: BTreeMap<i64, Vec<Shown>> = expected
            .keys()
            .map(|&number| (number, Vec::new()))
            .collect();
        let requests = receiver.requests();
        for request in &requests[seen..] {
            let number = request.json()["n"].as_i64().expect("a number");
            arrived
                .get_mut(&number)
                .expect("one of this round")
                .push(shown(request));
            let webhook = request.path();
            let webhook = webhook.split('/').nth(1).expect("a webhook's id");
            let secret = session.text(&format!(
                "SELECT secret FROM webhooks.secret WHERE webhook_id = {webhook} AND ends_at IS NULL"
            ));
            let library = standardwebhooks::Webhook::new(&secret).expect("a secret");
            library
                .verify(&request.body, &request.headers())
                .expect("signed with the secret of now");
        }
        arrived.values_mut().for_each(|all| all.sort());
        assert_eq!(arrived, expected, "round {round}");
        seen = requests.len();
        arrived_somewhere += arrived.values().filter(|all| !all.is_empty()).count();
    }
    assert!(arrived_somewhere > 0, "something was to arrive");
    assert_eq!(database.worker(), worker, "one and the same worker");
    wait_until("no note is left", || {
        session.number("SELECT count(*) FROM webhooks.configuration_change") == 0
    });
}

/// Webhooks `a` and `b`, which call paths of the receiver and are told of the event `news`.
fn two(receiver: &Receiver) -> Database {
    let database = Server::shared().database();
    let mut session = database.connect();
    session.run("SELECT webhooks.create_event('news')");
    for name in ["a", "b"] {
        session.run(&format!(
            "SELECT webhooks.create_webhook('{name}', '{}/{name}', headers => '{{\"x-version\": \"old\"}}');
             SELECT webhooks.subscribe('{name}', '{{news}}')",
            base(receiver)
        ));
    }
    database
}

/// Raises `news`, and gives the path and a header of each call that comes of it.
fn calls(session: &mut Session, receiver: &Receiver) -> Vec<(String, String)> {
    let before = receiver.count();
    session.run("SELECT webhooks.emit('news')");
    let mut calls: Vec<_> = receiver.wait_for(before + 2)[before..]
        .iter()
        .map(|request| (request.path(), request.header("x-version")))
        .collect();
    calls.sort();
    calls
}

fn expected(a: &str, b: &str) -> Vec<(String, String)> {
    [("/a", a), ("/b", b)]
        .map(|(path, version)| (path.to_owned(), version.to_owned()))
        .to_vec()
}

const ALTER: &str = "SELECT webhooks.alter_webhook('NAME', headers => '{\"x-version\": \"new\"}')";

#[test]
fn a_change_counts_from_its_commit_whatever_began_first() {
    let receiver = Receiver::start();
    let database = two(&receiver);
    let mut session = database.connect();
    let (mut first, mut second) = (database.connect(), database.connect());
    assert_eq!(calls(&mut session, &receiver), expected("old", "old"));

    first.run(&format!("BEGIN; {}", ALTER.replace("NAME", "a")));
    second.run(&format!(
        "BEGIN; SAVEPOINT part; {}; RELEASE part",
        ALTER.replace("NAME", "b")
    ));
    assert_eq!(calls(&mut session, &receiver), expected("old", "old"));
    second.run("COMMIT");
    assert_eq!(calls(&mut session, &receiver), expected("old", "new"));
    first.run("COMMIT");
    assert_eq!(calls(&mut session, &receiver), expected("new", "new"));
}

#[test]
fn what_is_prepared_counts_when_it_is_committed() {
    let receiver = Receiver::start();
    let server = Server::preloaded()
        .set("max_prepared_transactions", "2")
        .start();
    let database = server.database();
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('news');
         SELECT webhooks.create_webhook('a', '{}', headers => '{{\"x-version\": \"old\"}}');
         SELECT webhooks.subscribe('a', '{{news}}')",
        receiver.url()
    ));
    session.run(&format!(
        "BEGIN; {}; PREPARE TRANSACTION 'change'",
        ALTER.replace("NAME", "a")
    ));
    session.run("SELECT webhooks.emit('news')");
    receiver.wait_for(1);
    session.run("COMMIT PREPARED 'change'");
    session.run("SELECT webhooks.emit('news')");
    let requests = receiver.wait_for(2);
    let versions: Vec<String> = requests.iter().map(|r| r.header("x-version")).collect();
    assert_eq!(versions, ["old", "new"]);
}

#[test]
fn what_is_changed_while_the_log_cannot_be_read_counts_afterwards() {
    let receiver = Receiver::start();
    let database = two(&receiver);
    let (mut session, mut locker) = (database.connect(), database.connect());
    assert_eq!(calls(&mut session, &receiver), expected("old", "old"));
    let worker = database.worker();
    locker.run("BEGIN; LOCK TABLE webhooks.message IN ACCESS EXCLUSIVE MODE");
    session.run(&ALTER.replace("NAME", "a"));
    // In the first try the change may be seen and not announced yet, and then it is looked at again anyway.
    let mut tries = HashSet::new();
    wait_until("the worker has tried several times", || {
        tries.extend(session.value(&format!(
            "SELECT waitstart FROM pg_locks WHERE pid = {worker} AND NOT granted"
        )));
        tries.len() > 3
    });
    locker.run("COMMIT");
    assert_eq!(calls(&mut session, &receiver), expected("new", "old"));
}

#[test]
fn after_a_truncate_everything_is_read_again() {
    let receiver = Receiver::start();
    let database = two(&receiver);
    let mut session = database.connect();
    assert_eq!(calls(&mut session, &receiver), expected("old", "old"));

    session.run("TRUNCATE webhooks.subscription");
    session.run("SELECT webhooks.subscribe('b', '{news}'); SELECT webhooks.emit('news')");
    let requests = receiver.wait_for(3);
    assert_eq!(requests[2].path(), "/b");
    session.run("SELECT webhooks.subscribe('a', '{news}')");
    assert_eq!(calls(&mut session, &receiver), expected("old", "old"));
    assert_eq!(receiver.count(), 5);
}

#[test]
fn a_change_of_one_webhook_reads_no_other() {
    let server = Server::preloaded().start();
    let receiver = Receiver::start();
    let database = server.database();
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.create_event('news');
         SELECT webhooks.create_webhook('a', '{0}', headers => '{{\"x-version\": \"old\"}}');
         SELECT webhooks.create_webhook('broken', '{0}');
         SELECT webhooks.subscribe(name, '{{news}}') FROM webhooks.webhook;
         CREATE TABLE orders (id bigint PRIMARY KEY);
         SELECT webhooks.add_event('a', 'table.recordInsert', 'orders')",
        receiver.url()
    ));
    // Whoever reads it says so in the log.
    let left_out = || {
        server
            .log()
            .matches("webhook \"broken\" is left out")
            .count()
    };
    session.run("UPDATE webhooks.webhook SET payload = '\"nothing\"' WHERE name = 'broken'");
    wait_until("it was read", || left_out() == 1);

    for (number, change) in [
        ALTER.replace("NAME", "a"),
        "SELECT webhooks.rotate_secret('a')".to_owned(),
        "SELECT webhooks.alter_event('news', description => 'some')".to_owned(),
        "ANALYZE orders".to_owned(),
        "VACUUM FULL webhooks.webhook".to_owned(),
        "SELECT webhooks.create_webhook('another', 'https://example.com')".to_owned(),
        "SELECT webhooks.drop_webhook('another')".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        session.run(change);
        session.run("SELECT webhooks.emit('news')");
        receiver.wait_for(number + 1);
    }
    assert_eq!(left_out(), 1);

    session.run("UPDATE webhooks.webhook SET description = 'still' WHERE name = 'broken'");
    wait_until("it was read again", || left_out() == 2);
}
