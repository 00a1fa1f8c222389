//! Receivers on the loopback network, and calls to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use webhooks_delivery::{Delivery, Endpoint, Finished, Pool, Settings, Webhook};

use super::{delivery, endpoint, message};

/// No test takes this long unless it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A receiver that does as the test says with each connection, on a thread of its own.
pub struct Server {
    pub url: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(serve: impl Fn(Connection) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(Connection::new(stream.unwrap())));
            }
        });
        Server { url, connections }
    }

    /// Answers every request with these bytes.
    pub fn answering(answer: &'static [u8]) -> Server {
        Server::start(move |mut connection| {
            while connection.request().is_some() {
                connection.write(answer);
            }
        })
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

/// What a receiver was sent.
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut matching = self.headers.iter().filter(|(key, _)| key == name);
        let value = matching.next().map(|(_, value)| value.as_str());
        assert!(matching.next().is_none(), "{name} is there twice");
        value
    }
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        let reader = BufReader::new(stream.try_clone().unwrap());
        Connection { stream, reader }
    }

    /// The next request, unless the sender has closed the connection.
    pub fn request(&mut self) -> Option<Request> {
        let line = self.line()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut request = Request {
            line,
            headers,
            body: Vec::new(),
        };
        let length = request.header("content-length").expect("a length");
        request.body.resize(length.parse().unwrap(), 0);
        self.reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// Sends, if the sender still listens.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends what is sent; the sender may go on.
    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Waits for the sender to close the connection.
    pub fn wait_for_close(&mut self) {
        std::io::copy(&mut self.reader, &mut std::io::sink()).ok();
    }
}

/// A pool with one endpoint, and a bell that rings when a call has ended.
pub struct Caller {
    pub pool: Pool,
    pub endpoint: Arc<Endpoint>,
    bell: Receiver<()>,
}

impl Caller {
    pub fn new(url: &str, settings: Settings, webhook: Webhook) -> Caller {
        let (ring, bell) = channel();
        let pool = Pool::start(settings, 4, move || {
            ring.send(()).ok();
        });
        let pool = pool.unwrap();
        let endpoint = endpoint(1, url, webhook);
        pool.scheduler(|scheduler| scheduler.configure(vec![Arc::clone(&endpoint)]));
        Caller {
            pool,
            endpoint,
            bell,
        }
    }

    pub fn offer(&self, delivery: Delivery) {
        self.pool
            .scheduler(|scheduler| scheduler.offer(delivery))
            .unwrap();
    }

    /// The calls that have ended since the last time, and at least one.
    pub fn wait(&self) -> Vec<Finished> {
        loop {
            let finished = self.pool.finished();
            if !finished.is_empty() {
                return finished;
            }
            self.bell.recv_timeout(DEADLINE).expect("a call ends");
        }
    }

    /// Makes one call.
    pub fn call(&self) -> Finished {
        self.offer(delivery(&self.endpoint, message(42, None)));
        let mut finished = self.wait();
        assert_eq!(finished.len(), 1);
        finished.remove(0)
    }
}
