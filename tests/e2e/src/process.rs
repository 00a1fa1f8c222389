//! Programs: run as the user Postgres wants, and never left behind.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{geteuid, kill_process, test_kill_process, Pid, Signal};

/// The path of a program of the Postgres that the extension is installed in.
pub fn pg_program(name: &str) -> PathBuf {
    static BIN: LazyLock<PathBuf> = LazyLock::new(|| {
        let config = std::env::var("PG_CONFIG")
            .unwrap_or_else(|_| "/usr/lib/postgresql/15/bin/pg_config".to_owned());
        run(Command::new(config).arg("--bindir")).trim().into()
    });
    BIN.join(name)
}

/// The user a server runs as: Postgres refuses root, so `postgres` stands in for it. `None`: whoever runs the tests.
pub(crate) fn server_user() -> Option<&'static str> {
    geteuid().is_root().then_some("postgres")
}

/// A command that runs as the server's user, and is ended by the kernel when this process is gone.
///
/// `setpriv` replaces itself by the program, so the child's pid is the program's.
pub fn server_user_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if let Some(user) = server_user() {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg("--").arg(program);
    // Meant for the tests: in the server it would add a backtrace to every error.
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Starts a program that goes on running.
///
/// The kernel takes the *thread* that started a child for its parent, and ends the child when that thread ends. Tests
/// come and go on threads of their own, a shared server does not: so one thread, which never ends, starts them all.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, answer) = channel();
    SPAWNER
        .lock()
        .expect("the spawner's lock")
        .send((command, reply))
        .expect("the spawner never ends");
    answer.recv().expect("the spawner answers")
}

/// Runs a program to its end and returns what it printed; a failure of it fails the test, with what it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Sends a signal to one process: a server that a test started, or a process of that server.
pub fn kill(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a pid");
    kill_process(pid, signal).unwrap_or_else(|error| panic!("kill {pid:?}: {error}"));
}

/// Whether the process still exists.
pub fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The private memory of a process in kB, if it is there.
pub fn private_memory(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Watches a process: the most private memory that it had, in kB, and whether to go on watching.
pub struct Peak(Arc<(AtomicU64, AtomicBool)>);

impl Peak {
    /// Watches from now on.
    pub fn watch(pid: i32) -> Self {
        let shared = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
        let watched = shared.clone();
        thread::spawn(move || {
            // A peak between two looks would be shorter than a hundredth of a second.
            while !watched.1.load(Ordering::SeqCst) {
                let now = private_memory(pid).unwrap_or(0);
                watched.0.fetch_max(now, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self(shared)
    }

    /// The most that there was, in MB.
    pub fn megabytes(&self) -> u64 {
        self.0 .0.load(Ordering::SeqCst) / 1024
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.0 .1.store(true, Ordering::SeqCst);
    }
}
