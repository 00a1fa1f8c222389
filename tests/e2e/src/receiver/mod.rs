//! A receiver of webhooks: a real HTTP server on loopback, which does what a script says and records every call.

mod connection;
mod request;
mod tls;

use std::collections::{HashMap, HashSet};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use request::{assert_ramp, succeeded, Request};
pub(crate) use tls::certificate;
pub use tls::TlsReceiver;

use crate::wait_until;

/// What a receiver does with a call.
#[derive(Clone)]
pub enum Answer {
    /// Answers with a status and no body.
    Status(u16),
    /// Answers with a status and a body.
    Body(u16, Vec<u8>),
    /// Answers with a status and a header.
    Header(u16, &'static str, String),
    /// Says nothing until the receiver is [released](Receiver::release) (then 200), ended, or the caller hangs up.
    Hang,
    /// Closes the connection without an answer.
    Close,
    /// Does something after a while.
    After(Duration, Box<Answer>),
}

/// Decides, for each call, what is done with it.
type Script = dyn Fn(&Request) -> Answer + Send + Sync;

/// What the threads of a receiver share.
struct State {
    requests: Mutex<Vec<Arc<Request>>>,
    secrets: Mutex<Vec<String>>,
    script: Mutex<Arc<Script>>,
    connections: Mutex<HashMap<usize, TcpStream>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
    released: AtomicBool,
    down: AtomicBool,
}

impl State {
    /// Records a call and says what is to be done with it.
    fn receive(&self, head: Box<[u8]>, body: Box<[u8]>) -> (Arc<Request>, Answer) {
        let secrets = lock(&self.secrets).clone();
        let mut request = Request::new(head, body, &secrets);
        let request = {
            let mut requests = lock(&self.requests);
            // The order of the calls is the order of these instants.
            request.arrived = Instant::now();
            let request = Arc::new(request);
            requests.push(request.clone());
            request
        };
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
        let script = lock(&self.script).clone();
        let answer = script(&request);
        (request, answer)
    }

    fn finish(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_released(&self) -> bool {
        self.released.load(Ordering::SeqCst) || self.down.load(Ordering::SeqCst)
    }
}

/// A script that panics must not take the record of the calls with it.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The receiver: answers 200 until told otherwise.
///
/// Each has a loopback address of its own, so that nobody takes its port while it is down.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

impl Receiver {
    /// Starts one.
    pub fn start() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id() as usize;
        let ip = format!(
            "127.{}.{}.{}",
            1 + process % 250,
            number / 250 % 250,
            1 + number % 250
        );
        Self::at(&ip)
    }

    /// Starts one on a certain loopback address.
    pub fn at(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port on loopback");
        let receiver = Self {
            address: listener.local_addr().expect("its address"),
            state: Arc::new(State {
                requests: Mutex::default(),
                secrets: Mutex::default(),
                script: Mutex::new(Arc::new(|_: &Request| Answer::Status(200))),
                connections: Mutex::default(),
                open: AtomicUsize::new(0),
                most_open: AtomicUsize::new(0),
                released: AtomicBool::new(false),
                down: AtomicBool::new(false),
            }),
            acceptor: Mutex::new(None),
        };
        receiver.accept_from(listener);
        receiver
    }

    /// Where it is to be called.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets what it does from now on.
    pub fn script(&self, script: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        *lock(&self.state.script) = Arc::new(script);
    }

    /// Sets what it does from now on, the same for every call.
    pub fn always(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// Answers the calls that hang, and those that would, with 200.
    pub fn release(&self) {
        self.state.released.store(true, Ordering::SeqCst);
    }

    /// From now on every call must be signed with this secret, or with another that it was told.
    pub fn expect_secret(&self, secret: &str) {
        lock(&self.state.secrets).push(secret.to_owned());
    }

    /// The `id` of each call's row, in the order of the calls.
    #[track_caller]
    pub fn ids(&self) -> Vec<i64> {
        let requests = self.requests();
        requests
            .iter()
            .map(|request| request.number("id"))
            .collect()
    }

    /// All calls so far, in the order in which they arrived. A call that no expected secret signed fails the test.
    #[track_caller]
    pub fn requests(&self) -> Vec<Arc<Request>> {
        let requests = lock(&self.state.requests).clone();
        for request in &requests {
            assert!(
                request.verified != Some(false),
                "a call whose signature is wrong: {:?} {}",
                request.headers(),
                String::from_utf8_lossy(&request.body)
            );
        }
        requests
    }

    /// The calls that it answered with 200.
    #[track_caller]
    pub fn successes(&self) -> Vec<Arc<Request>> {
        succeeded(&self.requests())
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        lock(&self.state.requests).len()
    }

    /// The different messages among the calls that it answered with 200.
    #[track_caller]
    pub fn messages(&self) -> HashSet<String> {
        let successes = self.successes();
        successes.iter().map(|request| request.message()).collect()
    }

    /// Waits until there were at least so many calls, and returns all.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Arc<Request>> {
        wait_until(&format!("{count} calls arrive"), || self.count() >= count);
        self.requests()
    }

    /// Waits until at least so many calls are open at once.
    #[track_caller]
    pub fn wait_for_open(&self, count: usize) {
        wait_until(&format!("{count} calls are open"), || self.open() >= count);
    }

    /// How many calls have arrived and are not answered.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// The most calls that were ever open at once.
    pub fn most_open(&self) -> usize {
        self.state.most_open.load(Ordering::SeqCst)
    }

    /// Goes down: open calls are cut, new connections are refused.
    pub fn down(&self) {
        self.state.down.store(true, Ordering::SeqCst);
        let Some(acceptor) = lock(&self.acceptor).take() else {
            return;
        };
        // Only a connection wakes the thread that waits for one.
        let _ = TcpStream::connect(self.address);
        let _ = acceptor.join();
        for (_, connection) in lock(&self.state.connections).drain() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Comes up again, at the same address.
    pub fn up(&self) {
        self.state.down.store(false, Ordering::SeqCst);
        self.accept_from(TcpListener::bind(self.address).expect("the port it had"));
    }

    fn accept_from(&self, listener: TcpListener) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let state = self.state.clone();
        let accept = move || {
            for stream in listener.incoming() {
                if state.down.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let Ok(copy) = stream.try_clone() else {
                    continue;
                };
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                lock(&state.connections).insert(number, copy);
                let state = state.clone();
                thread::spawn(move || {
                    connection::serve(stream, &state);
                    lock(&state.connections).remove(&number);
                });
            }
        };
        *lock(&self.acceptor) = Some(thread::spawn(accept));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.down();
    }
}
