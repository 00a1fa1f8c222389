//! Runs a file of `examples/` and makes the changes that its data file lists.
//!
//! `tests/e2e/examples/<product>.json` has the metadata of its sessions, and steps: a change as SQL, and for each event that it
//! raises the body that a receiver is to get, in the [shape](super::shape) of the product's documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use webhooks_e2e::{wait_until, Answer, Database, Receiver, Request, Server, Session};

use super::shape::differences;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The name of an event; for one that `add_event` named, its type and table.
const EVENT_NAME: &str = "CASE WHEN e.named THEN e.name ELSE e.type || ' ' || e.on_table END";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    /// `webhooks.metadata` of the changes.
    #[serde(default)]
    metadata: Value,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// What this one shows, where its events do not say it.
    #[serde(default)]
    about: String,
    /// Lines of SQL.
    change: Vec<String>,
    /// Another for this change.
    metadata: Option<Value>,
    /// Whether the receiver wants none of it, so that its deliveries fail for good. What the worker raises then is waited for.
    #[serde(default)]
    refused: bool,
    /// The body of each event that is raised, by the event's name.
    bodies: BTreeMap<String, Value>,
}

/// An example in a database of its own, and the receiver that its webhooks call.
pub struct Example {
    database: Database,
    pub session: Session,
    pub receiver: Receiver,
    /// What an example that has a second URL calls there: the same, or what is told of its other webhook.
    pub copy: Receiver,
    product: &'static str,
}

/// The text of an example.
pub fn file(product: &str) -> String {
    let path = Path::new(HERE).join(format!("../../examples/{product}.sql"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The statements that an example ends with as a comment: what to try next. They stand behind an empty line of the comment.
fn suggestions(product: &str) -> String {
    let text = file(product);
    let (_, comment) = text.split_once("\n-- Now try").expect("something to try");
    let (_, statements) = comment.split_once("\n--\n").expect("statements");
    let lines = statements.lines().map(|line| {
        line.strip_prefix("-- ")
            .unwrap_or_else(|| panic!("no comment: {line}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Example {
    /// Runs the file with the receivers' URLs, and with these variables of psql.
    pub fn set_up(product: &'static str, variables: &[(&str, &str)]) -> Self {
        let database = Server::shared().database();
        let receiver = Receiver::start();
        let copy = Receiver::start();
        let mut options = vec![
            format!("--set=url={}", receiver.url()),
            format!("--set=url_2={}", copy.url()),
        ];
        options.extend(
            variables
                .iter()
                .map(|(name, value)| format!("--set={name}={value}")),
        );
        database
            .psql(&options, &file(product))
            .unwrap_or_else(|error| panic!("examples/{product}.sql: {error}"));
        let session = database.connect();
        let mut example = Self {
            database,
            session,
            receiver,
            copy,
            product,
        };
        for called in [&example.receiver, &example.copy] {
            for secret in example.session.column(&format!(
                "SELECT webhooks.reveal_secret(w.name) FROM webhooks.webhook w JOIN webhooks.endpoint e ON e.webhook_id = w.id
                 WHERE w.signature = 'standard' AND e.url = '{}'",
                called.url()
            )) {
                called.expect_secret(&secret.expect("a secret"));
            }
        }
        example
    }

    fn data(&self) -> PathBuf {
        Path::new(HERE).join(format!("examples/{}.json", self.product))
    }

    /// Runs what the file suggests to try, and returns what it prints.
    #[track_caller]
    pub fn try_suggestions(&self) -> String {
        let sql = suggestions(self.product);
        let printed = self.database.psql(&[], &sql);
        printed.unwrap_or_else(|error| panic!("examples/{}.sql, to try: {error}", self.product))
    }

    /// Makes every change and compares what arrives; fails with all that is wrong. Afterwards every event has been raised.
    #[track_caller]
    pub fn make_all_changes(&mut self) {
        let text = fs::read_to_string(self.data()).expect("the steps");
        let Steps { metadata, steps } = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", self.data().display()));
        let mut wrong = Vec::new();
        for step in &steps {
            self.make(
                step,
                step.metadata.as_ref().unwrap_or(&metadata),
                &mut wrong,
            );
        }
        assert!(
            wrong.is_empty(),
            "examples/{}.sql:\n{}",
            self.product,
            wrong.join("\n")
        );
        let shown: BTreeSet<&String> = steps.iter().flat_map(|step| step.bodies.keys()).collect();
        let made = self.events();
        assert_eq!(
            shown,
            made.iter().collect(),
            "the data file has a step for each event"
        );
    }

    /// The events that somebody is subscribed to.
    pub fn events(&mut self) -> BTreeSet<String> {
        let names = self.session.column(&format!(
            "SELECT DISTINCT {EVENT_NAME} FROM webhooks.event e JOIN webhooks.subscription s ON s.event_id = e.id"
        ));
        names.into_iter().flatten().collect()
    }

    /// Makes one change, and adds to `wrong` what does not arrive as it should.
    #[track_caller]
    fn make(&mut self, step: &Step, metadata: &Value, wrong: &mut Vec<String>) {
        let change = step.change.join("\n");
        let before = self
            .session
            .number("SELECT coalesce(max(seq), 0) FROM webhooks.message");
        let metadata = match metadata {
            Value::Null => String::new(),
            other => other.to_string().replace('\'', "''"),
        };
        if step.refused {
            let answer = Answer::Header(400, "webhook-delivery", "abort-message".into());
            self.receiver.always(answer);
        }
        self.session.run(&format!(
            "BEGIN; SET LOCAL webhooks.metadata = '{metadata}'; {change}; COMMIT"
        ));

        if step.refused {
            let raised = format!("SELECT count(*) FROM webhooks.message WHERE seq > {before}");
            wait_until("the worker raises that it failed", || {
                self.session.number(&raised) >= step.bodies.len() as i64
            });
            self.receiver.always(Answer::Status(200));
        }

        // What was told is known at once, so that nothing has to be waited for where nothing should come.
        let mut raised: BTreeMap<String, String> = BTreeMap::new();
        for row in self.session.rows(&format!(
            "SELECT {EVENT_NAME}, webhooks.message_id(m.at, m.seq)
             FROM webhooks.message m JOIN webhooks.event e ON e.id = m.event_id WHERE m.seq > {before} ORDER BY m.seq"
        )) {
            let [name, id] = [0, 1].map(|n| row.get(n).expect("no NULL").to_owned());
            if raised.insert(name.clone(), id).is_some() {
                wrong.push(format!("{name} is raised twice by: {change}"));
            }
        }
        let unexpected = raised
            .keys()
            .filter(|name| !step.bodies.contains_key(*name));
        wrong.extend(unexpected.map(|name| match &*step.about {
            "" => format!("{name} is raised by: {change}"),
            about => format!("{name} is raised, {about}, by: {change}"),
        }));
        for (name, shape) in &step.bodies {
            let Some(id) = raised.get(name) else {
                wrong.push(format!("{name} is not raised by: {change}"));
                continue;
            };
            let body = self.arrived(name, id).json();
            let different = differences(shape, &body);
            if !different.is_empty() {
                wrong.push(format!("{name}: {}\n  in {body}", different.join(", ")));
            }
        }
    }

    /// The call that brings a message of this event.
    #[track_caller]
    fn arrived(&self, event: &str, id: &str) -> Arc<Request> {
        // Events about a webhook are told at another URL than its own.
        let receiver = match event.starts_with("webhook") {
            true => &self.copy,
            false => &self.receiver,
        };
        // Every call has this header, whatever its signature.
        let calls = || {
            receiver
                .requests()
                .into_iter()
                .filter(|call| call.header("idempotency-key") == id)
        };
        wait_until(&format!("{id} arrives"), || calls().next().is_some());
        let calls: Vec<_> = calls().collect();
        assert_eq!(calls.len(), 1, "{id} arrives once");
        calls[0].clone()
    }
}
