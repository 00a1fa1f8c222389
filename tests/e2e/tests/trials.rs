//! Test calls from a session.

use std::thread;
use std::time::Duration;

use webhooks_e2e::{wait_until, within, Answer, Receiver, Server};

const PROMPTLY: Duration = Duration::from_secs(5);
/// SQLSTATE of a statement that was cancelled.
const CANCELLED: &str = "57014";

#[test]
fn each_endpoint_is_called_now_and_tells_how_it_is() {
    let (good, bad) = (Receiver::start(), Receiver::start());
    let database = Server::shared().database();
    database.webhook("a", &good, "");
    let mut session = database.connect();
    session.run(&format!(
        "SELECT webhooks.add_endpoint('a', '{}')",
        bad.url()
    ));
    good.always(Answer::Body(200, b"welcome".to_vec()));
    bad.always(Answer::Body(503, b"closed".to_vec()));
    for state in ["start", "pause", "stop"] {
        session.run(&format!("SELECT webhooks.{state}_webhook('a')"));
        let rows = session.rows(
            "SELECT url, status, error, response, duration > '0' FROM webhooks.test_webhook('a')",
        );
        let row = |n: usize| -> Vec<Option<&str>> { (0..5).map(|i| rows[n].get(i)).collect() };
        let (good, bad) = (good.url(), bad.url());
        assert_eq!(
            row(0),
            [Some(&*good), Some("200"), None, Some("welcome"), Some("t")]
        );
        let expected = [
            Some(&*bad),
            Some("503"),
            Some("status: 503"),
            Some("closed"),
            Some("t"),
        ];
        assert_eq!(row(1), expected);
    }
    // The receiver has checked the signatures.
    let body = good.requests()[0].json();
    assert_eq!(body["eventType"], "webhook.test");
    assert_eq!(body["data"][0]["webhook"], "a");
    assert_eq!(good.count(), 3, "nothing is tried again");
    assert_eq!(session.number("SELECT count(*) FROM webhooks.attempt"), 0);
}

#[test]
fn a_statement_that_is_cancelled_returns_at_once_and_the_session_goes_on() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "timeout => '1 hour'");
    receiver.always(Answer::Hang);
    let mut session = database.connect();
    let test = "SELECT * FROM webhooks.test_webhook('a')";

    session.run("SET statement_timeout = '200ms'");
    let (state, _) = within(PROMPTLY, "a timed out statement", || session.refused(test));
    assert_eq!(state, CANCELLED);
    wait_until("the call is broken off", || receiver.open() == 0);

    session.run("SET statement_timeout = 0");
    let canceller = thread::spawn({
        let pid = session.text("SELECT pg_backend_pid()");
        let mut other = database.connect();
        move || {
            wait_until("the call is made", || {
                other.holds(&format!(
                    "SELECT wait_event IS NOT DISTINCT FROM 'Extension' FROM pg_stat_activity WHERE pid = {pid}"
                ))
            });
            // A request to cancel, as clients send it, signals twice; the second may meet the next statement.
            other.run(&format!("SELECT pg_cancel_backend({pid})"));
        }
    });
    let (state, _) = session.refused(test);
    assert_eq!(state, CANCELLED);
    canceller.join().unwrap();

    receiver.release();
    receiver.always(Answer::Status(200));
    assert_eq!(
        session.number("SELECT status FROM webhooks.test_webhook('a')"),
        200
    );
}

#[test]
fn a_session_that_is_ended_while_a_call_is_open_leaves_the_server_alone() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    database.webhook("a", &receiver, "timeout => '1 hour'");
    receiver.always(Answer::Hang);
    let worker = database.worker();
    let mut session = database.connect();
    let pid = session.text("SELECT pg_backend_pid()");
    let statement =
        thread::spawn(move || session.batch_execute("SELECT * FROM webhooks.test_webhook('a')"));
    receiver.wait_for_open(1);

    let mut other = database.connect();
    other.run(&format!("SELECT pg_terminate_backend({pid})"));
    within(PROMPTLY, "a terminated session", || {
        wait_until("it is gone", || {
            other.number(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
            )) == 0
        });
    });
    assert!(statement.join().unwrap().is_err());
    // A crash would have restarted the server: the worker and this session are the ones they were.
    assert_eq!(database.worker(), worker);
    assert!(other.holds("SELECT true"));
}

#[test]
fn nothing_is_created_unless_a_test_call_succeeds() {
    let receiver = Receiver::start();
    let database = Server::shared().database();
    let mut session = database.connect();
    receiver.always(Answer::Status(404));
    let create = format!(
        "SELECT webhooks.create_webhook('a', '{}', verify => true)",
        receiver.url()
    );
    let (state, message) = session.refused(&create);
    assert_eq!(state, "38000");
    assert!(
        message.contains(&receiver.url()) && message.contains("status: 404"),
        "{message}"
    );
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 0);

    receiver.always(Answer::Status(204));
    session.run(&create);
    assert_eq!(session.number("SELECT count(*) FROM webhooks.webhook"), 1);
    assert_eq!(receiver.count(), 2);
    receiver.expect_secret(&session.text("SELECT webhooks.reveal_secret('a')"));
}
