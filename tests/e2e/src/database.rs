//! A database of a test's own, and the extension in it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use postgres::SimpleQueryMessage;

use crate::{wait_for, Receiver, Server, Session};

/// A database; dropped at the end of the test.
pub struct Database {
    server: Arc<Server>,
    name: String,
}

impl Database {
    /// `options` are those of CREATE DATABASE.
    pub(crate) fn create(server: Arc<Server>, options: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server
            .connect("postgres")
            .run(&format!("CREATE DATABASE {name} {options}"));
        Self { server, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is on.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// A new session in it, as superuser.
    #[track_caller]
    pub fn connect(&self) -> Session {
        self.server.connect(&self.name)
    }

    /// A new session in it, as some role.
    #[track_caller]
    pub fn connect_as(&self, user: &str) -> Session {
        match self.server.try_connect_as(user, &self.name) {
            Ok(session) => session,
            Err(error) => panic!("no session for {user}: {error:?}"),
        }
    }

    /// Creates a webhook that calls the receiver, which from then on checks the signatures. `options` are further
    /// arguments as one would type them, such as `max_in_flight => 2`.
    #[track_caller]
    pub fn webhook(&self, name: &str, receiver: &Receiver, options: &str) {
        let comma = if options.is_empty() { "" } else { ", " };
        let secret = self.connect().text(&format!(
            "SELECT secret FROM webhooks.create_webhook('{name}', '{}'{comma}{options})",
            receiver.url()
        ));
        receiver.expect_secret(&secret);
    }

    /// Creates a table `name (id bigint primary key, n int, note text)` and has its inserts, updates and deletes sent.
    #[track_caller]
    pub fn watched_table(&self, name: &str, webhook: &str) {
        let mut session = self.connect();
        session.run(&format!(
            "CREATE TABLE {name} (id bigint PRIMARY KEY, n int, note text)"
        ));
        for operation in ["Insert", "Update", "Delete"] {
            session.run(&format!(
                "SELECT webhooks.add_event('{webhook}', 'table.record{operation}', '{name}')"
            ));
        }
    }

    /// The pid of its worker, waiting until there is one. For a moment there can be two, of which one will leave.
    #[track_caller]
    pub fn worker(&self) -> i32 {
        let mut session = self.connect();
        wait_for("the database has one worker", || {
            session.value(
                "SELECT worker_pid FROM webhooks.status()
                 WHERE 1 = (SELECT count(*) FROM pg_stat_activity
                            WHERE datname = current_database() AND backend_type = 'webhooks worker')",
            )
        })
        .parse()
        .expect("a pid")
    }

    /// How many of the webhook's deliveries ended well, by its statistics.
    #[track_caller]
    pub fn delivered(&self, webhook: &str) -> i64 {
        self.connect().number(&format!(
            "SELECT coalesce(sum(delivered), 0) FROM webhooks.webhook_stats WHERE webhook = '{webhook}'"
        ))
    }

    /// Whether something that is to be recorded has to wait for a lock that somebody holds on its endpoint.
    #[track_caller]
    pub fn is_locked_out(&self) -> bool {
        self.connect()
            .holds("SELECT locked_out_since IS NOT NULL FROM webhooks.worker_state()")
    }

    /// What the extension says about itself, to be shown when a test fails.
    fn state(&self) -> String {
        let Ok(mut session) = self.server.try_connect(&self.name) else {
            return "it takes no connections".to_owned();
        };
        let mut lines = Vec::new();
        for query in [
            "SELECT concat('status: ', s) FROM webhooks.status() s",
            "SELECT concat('webhook_stats: ', s) FROM webhooks.webhook_stats s",
            "SELECT concat('attempt: ', min(at), ' to ', max(at), ', ', count(*)) FROM webhooks.attempt",
            "SELECT concat('message: ', min(at), ' to ', max(at), ', ', count(*)) FROM webhooks.message",
            "SELECT concat('delivery: ', state, ' ', count(*)) FROM webhooks.delivery GROUP BY state",
        ] {
            match session.simple_query(query) {
                Ok(messages) => lines.extend(messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                })),
                Err(error) => lines.push(error.to_string()),
            }
        }
        lines.join("\n")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- database {} ---\n{}", self.name, self.state());
            self.server.keep_log(&self.name);
        }
        // The test may have ended the server, or dropped the database itself.
        if let Ok(mut session) = self.server.try_connect("postgres") {
            let _ = session.batch_execute("SET statement_timeout = '20s'");
            let _ = session.batch_execute(&format!(
                "DROP DATABASE IF EXISTS {} WITH (FORCE)",
                self.name
            ));
        }
    }
}
