//! What the answer to a call means for its messages and for the endpoint.

use std::time::Duration;

use webhooks_e2e::{
    assert_ramp, wait_until, Answer, AttemptLog, Database, Receiver, Server, Session,
};

const OFTEN: &str = "retry_schedule => array_fill(interval '50ms', ARRAY[20])";

fn watched(receiver: &Receiver, options: &str) -> Database {
    let database = Server::shared().database();
    database.webhook("a", receiver, options);
    database.watched_table("orders", "a");
    database
}

fn endpoint_state(session: &mut Session) -> String {
    session.text("SELECT state FROM webhooks.endpoint")
}

fn pending(session: &mut Session) -> i64 {
    session.number("SELECT sum(pending) FROM webhooks.webhook_stats")
}

#[test]
fn retry_after_holds_the_endpoint_and_spends_no_attempt_of_what_waits() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "max_in_flight => 1");
    let first = std::sync::Mutex::new(true);
    receiver.script(move |_| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            Answer::Header(429, "Retry-After", "2".into())
        } else {
            Answer::Status(200)
        }
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 5) g");

    let requests = receiver.wait_for(6);
    let waited = requests[1].arrived - requests[0].answer().unwrap().0;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    assert_eq!(receiver.messages().len(), 5);
    let attempts: u32 = requests.iter().map(|request| request.attempt()).sum();
    assert_eq!(
        attempts, 7,
        "only the one that was answered with 429 was tried twice"
    );
}

#[test]
fn an_endpoint_that_is_gone_gets_no_more_calls() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "max_in_flight => 1");
    receiver.always(Answer::Status(410));
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 50) g");

    wait_until("what waited has failed", || {
        session.number(
            "SELECT count(*) FROM webhooks.failed_delivery WHERE last_error = 'status: 410, the endpoint is gone'",
        ) == 50
    });
    assert_eq!(receiver.count(), 1);
    assert_eq!(endpoint_state(&mut session), "gone");
    assert_eq!(
        session.text("SELECT state FROM webhooks.webhook_stats"),
        "stopped"
    );
    assert_eq!(
        session.number("SELECT failed FROM webhooks.webhook_stats"),
        50
    );

    let (_, error) = session.refused("SELECT webhooks.start_webhook('a')");
    assert!(
        error.contains("has no endpoint that may be called"),
        "{error}"
    );
    receiver.always(Answer::Status(200));
    session.run("INSERT INTO orders VALUES (100)");
    session.run(&format!(
        "SELECT webhooks.enable_endpoint('a', '{}')",
        receiver.url()
    ));
    session.run("SELECT webhooks.start_webhook('a')");
    session.run("INSERT INTO orders VALUES (101)");
    wait_until("it is called again", || receiver.count() == 2);
    assert_eq!(
        receiver.ids()[1],
        101,
        "what happened meanwhile was for nobody"
    );
    wait_until("nothing is pending", || pending(&mut session) == 0);
}

#[test]
fn one_endpoint_of_two_may_go() {
    let (gone, stays) = (Receiver::start(), Receiver::start());
    let database = watched(&gone, "");
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.add_endpoint('a', '{}')",
        stays.url()
    ));
    gone.always(Answer::Status(410));
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 50) g");
    stays.wait_for(50);
    wait_until("the other is gone", || {
        session.number("SELECT count(*) FROM webhooks.endpoint WHERE state = 'gone'") == 1
    });
    assert_eq!(
        session.text("SELECT state FROM webhooks.webhook_stats"),
        "started"
    );
    let calls = gone.count();
    session.run("INSERT INTO orders SELECT g FROM generate_series(51, 100) g");
    stays.wait_for(100);
    assert_eq!(gone.count(), calls);
    wait_until("nothing is pending", || pending(&mut session) == 0);
}

#[test]
fn a_receiver_can_ask_for_no_more_calls() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "max_in_flight => 1");
    receiver.always(Answer::Header(200, "webhook-delivery", "disable".into()));
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 5) g");
    wait_until("it is disabled", || {
        endpoint_state(&mut session) == "disabled"
    });
    assert_eq!(receiver.count(), 1);
    wait_until("the others wait", || pending(&mut session) == 4);

    receiver.always(Answer::Status(200));
    session.run(&format!(
        "SELECT webhooks.enable_endpoint('a', '{}')",
        receiver.url()
    ));
    receiver.wait_for(5);
    assert_eq!(receiver.ids(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_receiver_can_give_a_message_up() {
    let receiver = Receiver::start();
    let database = watched(&receiver, OFTEN);
    receiver.script(|request| match request.number("id") {
        1 => Answer::Header(422, "webhook-delivery", "abort-message".into()),
        _ => Answer::Status(200),
    });
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1), (2)");
    wait_until("it is given up", || {
        session.number("SELECT count(*) FROM webhooks.failed_delivery") == 1
    });
    assert_eq!(
        session.text("SELECT concat_ws('|', attempts, last_status, last_error) FROM webhooks.failed_delivery"),
        "1|422|status: 422, and the receiver wants no further attempt"
    );
    receiver.wait_for(2);
}

#[test]
fn an_endpoint_that_nothing_reaches_is_disabled_when_a_delivery_is_exhausted() {
    let receiver = Receiver::start();
    let database = watched(&receiver, "retry_schedule => '{100ms,100ms}'");
    receiver.always(Answer::Status(500));
    let mut session = database.connect();
    session.run("INSERT INTO orders VALUES (1)");
    wait_until("it is disabled", || {
        endpoint_state(&mut session) == "disabled"
    });
    assert_eq!(receiver.count(), 3);
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.failed_delivery"),
        1
    );

    session.run("INSERT INTO orders VALUES (2)");
    wait_until("the next one waits", || pending(&mut session) == 1);
    receiver.always(Answer::Status(200));
    session.run(&format!(
        "SELECT webhooks.enable_endpoint('a', '{}')",
        receiver.url()
    ));
    receiver.wait_for(4);
    assert_eq!(receiver.ids()[3], 2);
}

#[test]
fn the_first_error_is_the_last_where_there_is_no_schedule() {
    for (options, state) in [
        ("retry_schedule => '{}'", "disabled"),
        (
            "retry_schedule => '{}', when_exhausted => 'keep'",
            "enabled",
        ),
    ] {
        let receiver = Receiver::start();
        let database = watched(&receiver, options);
        receiver.always(Answer::Status(500));
        let mut session = database.connect();
        session.run("INSERT INTO orders VALUES (1)");
        wait_until("it has failed", || {
            session.number("SELECT count(*) FROM webhooks.failed_delivery") == 1
        });
        assert_eq!(endpoint_state(&mut session), state, "{options}");
        assert_eq!(receiver.count(), 1);
    }
}

#[test]
fn an_endpoint_is_kept_where_the_webhook_says_so_or_something_reaches_it() {
    for options in [
        "retry_schedule => '{50ms}', when_exhausted => 'keep'",
        "retry_schedule => '{50ms}'",
    ] {
        let receiver = Receiver::start();
        let database = watched(&receiver, options);
        let others_fail = options.contains("keep");
        receiver.script(move |request| match request.number("id") {
            1 => Answer::Status(500),
            _ if others_fail => Answer::Status(500),
            _ => Answer::Status(200),
        });
        let mut session = database.connect();
        session.run("INSERT INTO orders VALUES (1)");
        receiver.wait_for(1);
        session.run("INSERT INTO orders VALUES (2)");
        wait_until("it has failed", || {
            session.number("SELECT count(*) FROM webhooks.failed_delivery WHERE message_id = (SELECT min(message_id) FROM webhooks.attempt_log)") == 1
        });
        receiver.always(Answer::Status(200));
        session.run("INSERT INTO orders VALUES (3)");
        wait_until("the endpoint is called", || receiver.ids().contains(&3));
        assert_eq!(endpoint_state(&mut session), "enabled", "{options}");
    }
}

#[test]
fn behind_a_failed_endpoint_nothing_spends_attempts_and_then_calls_ramp_up() {
    let receiver = Receiver::start();
    let database = watched(
        &receiver,
        "max_in_flight => 16, ordering => 'none', retry_schedule => array_fill(interval '300ms', ARRAY[100])",
    );
    receiver.always(Answer::Status(500));
    let mut session = database.connect();
    session.run("INSERT INTO orders SELECT g FROM generate_series(1, 300) g");
    let log = AttemptLog::of_errors(&mut session, 16 + 4 + 4);
    // Calls that were begun before five had failed are the first round; each probe comes alone, after the wait.
    let wait = Duration::from_millis(300);
    let (first_round, probes) = log.first_round_and_probes(wait);
    assert!(first_round.len() <= 16 + 4, "{first_round:?}");
    for pair in probes.windows(2) {
        assert!(pair[1].begun >= pair[0].ended + wait, "{pair:?}");
    }
    let slow = |_: &_| Answer::After(Duration::from_millis(40), Box::new(Answer::Status(200)));
    receiver.script(slow);
    wait_until("all have arrived", || receiver.messages().len() == 300);

    let successes = receiver.successes();
    assert!(assert_ramp(&successes) > 8, "in the end many");
    assert_eq!(
        session.number("SELECT count(*) FROM webhooks.failed_delivery"),
        0
    );
    let tried = successes
        .iter()
        .filter(|request| request.attempt() > 1)
        .count();
    assert!(tried <= 20 + 10, "what waited was not tried: {tried}");
}
