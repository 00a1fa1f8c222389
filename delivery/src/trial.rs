//! Calls made to try endpoints out: now, once, beside the lanes.

use std::io;
use std::sync::mpsc::{Receiver, Sender as Put, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime};

use crate::client::{Client, Transport};
use crate::delivery::{Batch, Delivery, Finished};
use crate::message::{Event, Message, Operation};
use crate::request::unix_micros;
use crate::retry::Random;
use crate::sender::Sender;
use crate::settings::Settings;
use crate::webhook::Endpoint;

/// The `eventType` of a test message.
const EVENT_TYPE: &str = "webhook.test";
/// So many calls are open at once.
const THREADS: usize = 32;

/// Test calls on their way. Dropping it breaks them off and waits for nothing: its threads own all that they touch.
pub struct Trial {
    transport: Arc<dyn Transport>,
    results: Receiver<(usize, Finished)>,
    expected: usize,
}

impl Trial {
    /// Calls each endpoint, with a message of its own, through the same code as any call.
    ///
    /// `waker` is called on another thread when a call has ended. The caller blocks all signals before, since the threads
    /// inherit that.
    pub fn start(
        settings: Settings,
        endpoints: Vec<Arc<Endpoint>>,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Trial> {
        let expected = endpoints.len();
        let threads = expected.min(THREADS);
        let transport: Arc<dyn Transport> = Arc::new(Client::new(&settings, threads));
        let (put, results) = channel();
        let calls = Arc::new(Calls {
            waiting: Mutex::new(endpoints.into_iter().enumerate().rev().collect()),
            transport: Arc::clone(&transport),
            settings,
            waker: Box::new(waker),
        });
        let trial = Trial {
            transport,
            results,
            expected,
        };
        for _ in 0..threads {
            let (calls, put) = (Arc::clone(&calls), put.clone());
            let sender = Sender::new(Random::from_seed(getrandom::u64()?));
            thread::Builder::new()
                .name("webhooks test".into())
                .spawn(move || calls.make(sender, &put))?;
        }
        Ok(trial)
    }

    /// Calls that have ended since the last time, each with its endpoint's place in the list.
    pub fn finished(&self) -> impl Iterator<Item = (usize, Finished)> {
        self.results.try_iter()
    }

    /// How many calls there are in all.
    pub fn expected(&self) -> usize {
        self.expected
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.transport.shut_down();
    }
}

/// What the threads share.
struct Calls {
    waiting: Mutex<Vec<(usize, Arc<Endpoint>)>>,
    transport: Arc<dyn Transport>,
    settings: Settings,
    waker: Box<dyn Fn() + Send + Sync>,
}

impl Calls {
    /// The life of a thread. It ends early where nobody waits for the result any more.
    fn make(&self, mut sender: Sender, put: &Put<(usize, Finished)>) {
        while let Some((place, endpoint)) = self.next() {
            let batch = Batch {
                deliveries: vec![test_delivery(endpoint)],
                begun: Instant::now(),
            };
            let finished = sender.send(batch, &*self.transport, &self.settings);
            if put.send((place, finished)).is_err() {
                return;
            }
            (self.waker)();
        }
    }

    fn next(&self) -> Option<(usize, Arc<Endpoint>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop()
    }
}

/// A message that is in no log. Numbers begin at 1, so that no other message has its id.
fn test_delivery(endpoint: Arc<Endpoint>) -> Delivery {
    let event = Event {
        id: 0,
        name: Some(EVENT_TYPE.into()),
        event_type: EVENT_TYPE.into(),
        object_schema: None,
        object_name: None,
        has_data: false,
    };
    let name = serde_json::Value::from(&*endpoint.webhook.name);
    let message = Message {
        seq: 0,
        at: unix_micros(SystemTime::now()),
        xid: 0,
        event: Arc::new(event),
        operation: Operation::Emit,
        record: None,
        primary_key: None,
        changed: Vec::new(),
        data: Some(format!("{{\"webhook\":{name}}}")),
        old: None,
        account: None,
        metadata: None,
        omitted: None,
    };
    Delivery {
        endpoint,
        message: Arc::new(message),
        attempt: 1,
        first_attempt_at: None,
        stored: false,
        since: Instant::now(),
        generation: 0,
    }
}
