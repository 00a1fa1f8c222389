//! What goes together in one call.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{delivery, endpoint, finished, message, webhook};
use webhooks_delivery::{
    Batch, Delivery, Effect, Endpoint, Ordering, Scheduler, Throttle, Verdict, Webhook,
};

const RETRY: Verdict = Verdict::Retry {
    after: Duration::from_secs(5),
};

fn batched(size: u32, ordering: Ordering) -> Arc<Endpoint> {
    let webhook = Webhook {
        batch_size: size,
        ordering,
        ..webhook()
    };
    endpoint(1, "https://example.com/", webhook)
}

fn scheduler(endpoint: &Arc<Endpoint>, messages: &[(i64, &str)]) -> Scheduler {
    let mut scheduler = Scheduler::new(100);
    scheduler.configure(vec![Arc::clone(endpoint)]);
    offer(&mut scheduler, endpoint, messages);
    scheduler
}

fn offer(scheduler: &mut Scheduler, endpoint: &Arc<Endpoint>, messages: &[(i64, &str)]) {
    for &(seq, record) in messages {
        let record = (!record.is_empty()).then_some(record);
        let delivery = delivery(endpoint, message(seq, record));
        scheduler.offer(delivery).expect("a lane");
    }
}

fn next(scheduler: &mut Scheduler) -> Option<Batch> {
    scheduler.next(Instant::now())
}

fn seqs(batch: &Batch) -> Vec<i64> {
    batch.deliveries.iter().map(|d| d.message.seq).collect()
}

fn next_seqs(scheduler: &mut Scheduler) -> Vec<i64> {
    next(scheduler)
        .map(|batch| seqs(&batch))
        .unwrap_or_default()
}

fn finish(scheduler: &mut Scheduler, batch: Batch, verdict: Verdict) {
    scheduler.finish(&finished(batch, verdict, Effect::Alive), Instant::now());
}

/// The deliveries of a call come back from their rows.
fn retry(scheduler: &mut Scheduler, batch: &Batch) {
    for delivery in &batch.deliveries {
        let again = Delivery {
            attempt: delivery.attempt + 1,
            stored: true,
            ..delivery.clone()
        };
        scheduler.retry(again).expect("a lane");
    }
}

#[test]
fn up_to_so_many_go_in_one_call() {
    let endpoint = batched(3, Ordering::None);
    let messages: Vec<(i64, &str)> = (1..=7).map(|seq| (seq, "")).collect();
    let mut scheduler = scheduler(&endpoint, &messages);
    let sizes: Vec<Vec<i64>> = (0..3).map(|_| next_seqs(&mut scheduler)).collect();
    assert_eq!(sizes, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(scheduler.in_flight(), 3);
}

#[test]
fn messages_about_one_record_go_along_in_order() {
    let endpoint = batched(4, Ordering::Record);
    let messages = [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "a"), (6, "c")];
    let mut scheduler = scheduler(&endpoint, &messages);
    let first = next(&mut scheduler).unwrap();
    assert_eq!(seqs(&first), [1, 2, 3, 4]);
    assert_eq!(next_seqs(&mut scheduler), [6], "a has a call open");
    finish(&mut scheduler, first, Verdict::Delivered);
    assert_eq!(next_seqs(&mut scheduler), [5]);
}

#[test]
fn strict_order_is_one_batch_after_the_other() {
    let endpoint = batched(2, Ordering::Strict);
    let mut scheduler = scheduler(&endpoint, &[(1, "a"), (2, ""), (3, "b"), (4, "c")]);
    let first = next(&mut scheduler).unwrap();
    assert_eq!(seqs(&first), [1, 2]);
    assert!(next(&mut scheduler).is_none());
    finish(&mut scheduler, first.clone(), RETRY);
    assert!(next(&mut scheduler).is_none());
    retry(&mut scheduler, &first);
    let again = next(&mut scheduler).unwrap();
    assert_eq!(seqs(&again), [1, 2]);
    assert_eq!(again.id(), first.id());
    finish(&mut scheduler, again, Verdict::Delivered);
    assert_eq!(next_seqs(&mut scheduler), [3, 4]);
}

#[test]
fn a_batch_that_failed_is_repeated_as_it_was() {
    let endpoint = batched(5, Ordering::Record);
    let mut scheduler = scheduler(&endpoint, &[(1, "a"), (2, "b"), (3, "a"), (4, "b")]);
    let first = next(&mut scheduler).unwrap();
    finish(&mut scheduler, first.clone(), RETRY);
    offer(&mut scheduler, &endpoint, &[(5, "a"), (6, "c")]);
    assert_eq!(
        next_seqs(&mut scheduler),
        [6],
        "5 waits for the retry of 1 and 3"
    );
    retry(&mut scheduler, &first);
    let again = next(&mut scheduler).unwrap();
    assert_eq!(seqs(&again), [1, 2, 3, 4]);
    assert!(
        again
            .deliveries
            .iter()
            .all(|delivery| delivery.attempt == 2)
    );
    finish(&mut scheduler, again, Verdict::Exhausted);
    assert_eq!(next_seqs(&mut scheduler), [5]);
}

#[test]
fn what_has_been_tried_does_not_go_with_what_has_not() {
    let endpoint = batched(10, Ordering::None);
    let mut scheduler = scheduler(&endpoint, &[(1, "")]);
    let first = next(&mut scheduler).unwrap();
    finish(&mut scheduler, first.clone(), RETRY);
    offer(&mut scheduler, &endpoint, &[(2, ""), (3, "")]);
    retry(&mut scheduler, &first);
    assert_eq!(next_seqs(&mut scheduler), [1]);
    assert_eq!(next_seqs(&mut scheduler), [2, 3]);
}

#[test]
fn a_batch_is_one_call_of_the_throttle() {
    let webhook = Webhook {
        batch_size: 2,
        throttle: Some(Throttle {
            calls: 2,
            per: Duration::from_secs(3600),
        }),
        ordering: Ordering::None,
        ..webhook()
    };
    let endpoint = endpoint(1, "https://example.com/", webhook);
    let messages: Vec<(i64, &str)> = (1..=6).map(|seq| (seq, "")).collect();
    let mut scheduler = scheduler(&endpoint, &messages);
    assert_eq!(next_seqs(&mut scheduler), [1, 2]);
    assert_eq!(next_seqs(&mut scheduler), [3, 4]);
    assert!(next(&mut scheduler).is_none());
}

#[test]
fn a_batch_does_not_grow_beyond_what_a_receiver_takes() {
    let endpoint = batched(1000, Ordering::None);
    let mut scheduler = scheduler(&endpoint, &[]);
    for seq in 1..=10 {
        let mut large = message(seq, None);
        large.data = Some(format!("\"{}\"", "x".repeat(1024 * 1024)));
        scheduler.offer(delivery(&endpoint, large)).unwrap();
    }
    assert_eq!(next(&mut scheduler).unwrap().deliveries.len(), 4);
}

/// A throttled, batched, ordered webhook: calls end in any order, well or not, batches come back as a whole.
#[test]
fn order_survives_batches_and_errors() {
    for (seed, ordering) in
        (1..=60_u64).zip([Ordering::Record, Ordering::Strict].into_iter().cycle())
    {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let webhook = Webhook {
            batch_size: 1 + seed as u32 % 7,
            max_in_flight: 4,
            throttle: Some(Throttle {
                calls: 3,
                per: Duration::from_secs(1),
            }),
            ordering,
            ..webhook()
        };
        let endpoint = endpoint(1, "https://example.com/", webhook);
        let mut scheduler = scheduler(&endpoint, &[]);
        let mut now = Instant::now();
        let (mut open, mut waiting): (Vec<Batch>, Vec<Batch>) = Default::default();
        let mut begun: Vec<Instant> = Vec::new();
        let mut done: HashMap<Option<String>, i64> = HashMap::new();
        let (mut seq, mut delivered) = (0, 0);
        for step in 0.. {
            now += Duration::from_millis(roll(200));
            match roll(10) {
                0..4 if step < 1500 => {
                    seq += 1;
                    let record = roll(4).to_string();
                    offer(&mut scheduler, &endpoint, &[(seq, &record)]);
                }
                4 if !waiting.is_empty() => {
                    let due = waiting.swap_remove(roll(waiting.len() as u64) as usize);
                    retry(&mut scheduler, &due);
                }
                5..8 if !open.is_empty() => {
                    let end = open.swap_remove(roll(open.len() as u64) as usize);
                    if roll(4) == 0 {
                        let end = finished(end, RETRY, Effect::Alive);
                        scheduler.finish(&end, now);
                        waiting.push(end.batch);
                        continue;
                    }
                    let end = finished(end, Verdict::Delivered, Effect::Alive);
                    scheduler.finish(&end, now);
                    for delivery in &end.batch.deliveries {
                        let message = &delivery.message;
                        let key = match ordering {
                            Ordering::Record => message.record.clone(),
                            _ => None,
                        };
                        let last = done.insert(key, message.seq);
                        assert!(last < Some(message.seq), "seed {seed}");
                        delivered += 1;
                    }
                }
                _ => {
                    if let Some(batch) = scheduler.next(now) {
                        begun.retain(|&at| at + Duration::from_secs(1) > now);
                        begun.push(now);
                        assert!(begun.len() <= 3, "seed {seed}: the throttle");
                        open.push(batch);
                    }
                }
            }
            assert!(open.len() <= 4);
            if step >= 1500 && open.is_empty() && waiting.is_empty() && scheduler.is_idle() {
                break;
            }
            assert!(step < 100_000, "seed {seed}: it does not end");
        }
        assert_eq!(delivered, seq, "seed {seed}: nothing is lost or sent twice");
    }
}
