//! Sending one batch: request, call, verdict.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::client::{Answer, Call, Transport};
use crate::delivery::{Batch, Finished};
use crate::fault::{Fault, FaultKind};
use crate::outcome::{self, Tried};
use crate::request::{Occasion, Request, unix_micros};
use crate::response;
use crate::retry::Random;
use crate::settings::Settings;

/// What a thread needs to send one batch after the other, and keeps in between.
pub(crate) struct Sender {
    random: Random,
    request: Request,
}

impl Sender {
    pub(crate) fn new(random: Random) -> Self {
        Sender {
            random,
            request: Request::default(),
        }
    }

    /// Sends what goes in one call and judges what came of it. A panic on the way is one more thing that can come of it.
    pub(crate) fn send(
        &mut self,
        mut batch: Batch,
        transport: &dyn Transport,
        settings: &Settings,
    ) -> Finished {
        let (started_at, started) = (SystemTime::now(), Instant::now());
        let call = || self.call(&batch, started_at, transport, settings);
        let answer = panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| panicked());
        let duration = started.elapsed();
        let schedule = &batch.endpoint().webhook.retry_schedule;
        let attempt = batch.deliveries[0].attempt;
        let begun_at = unix_micros(started_at);
        let first_attempt_at = batch.deliveries[0].first_attempt_at.unwrap_or(begun_at);
        let tried = Tried {
            attempt,
            since_first: Duration::from_micros((begun_at - first_attempt_at).max(0) as u64),
        };
        let (verdict, effect) = outcome::judge(&answer, tried, schedule, self.random.unit());
        for delivery in &mut batch.deliveries {
            delivery.first_attempt_at.get_or_insert(begun_at);
            // What was sent need not stay in memory until the outcome is recorded.
            delivery.message = Arc::new(delivery.message.without_content());
        }
        Finished {
            verdicts: vec![verdict; batch.deliveries.len()],
            batch,
            effect,
            started_at,
            duration,
            status: answer.status,
            response: response::text(&answer.body, settings.max_response_bytes),
            error: outcome::fault(answer),
        }
    }

    fn call(
        &mut self,
        batch: &Batch,
        at: SystemTime,
        transport: &dyn Transport,
        settings: &Settings,
    ) -> Answer {
        let random = self.random.bits();
        let occasion = Occasion { at, random };
        if let Err(problem) = self.request.make(batch, occasion, settings) {
            return failed(FaultKind::TooLarge, problem);
        }
        let endpoint = batch.endpoint();
        transport.call(&Call {
            url: &endpoint.url,
            headers: &self.request.headers,
            timeout: endpoint.webhook.timeout,
            body: &self.request.body,
        })
    }
}

/// The message of a panic stays in the server's log: it may hold anything.
fn panicked() -> Answer {
    failed(FaultKind::Internal, "a panic; the server's log says more")
}

/// What comes of a call that is not made.
fn failed(kind: FaultKind, detail: impl std::fmt::Display) -> Answer {
    Answer {
        fault: Some(Fault::new(kind, detail)),
        ..Answer::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::delivery::Delivery;
    use crate::fixtures::{delivery, endpoint, settings};
    use crate::outcome::Verdict;

    /// Answers one status to everything and remembers what it was sent.
    struct Fake {
        status: u16,
        sent: Mutex<Vec<String>>,
    }

    impl Transport for Fake {
        fn call(&self, call: &Call<'_>) -> Answer {
            let body = String::from_utf8_lossy(call.body);
            let (id, attempt) = (call.header("webhook-id"), call.header("webhook-attempt"));
            let sent = format!("{attempt} {} {id} {body}", call.url);
            self.sent.lock().unwrap().push(sent);
            Answer {
                status: Some(self.status),
                body: b"a\0b".to_vec(),
                ..Answer::default()
            }
        }

        fn shut_down(&self) {}
    }

    fn send(status: u16, attempt: u32) -> (Finished, String) {
        send_all(status, attempt, &[42])
    }

    fn send_all(status: u16, attempt: u32, seqs: &[i64]) -> (Finished, String) {
        let transport = Fake {
            status,
            sent: Mutex::default(),
        };
        let endpoint = endpoint();
        let deliveries = seqs.iter().map(|&seq| Delivery {
            attempt,
            ..delivery(&endpoint, seq)
        });
        let batch = Batch {
            deliveries: deliveries.collect(),
            begun: Instant::now(),
        };
        let finished = Sender::new(Random::from_seed(1)).send(batch, &transport, &settings());
        let sent = transport.sent.into_inner().unwrap();
        (finished, sent.join("\n"))
    }

    #[test]
    fn a_delivery_becomes_a_call() {
        let (finished, sent) = send(204, 1);
        let start = "1 https://example.com/ msg_001j0us4uqk00000000000001a {\"eventId\":\"7\",";
        assert!(sent.starts_with(start), "{sent}");
        assert_eq!(finished.status, Some(204));
        assert_eq!(finished.error, None);
        assert_eq!(finished.response.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(finished.verdicts, [Verdict::Delivered]);
    }

    #[test]
    fn a_batch_is_one_call_and_what_comes_of_it_counts_for_each() {
        let (finished, sent) = send_all(500, 1, &[42, 43]);
        let id = finished.batch.id();
        assert!(id.starts_with("batch_"), "{id}");
        assert!(sent.starts_with(&format!("1 https://example.com/ {id} ")));
        assert_eq!(finished.verdicts.len(), 2);
        assert_eq!(finished.verdicts[0], finished.verdicts[1]);
        assert!(
            finished
                .deliveries()
                .all(|(delivery, _)| delivery.first_attempt_at.is_some())
        );
        assert_eq!(send_all(500, 2, &[42, 43]).0.batch.id(), id, "repeated");
        assert_ne!(send_all(500, 1, &[42, 44]).0.batch.id(), id);
    }

    #[test]
    fn the_id_stays_the_same_from_attempt_to_attempt() {
        let (first, second) = (send(500, 1).1, send(500, 2).1);
        assert_eq!(first[1..], second[1..]);
    }

    #[test]
    fn a_failed_call_goes_by_the_schedule() {
        let (finished, _) = send(500, 1);
        assert_eq!(finished.error.unwrap().to_string(), "status: 500");
        let Verdict::Retry { after } = finished.verdicts[0] else {
            panic!("{:?}", finished.verdicts);
        };
        assert!((Duration::from_secs(100)..=Duration::from_secs(120)).contains(&after));
        assert_eq!(send(302, 2).0.verdicts, [Verdict::Exhausted]);
    }
}
