//! How many calls a second go through scheduler and pool, each a message of its own with its signature.
//!
//! `cargo run --release --example pool -- http://127.0.0.1:8080/ 8 5`

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use webhooks_delivery::payload::Payloads;
use webhooks_delivery::{
    Delivery, Endpoint, Event, Message, Operation, Ordering, Pool, Scheme, Settings, Signing,
    Verdict, Webhook, secret,
};

/// So many deliveries wait in memory at most, and are added at once at least.
const FILL_TO: usize = 4000;
const FILL_BY: usize = 1000;

fn main() {
    let arguments = common::arguments();
    let settings = Settings {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        allow_http: true,
        authorities: Default::default(),
        max_response_bytes: 16 * 1024,
        user_agent: "pg-webhooks/0.1.0".into(),
        integration_url: String::new(),
    };
    // Outcomes are collected in batches, as the worker does it, so nobody has to be woken.
    let pool = Pool::start(settings, arguments.threads, || ()).expect("threads");
    let endpoint = endpoint(&arguments);
    pool.scheduler(|scheduler| scheduler.configure(vec![Arc::clone(&endpoint)]));
    let event = event();
    let (mut seq, mut calls) = (0, 0);
    let started = Instant::now();
    while started.elapsed() < arguments.duration {
        let finished = pool.finished();
        assert!(
            finished.iter().all(|f| f.verdicts == [Verdict::Delivered]),
            "{:?}",
            finished[0]
        );
        calls += finished.len();
        let queued = pool.scheduler(|scheduler| scheduler.queued(endpoint.id));
        if FILL_TO - queued < FILL_BY {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let deliveries: Vec<Delivery> = (queued..FILL_TO)
            .map(|_| {
                seq += 1;
                delivery(&endpoint, message(&event, seq))
            })
            .collect();
        pool.scheduler(|scheduler| {
            for delivery in deliveries {
                scheduler.offer(delivery).expect("a lane");
            }
        });
    }
    let took = started.elapsed();
    calls += pool.finished().len();
    pool.stop(Duration::from_secs(1));
    common::report("pool", calls, took);
}

fn endpoint(arguments: &common::Arguments) -> Arc<Endpoint> {
    let secret = secret::generate(Scheme::Standard).expect("random numbers");
    let secret = secret.as_deref().map(|text| (text, None));
    Arc::new(Endpoint {
        id: 1,
        url: arguments.url.clone(),
        webhook: Arc::new(Webhook {
            id: 1,
            name: "flights".into(),
            signing: Signing::new(Scheme::Standard, secret).expect("a secret"),
            headers: Default::default(),
            ordering: Ordering::Record,
            max_in_flight: arguments.threads as u32,
            throttle: None,
            batch_size: 1,
            timeout: Duration::from_secs(15),
            retry_schedule: Arc::default(),
            payloads: Payloads::default(),
            handshake_key: None,
            told_secrets: Box::default(),
        }),
        paused: false,
        state_since: 0,
    })
}

fn event() -> Arc<Event> {
    Arc::new(Event {
        id: 1,
        name: None,
        event_type: "table.recordInsert".into(),
        object_schema: Some("public".into()),
        object_name: Some("flights".into()),
        has_data: false,
    })
}

fn message(event: &Arc<Event>, seq: i64) -> Message {
    Message {
        seq,
        at: 1_795_464_000_000_000 + seq,
        xid: 1,
        event: Arc::clone(event),
        operation: Operation::Insert,
        record: Some(seq.to_string()),
        primary_key: None,
        changed: Vec::new(),
        data: Some(common::flight(seq)),
        old: None,
        account: None,
        metadata: None,
        omitted: None,
    }
}

fn delivery(endpoint: &Arc<Endpoint>, message: Message) -> Delivery {
    Delivery {
        endpoint: Arc::clone(endpoint),
        message: Arc::new(message),
        attempt: 1,
        first_attempt_at: None,
        stored: false,
        since: Instant::now(),
        generation: 0,
    }
}
