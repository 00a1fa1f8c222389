//! Receivers' own libraries, in their own languages, which judge calls that have arrived.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::json;

use crate::flights::python;
use crate::process::run;
use crate::scratch::target;
use crate::Request;

/// This crate's directory.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A process that has libraries and says what they think of calls.
pub struct Verifier {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Verifier {
    /// The libraries of `python/verify.py`.
    pub fn python() -> Self {
        Self::start(Command::new(python()).arg(Path::new(HERE).join("python/verify.py")))
    }

    /// The libraries of `node/verify.mjs`.
    pub fn node() -> Self {
        static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
            let tools = Path::new(HERE).join("../../scripts/node-tools");
            run(Command::new(tools).env("CARGO_TARGET_DIR", target()))
                .trim()
                .into()
        });
        Self::start(Command::new("node").arg(MADE.join("verify.mjs")))
    }

    fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            questions: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("its output")),
            process,
        }
    }

    /// Whether a library, which knows this secret, takes the call for genuine.
    pub fn accepts(&mut self, library: &str, secret: &str, call: &Request) -> bool {
        self.accepts_body(library, secret, call, &call.body)
    }

    /// The same with another body in the call's place.
    pub fn accepts_body(
        &mut self,
        library: &str,
        secret: &str,
        call: &Request,
        body: &[u8],
    ) -> bool {
        let headers = call.headers();
        let headers: BTreeMap<&str, &str> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("a header is text")))
            .collect();
        let question = json!({
            "library": library,
            "secret": secret,
            "headers": headers,
            "body": BASE64_STANDARD.encode(body),
        });
        let questions = self.questions.as_mut().expect("its input");
        writeln!(questions, "{question}").expect("it reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        match answer.trim().split_once(": ") {
            Some(("refused", _)) => false,
            None if answer.trim() == "accepted" => true,
            _ => panic!("{library} says: {answer}"),
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.questions = None;
        let _ = self.process.wait();
    }
}
