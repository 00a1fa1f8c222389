//! Sessions that write all the time, through crashes of the server.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{wait_until, Database, Server};

/// Ids of rows whose transaction is rolled back begin here.
const ROLLED_BACK: i64 = 1_000_000_000;

/// Several sessions that insert rows into a [watched table](Database::watched_table), each row with an id of its own: most
/// commit, every fifth transaction rolls back. A session that loses its server connects again when it can.
pub struct Load {
    stop: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many sessions, on an empty table.
    pub fn start(database: &Database, table: &str, sessions: usize) -> Self {
        Self::start_from(1, database, table, sessions)
    }

    /// Starts so many sessions, with ids after those that another load has used.
    pub fn start_after(database: &Database, table: &str, sessions: usize) -> Self {
        // That one may have used some for rows that did not commit.
        let used = database
            .connect()
            .number(&format!("SELECT coalesce(max(id), 0) FROM {table}"));
        Self::start_from(used + 1_000_000, database, table, sessions)
    }

    fn start_from(first: i64, database: &Database, table: &str, sessions: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let commits = Arc::new(AtomicUsize::new(0));
        let next = Arc::new(AtomicI64::new(first));
        let writers = (0..sessions).map(|_| {
            let (stop, commits, next) = (stop.clone(), commits.clone(), next.clone());
            let (server, name) = (database.server().clone(), database.name().to_owned());
            let table = table.to_owned();
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    if write(&server, &name, &table, &stop, &commits, &next).is_err() {
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            })
        });
        Self {
            writers: writers.collect(),
            stop,
            commits,
        }
    }

    /// Waits until so many more transactions have committed.
    #[track_caller]
    pub fn wait_for_commits(&self, more: usize) {
        let goal = self.commits.load(Ordering::SeqCst) + more;
        wait_until(&format!("{more} transactions commit"), || {
            self.commits.load(Ordering::SeqCst) >= goal
        });
    }

    /// Ends the sessions. Which of their transactions committed, the table tells.
    pub fn stop(self) {
        drop(self);
    }

    /// Whether a row with this id was only ever written by a transaction that was rolled back.
    pub fn was_rolled_back(id: i64) -> bool {
        id >= ROLLED_BACK
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }
}

/// Writes until told to stop, or until the session breaks.
fn write(
    server: &Server,
    database: &str,
    table: &str,
    stop: &AtomicBool,
    commits: &AtomicUsize,
    next: &AtomicI64,
) -> Result<(), postgres::Error> {
    let mut session = server.try_connect(database)?;
    let insert = session.prepare(&format!("INSERT INTO {table} (id, n) VALUES ($1, 0)"))?;
    while !stop.load(Ordering::SeqCst) {
        let id = next.fetch_add(1, Ordering::SeqCst);
        let mut transaction = session.transaction()?;
        if id % 5 == 0 {
            transaction.execute(&insert, &[&(id + ROLLED_BACK)])?;
            transaction.rollback()?;
        } else {
            transaction.execute(&insert, &[&id])?;
            transaction.commit()?;
            commits.fetch_add(1, Ordering::SeqCst);
        }
    }
    Ok(())
}
