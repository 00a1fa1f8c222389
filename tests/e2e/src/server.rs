//! A real Postgres server on a cluster of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use postgres::{Client, NoTls};
use rustix::process::Signal;

use crate::process::{kill, pg_program, run, server_user_command, spawn};
use crate::scratch::{kept_logs, ScratchDir};
use crate::{wait_for, Database, Session};

/// How a server is to be set up. Everything else, durability above all, is as Postgres comes.
#[derive(Clone)]
pub struct Options {
    settings: Vec<(String, String)>,
}

impl Options {
    /// Adds a line to `postgresql.conf`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the cluster and starts the server.
    pub fn start(self) -> Arc<Server> {
        let dir = ScratchDir::new();
        let data = dir.path().join("data");
        run(server_user_command(pg_program("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=postgres", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8"]));
        Server::on(dir, self)
    }
}

/// A server, reached only through a socket in its own directory. Ended, and its directory removed, when dropped.
pub struct Server {
    dir: ScratchDir,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Options for a server that has the extension's library preloaded, and whose loopback addresses may be called.
    pub fn preloaded() -> Options {
        Self::plain().set("shared_preload_libraries", "webhooks")
    }

    /// Options for a server whose configuration does not mention the library, but for the networks it may call.
    pub fn plain() -> Options {
        Self::strict().set("webhooks.allowed_networks", "127.0.0.0/8,::1/128")
    }

    /// Options for a server that may call no private address, as the extension comes. Not preloaded.
    pub fn strict() -> Options {
        Options {
            settings: Vec::new(),
        }
        .set("max_prepared_transactions", "10")
        .set("max_worker_processes", "40")
        .set("log_line_prefix", "%m [%p] %b %d ")
    }

    /// The server that tests share which neither configure nor end it: preloaded. It ends with the process.
    pub fn shared() -> Arc<Server> {
        static SHARED: OnceLock<Arc<Server>> = OnceLock::new();
        extern "C" fn end() {
            if let Some(server) = SHARED.get() {
                server.end();
                server.dir.remove();
            }
        }
        SHARED
            .get_or_init(|| {
                // A static is never dropped. SAFETY: `end` touches only what lives as long as the process.
                unsafe { libc::atexit(end) };
                Self::preloaded().start()
            })
            .clone()
    }

    /// Starts a server on a directory that holds a cluster.
    fn on(dir: ScratchDir, options: Options) -> Arc<Self> {
        let server = Arc::new(Self {
            dir,
            process: Mutex::new(None),
        });
        let socket = server.dir.path().display().to_string();
        server.append("listen_addresses", "");
        server.append("unix_socket_directories", &socket);
        for (name, value) in &options.settings {
            server.append(name, value);
        }
        server.start();
        server
    }

    /// Adds a line to the configuration. The last one for a name counts, from the next start or [`reload`](Self::reload).
    pub fn append(&self, name: &str, value: &str) {
        let path = self.data().join("postgresql.conf");
        let mut file = File::options()
            .append(true)
            .open(&path)
            .expect("postgresql.conf");
        writeln!(file, "{name} = '{value}'").expect("postgresql.conf can be written");
    }

    /// Has the server read its configuration again.
    pub fn reload(&self) {
        kill(self.pid(), Signal::HUP);
    }

    /// Starts the server and waits until it takes connections.
    pub fn start(&self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the server's log");
        let mut command = server_user_command(pg_program("postgres"));
        command
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the server's log"))
            .stderr(log);
        let child = spawn(command).expect("postgres starts");
        let before = self.process.lock().unwrap().replace(child);
        assert!(before.is_none(), "the server was running already");
        self.wait_until_it_answers();
    }

    /// Waits until the server takes connections, after a start or while it recovers from a crash.
    pub fn wait_until_it_answers(&self) {
        wait_for("the server takes connections", || {
            assert!(
                self.exit_code().is_none(),
                "the server ended:\n{}",
                self.log_tail()
            );
            self.try_connect("postgres").ok()
        });
    }

    /// `pg_ctl stop -m fast`: sessions are ended, everything is written.
    pub fn stop(&self) {
        self.end_by(Signal::INT);
    }

    /// `pg_ctl stop -m immediate`: the whole server crashes, as if the power had gone.
    pub fn crash(&self) {
        self.end_by(Signal::QUIT);
    }

    fn end_by(&self, signal: Signal) {
        kill(self.pid(), signal);
        self.wait_until_it_ended();
    }

    /// Waits until the server has ended by itself.
    pub fn wait_until_it_ended(&self) {
        wait_for("the server ends", || self.exit_code());
        *self.process.lock().unwrap() = None;
    }

    /// Stops and starts it.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        let process = self.process.lock().unwrap();
        process.as_ref().expect("the server runs").id() as i32
    }

    /// `Some` once the process has ended.
    fn exit_code(&self) -> Option<std::process::ExitStatus> {
        let mut process = self.process.lock().unwrap();
        process.as_mut()?.try_wait().expect("the server's process")
    }

    /// A new session in a database.
    #[track_caller]
    pub fn connect(&self, database: &str) -> Session {
        match self.try_connect(database) {
            Ok(session) => session,
            Err(error) => panic!("no session in {database}: {error:?}"),
        }
    }

    /// A new session as superuser, if the server gives one.
    pub fn try_connect(&self, database: &str) -> Result<Session, postgres::Error> {
        self.try_connect_as("postgres", database)
    }

    /// A new session as some role.
    pub fn try_connect_as(&self, user: &str, database: &str) -> Result<Session, postgres::Error> {
        let host = self.socket().display();
        Client::connect(
            &format!("host={host} user={user} dbname={database} connect_timeout=10"),
            NoTls,
        )
        .map(Session::new)
    }

    /// The directory of its socket: the `host` of a connection string.
    pub fn socket(&self) -> &Path {
        self.dir.path()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A database of a test's own, without the extension.
    pub fn empty_database(self: &Arc<Self>) -> Database {
        Database::create(self.clone(), "TEMPLATE template1")
    }

    /// A copy of a database, as `CREATE DATABASE … TEMPLATE` makes it.
    pub fn copied_database(self: &Arc<Self>, original: &Database) -> Database {
        Database::create(self.clone(), &format!("TEMPLATE {}", original.name()))
    }

    /// A database of a test's own, with the extension.
    pub fn database(self: &Arc<Self>) -> Database {
        let database = self.empty_database();
        database.connect().run("CREATE EXTENSION webhooks");
        database
    }

    /// The same in another encoding than UTF-8.
    pub fn database_in(self: &Arc<Self>, encoding: &str) -> Database {
        let options =
            format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        let database = Database::create(self.clone(), &options);
        database.connect().run("CREATE EXTENSION webhooks");
        database
    }

    /// A standby that follows this server, made with `pg_basebackup`.
    pub fn standby(&self, options: Options) -> Arc<Server> {
        let dir = ScratchDir::new();
        run(server_user_command(pg_program("pg_basebackup"))
            .args(["--username=postgres", "--checkpoint=fast", "--no-sync"])
            .arg("--write-recovery-conf")
            .arg("--host")
            .arg(self.socket())
            .arg("--pgdata")
            .arg(dir.path().join("data")));
        Server::on(dir, options)
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of what it logged, to be shown when a test fails.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Shows the end of the log and keeps all of it, for a test that has failed.
    pub(crate) fn keep_log(&self, name: &str) {
        let kept = kept_logs().join(format!("{name}.log"));
        let _ = fs::copy(self.log_path(), &kept);
        eprintln!("--- the end of {} ---\n{}", kept.display(), self.log_tail());
    }

    /// Ends the server somehow, and soon.
    fn end(&self) {
        let Some(mut child) = self.process.lock().ok().and_then(|mut p| p.take()) else {
            return;
        };
        if let Ok(None) = child.try_wait() {
            kill(child.id() as i32, Signal::QUIT);
        }
        let _ = child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_log("server");
        }
        self.end();
    }
}
