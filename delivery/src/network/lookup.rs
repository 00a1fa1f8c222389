//! Looking names up without being held up by a name server.
//!
//! The C library's lookup cannot be given a deadline. So it runs on a thread of its own, and whoever waits for it
//! leaves at the deadline of its call. All who want the same name wait for the same lookup, so a dead name server
//! ties up one thread a name, and there are only so many of them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// More names than this are not looked up at once.
const MAX_THREADS: usize = 64;
const STACK_BYTES: usize = 512 * 1024;

/// Asks the name server: the addresses of a name.
pub(crate) type Ask = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Why there are no addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookupProblem {
    /// The deadline came first.
    TooLate,
    /// The name server's word.
    Failed(String),
}

type Answer = Result<Arc<[IpAddr]>, LookupProblem>;
type Lookups = HashMap<String, Arc<OnceLock<Answer>>>;

/// Looks names up.
#[derive(Clone)]
pub(crate) struct Lookup {
    ask: Arc<Ask>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The lookups under way, one thread each.
    running: Mutex<Lookups>,
    /// One of them has ended.
    ended: Condvar,
}

impl Lookup {
    /// One that asks the system.
    pub(super) fn system() -> Self {
        Lookup::with(Arc::new(|name: &str| {
            // The port is of no interest here, but part of the question.
            let addresses = (name, 0).to_socket_addrs()?;
            Ok(addresses.map(|address| address.ip()).collect())
        }))
    }

    /// One that asks this.
    pub(crate) fn with(ask: Arc<Ask>) -> Self {
        Lookup {
            ask,
            shared: Arc::default(),
        }
    }

    /// All addresses of a name, or the reason why there are none by the deadline.
    pub(super) fn addresses(&self, name: &str, deadline: Option<Instant>) -> Answer {
        let mut running = self.shared.lock();
        let slot = loop {
            if let Some(slot) = running.get(name) {
                break Arc::clone(slot);
            }
            if running.len() < MAX_THREADS {
                let slot = Arc::default();
                running.insert(name.to_owned(), Arc::clone(&slot));
                if let Err(problem) = self.start(name.to_owned(), Arc::clone(&slot)) {
                    running.remove(name);
                    return Err(LookupProblem::Failed(problem.to_string()));
                }
                break slot;
            }
            running = self.shared.wait(running, deadline)?;
        };
        loop {
            if let Some(answer) = slot.get() {
                return answer.clone();
            }
            running = self.shared.wait(running, deadline)?;
        }
    }

    fn start(&self, name: String, slot: Arc<OnceLock<Answer>>) -> io::Result<()> {
        let Lookup { ask, shared } = self.clone();
        let look_up = move || {
            // Made here and not before: if the thread cannot be started, the caller still has the lock.
            let mut end = End {
                name,
                slot,
                shared,
                answer: Err(LookupProblem::Failed("the lookup broke off".into())),
            };
            end.answer = match ask(&end.name) {
                Ok(addresses) if addresses.is_empty() => {
                    Err(LookupProblem::Failed("the name has no address".into()))
                }
                Ok(addresses) => Ok(addresses.into()),
                Err(error) => Err(LookupProblem::Failed(error.to_string())),
            };
        };
        thread::Builder::new()
            .name("webhooks dns".into())
            .stack_size(STACK_BYTES)
            .spawn(look_up)
            .map(drop)
    }
}

/// Gives the answer to those who wait and makes room, however the thread ends.
struct End {
    name: String,
    slot: Arc<OnceLock<Answer>>,
    shared: Arc<Shared>,
    answer: Answer,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut running = self.shared.lock();
        // Only this thread sets it, and only here.
        self.slot.set(self.answer.clone()).ok();
        running.remove(&self.name);
        self.shared.ended.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lookups> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of some lookup.
    fn wait<'a>(
        &self,
        running: MutexGuard<'a, Lookups>,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, Lookups>, LookupProblem> {
        let left = match deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => Duration::MAX,
        };
        if left.is_zero() {
            return Err(LookupProblem::TooLate);
        }
        let waited = self.ended.wait_timeout(running, left);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(1))
    }

    #[test]
    fn what_the_name_server_says_is_passed_on() {
        let lookup = Lookup::with(Arc::new(|name: &str| match name {
            "two.example" => Ok(vec![LOCAL, LOCAL]),
            "none.example" => Ok(Vec::new()),
            "broken.example" => panic!("injected"),
            _ => Err(io::Error::other("no such name")),
        }));
        let failed = |text: &str| Err(LookupProblem::Failed(text.into()));
        assert_eq!(
            lookup.addresses("two.example", None),
            Ok([LOCAL, LOCAL].into())
        );
        assert_eq!(
            lookup.addresses("none.example", None),
            failed("the name has no address")
        );
        assert_eq!(
            lookup.addresses("other.example", None),
            failed("no such name")
        );
        assert_eq!(
            lookup.addresses("broken.example", None),
            failed("the lookup broke off")
        );
        assert!(lookup.shared.lock().is_empty());
    }

    #[test]
    fn a_dead_name_server_ties_up_one_thread_a_name_and_nobody_who_waits() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let lookup = Lookup::with(Arc::new(move |name: &str| {
            if name == "alive.example" {
                return Ok(vec![LOCAL]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            released.lock().unwrap().recv().ok();
            Ok(vec![LOCAL])
        }));
        for _ in 0..3 {
            assert_eq!(
                lookup.addresses("dead.example", soon()),
                Err(LookupProblem::TooLate)
            );
        }
        assert_eq!(lookup.shared.lock().len(), 1);
        assert_eq!(lookup.addresses("alive.example", None), Ok([LOCAL].into()));
        for number in 0..2 * MAX_THREADS {
            let name = format!("dead{number}.example");
            assert_eq!(lookup.addresses(&name, soon()), Err(LookupProblem::TooLate));
        }
        assert_eq!(lookup.shared.lock().len(), MAX_THREADS);
        drop(release);
        assert_eq!(lookup.addresses("late.example", None), Ok([LOCAL].into()));
        assert!(asked.load(Ordering::SeqCst) <= MAX_THREADS + 1);
    }

    #[test]
    fn the_system_knows_itself() {
        let addresses = Lookup::system().addresses("localhost", None).unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback));
    }
}
