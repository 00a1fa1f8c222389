//! Crashes, under load: nothing that committed is lost, nothing that was rolled back is sent, and no call is repeated that
//! was known to have succeeded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use webhooks_e2e::{kill, wait_until, Answer, Database, Load, Options, Receiver, Server, Signal};

/// A server of its own, with eight sessions that write, and calls that take a moment, so that many are open.
struct Scene {
    server: Arc<Server>,
    receiver: Receiver,
    database: Database,
}

impl Scene {
    fn new(options: Options) -> Self {
        let server = options.start();
        let receiver = Receiver::start();
        receiver.script(|request| {
            let delay = request.number("id") as u64 % 20;
            Answer::After(Duration::from_millis(delay), Box::new(Answer::Status(200)))
        });
        let database = server.database();
        database.webhook("a", &receiver, "max_in_flight => 32");
        database.watched_table("orders", "a");
        Self {
            server,
            receiver,
            database,
        }
    }

    /// Starts the load and returns when it is well under way.
    fn load(&self) -> Load {
        let load = Load::start(&self.database, "orders", 8);
        load.wait_for_commits(1000);
        self.receiver.wait_for(500);
        self.receiver.wait_for_open(8);
        load
    }

    /// After the crash, and with nothing being sent: the messages whose success had been recorded, and the number of
    /// calls so far.
    fn recorded(&self) -> (HashSet<String>, usize) {
        wait_until("the calls that were open are over", || {
            self.receiver.open() == 0
        });
        let recorded = self
            .database
            .connect()
            .column("SELECT message_id FROM webhooks.attempt_log WHERE status = 200")
            .into_iter()
            .flatten()
            .collect();
        (recorded, self.receiver.count())
    }

    /// Waits until all that committed has arrived.
    fn wait_for_all(&self) {
        let mut session = self.database.connect();
        let committed: HashSet<i64> = session
            .column("SELECT id FROM orders")
            .into_iter()
            .map(|id| id.unwrap().parse().unwrap())
            .collect();
        wait_until("all that committed is recorded as delivered", || {
            session.number(
                "SELECT count(DISTINCT message_id) FROM webhooks.attempt_log WHERE status = 200",
            ) >= committed.len() as i64
        });
        let arrived: HashSet<i64> = self
            .receiver
            .successes()
            .iter()
            .map(|r| r.number("id"))
            .collect();
        assert!(
            !arrived.iter().any(|id| Load::was_rolled_back(*id)),
            "something rolled back was sent"
        );
        let lost: Vec<_> = committed.difference(&arrived).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let invented: Vec<_> = arrived.difference(&committed).collect();
        assert!(invented.is_empty(), "sent, but not committed: {invented:?}");
        assert_eq!(
            self.receiver.messages().len(),
            committed.len(),
            "a row has one message"
        );
    }

    /// How often each message was called for.
    fn calls(&self) -> HashMap<String, usize> {
        let mut calls = HashMap::new();
        for request in self.receiver.requests() {
            *calls.entry(request.message()).or_default() += 1;
        }
        calls
    }

    /// Starts the server with sending switched off, looks at what was recorded, switches it on, and checks everything.
    fn recover_and_check(&self) {
        self.server.append("webhooks.enabled", "off");
        self.server.start();
        let (recorded, before) = self.recorded();
        self.server.append("webhooks.enabled", "on");
        self.server.reload();

        // It goes on under load.
        let load = Load::start_after(&self.database, "orders", 8);
        load.wait_for_commits(500);
        load.stop();
        self.wait_for_all();

        for request in &self.receiver.requests()[before..] {
            assert!(
                !recorded.contains(&request.message()),
                "{} was recorded as delivered before the crash, and sent again",
                request.message()
            );
        }
        let calls = self.calls();
        let most = calls.values().max().unwrap();
        assert!(
            *most <= 2,
            "one crash repeats a call once, not {most} times"
        );
        assert!(!recorded.is_empty(), "some were recorded before the crash");
    }
}

#[test]
fn an_immediate_stop_under_load_loses_and_invents_nothing() {
    let scene = Scene::new(Server::preloaded());
    let load = scene.load();

    scene.server.crash();
    load.stop();

    scene.recover_and_check();
}

#[test]
fn kill_9_of_the_worker_under_load_loses_and_invents_nothing() {
    // Postgres restarts itself when one of its processes is killed. Here it waits, so that we can look in between.
    let scene = Scene::new(Server::preloaded().set("restart_after_crash", "off"));
    let load = scene.load();

    kill(scene.database.worker(), Signal::KILL);
    scene.server.wait_until_it_ended();
    load.stop();

    scene.recover_and_check();
}

#[test]
fn after_kill_9_the_worker_comes_back_by_itself() {
    let scene = Scene::new(Server::preloaded());
    let load = scene.load();
    let killed = scene.database.worker();

    kill(killed, Signal::KILL);
    // The load connects again when the server has recovered, and goes on.
    load.wait_for_commits(1000);
    load.stop();

    wait_until("there is another worker", || {
        scene.database.worker() != killed
    });
    scene.wait_for_all();
}

#[test]
fn several_crashes_in_a_row_lose_nothing() {
    let scene = Scene::new(Server::preloaded());
    let load = scene.load();
    for _ in 0..3 {
        scene.server.crash();
        scene.server.start();
        load.wait_for_commits(300);
    }
    load.stop();
    scene.wait_for_all();
}

#[test]
fn asynchronous_commits_are_sent_only_once_they_are_durable() {
    // What was sent must be there after the crash. (The other way round something may be missing: that is what was asked for.)
    let scene = Scene::new(
        Server::preloaded()
            .set("synchronous_commit", "off")
            .set("wal_writer_delay", "10s"),
    );
    let load = scene.load();

    scene.server.crash();
    load.stop();

    scene.server.start();
    scene.wait_for_all();
}

#[test]
fn a_terminated_worker_comes_back_and_repeats_nothing() {
    let scene = Scene::new(Server::preloaded());
    let load = scene.load();
    let terminated = scene.database.worker();

    scene
        .database
        .connect()
        .run(&format!("SELECT pg_terminate_backend({terminated})"));
    load.wait_for_commits(500);
    load.stop();

    wait_until("there is another worker", || {
        scene.database.worker() != terminated
    });
    scene.wait_for_all();
}
