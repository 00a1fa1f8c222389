//! A real mail server, in Python.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::flights::python;
use crate::receiver::certificate;
use crate::scratch::ScratchDir;
use crate::wait_until;

/// The server of `python/smtp.py`.
pub struct MailServer {
    process: Child,
    port: u16,
    pipes: Mutex<(Option<ChildStdin>, BufReader<ChildStdout>)>,
    /// What its certificate is signed with, in PEM.
    authority: String,
    _dir: ScratchDir,
}

impl MailServer {
    /// One that takes all mail from everybody.
    pub fn plain() -> Self {
        Self::start("plain")
    }

    /// One that takes mail only after STARTTLS and a login, see `python/smtp.py`.
    pub fn starttls() -> Self {
        Self::start("starttls")
    }

    /// One that is spoken to with TLS from the first byte on, and takes mail only after a login.
    pub fn smtps() -> Self {
        Self::start("smtps")
    }

    /// One that takes connections and never says a word.
    pub fn silent() -> Self {
        Self::start("silent")
    }

    fn start(kind: &str) -> Self {
        let dir = ScratchDir::new();
        let (authority, certificate, key) = certificate();
        let mut command = Command::new(python());
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/smtp.py"))
            .arg(kind);
        if kind == "starttls" || kind == "smtps" {
            for (name, pem) in [("certificate.pem", certificate), ("key.pem", key)] {
                let path = dir.path().join(name);
                fs::write(&path, pem).expect("a file");
                command.arg(path);
            }
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        let pipes = Mutex::new((process.stdin.take(), answers));
        let mut server = Self {
            process,
            port: 0,
            pipes,
            authority,
            _dir: dir,
        };
        server.port = server.answer(None).parse().expect("a port");
        server
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What its certificate is signed with, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Refuses recipients, or takes them again.
    pub fn refuse(&self, refuse: bool) {
        let command = if refuse { "refuse" } else { "accept" };
        assert_eq!(self.answer(Some(command)), "ok");
    }

    /// The mail that it has taken: `from`, `to`, `encrypted`, `headers` (names in lower case), `text`.
    pub fn mails(&self) -> Vec<Value> {
        serde_json::from_str(&self.answer(Some("mails"))).expect("JSON")
    }

    /// Waits until it has taken so many, and returns them.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} mails arrive"), || {
            self.mails().len() >= count
        });
        self.mails()
    }

    fn answer(&self, command: Option<&str>) -> String {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (commands, answers) = &mut *pipes;
        if let Some(command) = command {
            writeln!(commands.as_mut().expect("its input"), "{command}")
                .expect("it reads commands");
        }
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer");
        assert!(!line.is_empty(), "the mail server has ended");
        line.trim().to_owned()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // The end of its input ends it.
        let pipes = self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner);
        pipes.0 = None;
        let _ = self.process.wait();
    }
}
