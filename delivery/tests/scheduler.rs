//! Which delivery goes next: order, bounds, turns.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use std::ops::{Deref, DerefMut};

use common::{delivery, endpoint, event, finished, message, webhook};
use webhooks_delivery::{Batch, Delivery, Effect, Endpoint, Ordering, Scheduler, Verdict, Webhook};

const RETRY: Verdict = Verdict::Retry {
    after: Duration::from_secs(5),
};

fn ordered(ordering: Ordering) -> Webhook {
    Webhook {
        ordering,
        ..webhook()
    }
}

fn to(id: i64, webhook: Webhook) -> Arc<Endpoint> {
    endpoint(id, "https://example.com/", webhook)
}

/// A scheduler of calls with one delivery each, to endpoints that work, at one moment.
struct OneByOne {
    scheduler: Scheduler,
    now: Instant,
}

impl OneByOne {
    fn new(max_in_flight: usize) -> Self {
        OneByOne {
            scheduler: Scheduler::new(max_in_flight),
            now: Instant::now(),
        }
    }

    fn next(&mut self) -> Option<Delivery> {
        let batch = self.scheduler.next(self.now)?;
        assert_eq!(batch.deliveries.len(), 1);
        batch.deliveries.into_iter().next()
    }

    fn finish(&mut self, delivery: &Delivery, verdict: &Verdict) {
        let batch = Batch {
            deliveries: vec![delivery.clone()],
            begun: self.now,
        };
        let finished = finished(batch, *verdict, Effect::Alive);
        self.scheduler.finish(&finished, self.now);
    }

    fn sendable(&mut self, limit: usize) -> usize {
        self.scheduler.sendable(limit, self.now)
    }
}

impl Deref for OneByOne {
    type Target = Scheduler;

    fn deref(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl DerefMut for OneByOne {
    fn deref_mut(&mut self) -> &mut Scheduler {
        &mut self.scheduler
    }
}

fn scheduler(endpoints: &[&Arc<Endpoint>]) -> OneByOne {
    let mut scheduler = OneByOne::new(100);
    scheduler.configure(
        endpoints
            .iter()
            .map(|endpoint| Arc::clone(endpoint))
            .collect(),
    );
    scheduler
}

fn offer(scheduler: &mut OneByOne, endpoint: &Arc<Endpoint>, messages: &[(i64, &str)]) {
    for &(seq, record) in messages {
        let record = (!record.is_empty()).then_some(record);
        scheduler
            .offer(delivery(endpoint, message(seq, record)))
            .expect("a lane");
    }
}

fn again(delivery: &Delivery) -> Delivery {
    Delivery {
        attempt: delivery.attempt + 1,
        stored: true,
        ..delivery.clone()
    }
}

/// Everything that may go now.
fn all_next(scheduler: &mut OneByOne) -> Vec<Delivery> {
    std::iter::from_fn(|| scheduler.next()).collect()
}

fn seqs(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|d| d.message.seq).collect()
}

#[test]
fn messages_about_one_record_go_one_after_the_other() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    offer(
        &mut scheduler,
        &endpoint,
        &[(1, "a"), (2, "a"), (3, "b"), (4, ""), (5, ""), (6, "a")],
    );
    let first = all_next(&mut scheduler);
    assert_eq!(seqs(&first), [1, 3, 4, 5]);
    assert_eq!(scheduler.queued(1), 2);
    scheduler.finish(&first[1], &Verdict::Delivered);
    assert!(scheduler.next().is_none(), "b has nothing to do with a");
    scheduler.finish(&first[0], &Verdict::Delivered);
    let second = all_next(&mut scheduler);
    assert_eq!(seqs(&second), [2]);
    scheduler.finish(&second[0], &Verdict::Exhausted);
    assert_eq!(seqs(&all_next(&mut scheduler)), [6]);
}

#[test]
fn records_of_two_tables_are_two_records() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    offer(&mut scheduler, &endpoint, &[(1, "a")]);
    let mut other = message(2, Some("a"));
    other.event = event("customers");
    scheduler.offer(delivery(&endpoint, other)).unwrap();
    assert_eq!(seqs(&all_next(&mut scheduler)), [1, 2]);
}

#[test]
fn a_retry_holds_its_record_and_goes_before_it() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    offer(
        &mut scheduler,
        &endpoint,
        &[(1, "a"), (2, "a"), (3, "b"), (4, "b")],
    );
    let first = all_next(&mut scheduler);
    scheduler.finish(&first[0], &RETRY);
    scheduler.finish(&first[1], &Verdict::Delivered);
    assert_eq!(
        seqs(&all_next(&mut scheduler)),
        [4],
        "a waits for its retry"
    );
    offer(&mut scheduler, &endpoint, &[(5, "a"), (6, "c")]);
    scheduler.retry(again(&first[0])).unwrap();
    let second = all_next(&mut scheduler);
    assert_eq!(seqs(&second), [1, 6]);
    assert_eq!(second[0].attempt, 2);
    scheduler.finish(&second[0], &RETRY);
    assert!(scheduler.next().is_none());
    scheduler.retry(again(&second[0])).unwrap();
    let third = scheduler.next().unwrap();
    scheduler.finish(&third, &Verdict::Exhausted);
    let rest = all_next(&mut scheduler);
    assert_eq!(seqs(&rest), [2]);
    scheduler.finish(&rest[0], &Verdict::Delivered);
    assert_eq!(seqs(&all_next(&mut scheduler)), [5]);
}

#[test]
fn a_record_with_a_retry_in_the_table_is_blocked_until_that_comes() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    scheduler.block(1, &event("orders"), Some("a"));
    scheduler.block(1, &event("orders"), None);
    offer(&mut scheduler, &endpoint, &[(2, "a"), (3, ""), (4, "b")]);
    assert_eq!(seqs(&all_next(&mut scheduler)), [3, 4]);
    let retry = Delivery {
        attempt: 3,
        ..delivery(&endpoint, message(1, Some("a")))
    };
    scheduler.retry(retry).unwrap();
    let retry = scheduler.next().unwrap();
    assert_eq!(retry.message.seq, 1);
    scheduler.finish(&retry, &Verdict::Delivered);
    assert_eq!(seqs(&all_next(&mut scheduler)), [2]);
}

#[test]
fn a_record_is_unblocked_when_its_retry_will_not_come() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    scheduler.block(1, &event("orders"), Some("a"));
    offer(&mut scheduler, &endpoint, &[(2, "a"), (3, "a")]);
    assert!(scheduler.next().is_none());
    scheduler.unblock(1, &event("orders"), Some("a"));
    assert_eq!(seqs(&all_next(&mut scheduler)), [2]);
}

#[test]
fn strict_order_is_one_after_the_other() {
    let endpoint = to(1, ordered(Ordering::Strict));
    let mut scheduler = scheduler(&[&endpoint]);
    offer(&mut scheduler, &endpoint, &[(1, "a"), (2, ""), (3, "b")]);
    for seq in 1..=3 {
        let next = all_next(&mut scheduler);
        assert_eq!(seqs(&next), [seq]);
        scheduler.finish(&next[0], &Verdict::Delivered);
    }
    offer(&mut scheduler, &endpoint, &[(4, "a"), (5, "b")]);
    let failed = scheduler.next().unwrap();
    scheduler.finish(&failed, &RETRY);
    assert!(scheduler.next().is_none());
    scheduler.retry(again(&failed)).unwrap();
    assert_eq!(seqs(&all_next(&mut scheduler)), [4]);
}

#[test]
fn without_order_nothing_waits_for_anything() {
    let endpoint = to(1, ordered(Ordering::None));
    let mut scheduler = scheduler(&[&endpoint]);
    offer(&mut scheduler, &endpoint, &[(1, "a"), (2, "a"), (3, "a")]);
    let first = scheduler.next().unwrap();
    scheduler.finish(&first, &RETRY);
    assert_eq!(seqs(&all_next(&mut scheduler)), [2, 3]);
}

#[test]
fn the_bounds_on_open_calls_hold() {
    let narrow = Webhook {
        max_in_flight: 2,
        ..ordered(Ordering::None)
    };
    let (one, two) = (to(1, narrow.clone()), to(2, narrow));
    let mut scheduler = scheduler(&[&one, &two]);
    let many: Vec<(i64, &str)> = (1..=10).map(|seq| (seq, "")).collect();
    offer(&mut scheduler, &one, &many);
    let open = all_next(&mut scheduler);
    assert_eq!(seqs(&open), [1, 2]);
    scheduler.finish(&open[0], &Verdict::Delivered);
    assert_eq!(scheduler.sendable(100), 1);
    assert_eq!(seqs(&all_next(&mut scheduler)), [3]);
    scheduler.set_max_in_flight(3);
    offer(&mut scheduler, &two, &many);
    assert_eq!(scheduler.sendable(100), 1);
    assert_eq!(all_next(&mut scheduler).len(), 1);
    assert_eq!(scheduler.in_flight(), 3);
    scheduler.set_max_in_flight(0);
    scheduler.finish(&open[1], &Verdict::Delivered);
    assert!(scheduler.next().is_none());
}

#[test]
fn endpoints_take_turns() {
    let (one, two, three) = (to(1, webhook()), to(2, webhook()), to(3, webhook()));
    let mut scheduler = scheduler(&[&one, &two, &three]);
    offer(&mut scheduler, &one, &[(1, ""), (2, ""), (3, ""), (4, "")]);
    offer(&mut scheduler, &two, &[(11, ""), (12, "")]);
    offer(&mut scheduler, &three, &[(21, "")]);
    let next = all_next(&mut scheduler);
    assert_eq!(seqs(&next), [1, 11, 21, 2, 12, 3, 4]);
}

#[test]
fn a_paused_lane_waits_and_goes_on() {
    let started = to(1, webhook());
    let mut paused = Endpoint::clone(&started);
    paused.paused = true;
    let paused = Arc::new(paused);
    let mut scheduler = scheduler(&[&paused]);
    offer(&mut scheduler, &paused, &[(1, "a"), (2, "b")]);
    scheduler
        .retry(again(&delivery(&paused, message(0, Some("c")))))
        .unwrap();
    assert!(scheduler.next().is_none());
    assert_eq!(scheduler.sendable(9), 0);
    assert!(
        scheduler
            .waiting_lanes()
            .all(|lane| lane.paused && lane.queued == 3)
    );
    scheduler.configure(vec![started]);
    assert_eq!(seqs(&all_next(&mut scheduler)), [0, 1, 2]);
}

#[test]
fn what_waits_is_sent_to_the_endpoint_as_it_is_then() {
    let old = to(1, webhook());
    let mut scheduler = scheduler(&[&old]);
    offer(&mut scheduler, &old, &[(1, "a"), (2, "a")]);
    let open = scheduler.next().unwrap();
    let new = endpoint(1, "https://example.org/new", webhook());
    scheduler.configure(vec![new]);
    scheduler.finish(&open, &Verdict::Delivered);
    let next = scheduler.next().unwrap();
    assert_eq!(
        (next.message.seq, next.endpoint.url.as_str()),
        (2, "https://example.org/new")
    );
}

#[test]
fn a_lane_that_goes_takes_what_waits_along_and_its_calls_may_end() {
    let (one, two) = (to(1, webhook()), to(2, webhook()));
    let mut scheduler = scheduler(&[&one, &two]);
    offer(
        &mut scheduler,
        &one,
        &[(1, "a"), (2, "a"), (3, "b"), (4, "c")],
    );
    let open = [scheduler.next().unwrap(), scheduler.next().unwrap()];
    scheduler.remove([1]);
    assert_eq!(
        (
            scheduler.queued(1),
            scheduler.bytes(),
            scheduler.in_flight()
        ),
        (0, 0, 2)
    );
    assert!(scheduler.lane_state(1).is_none());
    assert!(scheduler.lane_state(2).is_some());
    let refused = scheduler.offer(delivery(&one, message(5, Some("a"))));
    assert_eq!(refused.unwrap_err().message.seq, 5);
    assert!(
        scheduler
            .retry(delivery(&one, message(5, Some("a"))))
            .is_err()
    );
    scheduler.finish(&open[0], &Verdict::Delivered);
    scheduler.finish(&open[1], &RETRY);
    assert!(scheduler.is_idle());
    scheduler.configure(vec![Arc::clone(&one)]);
    offer(&mut scheduler, &one, &[(6, "a"), (7, "b")]);
    assert_eq!(
        seqs(&all_next(&mut scheduler)),
        [6, 7],
        "nothing is blocked any more"
    );
}

#[test]
fn what_was_about_to_be_sent_when_a_lane_went_blocks_nothing_when_it_comes_back() {
    let one = to(1, webhook());
    let mut scheduler = scheduler(&[&one]);
    offer(
        &mut scheduler,
        &one,
        &[(1, "a"), (2, "a"), (3, "a"), (4, "b")],
    );
    let open = all_next(&mut scheduler);
    assert_eq!(seqs(&open), [1, 4]);
    scheduler.finish(&open[0], &Verdict::Delivered);
    scheduler.remove([1]);
    scheduler.configure(vec![Arc::clone(&one)]);
    offer(&mut scheduler, &one, &[(5, "a")]);
    assert_eq!(seqs(&all_next(&mut scheduler)), [5]);
}

#[test]
fn a_lane_that_comes_back_still_knows_its_open_calls() {
    let endpoint = to(
        1,
        Webhook {
            max_in_flight: 3,
            ..webhook()
        },
    );
    let mut scheduler = scheduler(&[&endpoint]);
    offer(&mut scheduler, &endpoint, &[(1, "a"), (2, "b"), (3, "a")]);
    let open = all_next(&mut scheduler);
    assert_eq!(seqs(&open), [1, 2]);
    scheduler.remove([1]);
    scheduler.configure(vec![Arc::clone(&endpoint)]);
    offer(&mut scheduler, &endpoint, &[(4, "a"), (5, "c"), (6, "d")]);
    assert_eq!(
        seqs(&all_next(&mut scheduler)),
        [5],
        "a is busy, and three calls are open"
    );
    scheduler.finish(&open[0], &RETRY);
    assert_eq!(
        seqs(&all_next(&mut scheduler)),
        [4],
        "the retry was dropped with the lane"
    );
    scheduler.finish(&open[1], &Verdict::Delivered);
    assert_eq!(seqs(&all_next(&mut scheduler)), [6]);
}

#[test]
fn a_changed_order_waits_for_the_retries_of_before() {
    for (before, after) in [
        (Ordering::None, Ordering::Record),
        (Ordering::None, Ordering::Strict),
        (Ordering::Strict, Ordering::Record),
        (Ordering::Record, Ordering::Strict),
    ] {
        let mut scheduler = OneByOne::new(9);
        scheduler.configure(vec![to(1, ordered(before))]);
        let endpoint = to(1, ordered(before));
        scheduler
            .offer(delivery(&endpoint, message(1, Some("x"))))
            .unwrap();
        let mut first = scheduler.next().expect("it is sent");
        scheduler.finish(&first, &RETRY);
        scheduler.configure(vec![to(1, ordered(after))]);
        for (seq, record) in [(2, "x"), (3, "y")] {
            scheduler
                .offer(delivery(&endpoint, message(seq, Some(record))))
                .unwrap();
        }
        let free = scheduler.next().map(|delivery| {
            scheduler.finish(&delivery, &Verdict::Delivered);
            delivery.message.seq
        });
        let expected = (after == Ordering::Record).then_some(3);
        assert_eq!(free, expected, "{before:?} {after:?}");
        assert!(scheduler.next().is_none());
        first.attempt = 2;
        scheduler.retry(first).unwrap();
        let mut rest = Vec::new();
        while let Some(delivery) = scheduler.next() {
            scheduler.finish(&delivery, &Verdict::Delivered);
            rest.push(delivery.message.seq);
        }
        assert_eq!(rest[..2], [1, 2], "{before:?} {after:?}");
    }
}

#[test]
fn a_changed_order_begins_when_the_open_calls_have_ended() {
    let by_record = to(1, webhook());
    let strict = to(1, ordered(Ordering::Strict));
    let mut scheduler = scheduler(&[&by_record]);
    offer(
        &mut scheduler,
        &by_record,
        &[(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "c")],
    );
    let open = [scheduler.next().unwrap(), scheduler.next().unwrap()];
    scheduler.configure(vec![Arc::clone(&strict)]);
    assert!(scheduler.next().is_none());
    scheduler.finish(&open[0], &Verdict::Delivered);
    assert!(scheduler.next().is_none());
    scheduler.finish(&open[1], &RETRY);
    assert!(scheduler.next().is_none(), "2 comes back first");
    scheduler.retry(again(&open[1])).unwrap();
    for seq in [2, 3, 4, 5] {
        let next = all_next(&mut scheduler);
        assert_eq!(seqs(&next), [seq]);
        scheduler.finish(&next[0], &Verdict::Delivered);
    }
    assert!(scheduler.is_idle());
}

#[test]
fn outstanding_retries_hold_a_lane_that_becomes_strict_and_free_one_that_loses_order() {
    let by_record = to(1, webhook());
    let mut scheduler = scheduler(&[&by_record]);
    offer(&mut scheduler, &by_record, &[(1, "a"), (2, "a"), (3, "b")]);
    let open = scheduler.next().unwrap();
    scheduler.finish(&open, &RETRY);
    scheduler.configure(vec![to(1, ordered(Ordering::Strict))]);
    assert!(scheduler.next().is_none());
    scheduler.configure(vec![to(1, ordered(Ordering::None))]);
    assert_eq!(seqs(&all_next(&mut scheduler)), [2, 3]);
}

#[test]
fn the_state_of_a_lane_is_counted() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    assert!(scheduler.is_idle());
    offer(
        &mut scheduler,
        &endpoint,
        &[(1, "a"), (2, "a"), (3, "b"), (4, "b")],
    );
    let open = scheduler.next().unwrap();
    scheduler.next().unwrap();
    let lane = scheduler.lane_state(1).unwrap();
    assert_eq!((lane.queued, lane.held, lane.in_flight), (2, 1, 2));
    assert_eq!(lane.retries, 0);
    assert!(lane.bytes > 2 * open.message.weight());
    assert_eq!(lane.bytes, scheduler.bytes());
    assert_eq!(scheduler.queued(1), 2);
    assert!(!scheduler.is_idle());
    scheduler.finish(&open, &RETRY);
    scheduler.retry(again(&open)).expect("a lane");
    assert_eq!(scheduler.lane_state(1).unwrap().retries, 1);
    assert_eq!(seqs(&all_next(&mut scheduler)), [1]);
    assert_eq!(scheduler.lane_state(1).unwrap().retries, 0);
}

#[test]
fn what_has_no_row_is_shown_in_order_and_only_once() {
    let before = Instant::now() - Duration::from_nanos(1);
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    offer(
        &mut scheduler,
        &endpoint,
        &[(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b"), (6, "")],
    );
    let open = [scheduler.next().unwrap(), scheduler.next().unwrap()];
    assert_eq!(seqs(&open), [1, 4]);
    offer(&mut scheduler, &endpoint, &[(7, "a")]);
    let now = Instant::now();
    let mut shown = Vec::new();
    scheduler.for_each_unstored(before, |_| panic!("none is that old"));
    scheduler.for_each_unstored(now, |delivery| {
        shown.push(delivery.message.seq);
        shown.len() < 4
    });
    let of_a: Vec<i64> = shown
        .iter()
        .copied()
        .filter(|seq| [2, 3, 7].contains(seq))
        .collect();
    assert!(of_a.is_sorted(), "{shown:?}");
    assert_eq!(shown.len(), 4);
    let refused = shown.pop().unwrap();
    scheduler.for_each_unstored(now, |delivery| {
        shown.push(delivery.message.seq);
        true
    });
    assert!(shown.contains(&refused));
    shown.sort_unstable();
    assert_eq!(shown, [2, 3, 5, 6, 7]);
    scheduler.for_each_unstored(now, |_| panic!("all have rows"));
    scheduler.finish(&open[0], &Verdict::Delivered);
    assert!(scheduler.next().unwrap().stored);
}

#[test]
fn what_has_a_row_can_be_given_up() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    offer(
        &mut scheduler,
        &endpoint,
        &[(1, "a"), (2, "a"), (3, "b"), (4, "c"), (5, "")],
    );
    let open = scheduler.next().unwrap();
    scheduler.for_each_unstored(Instant::now(), |_| true);
    offer(&mut scheduler, &endpoint, &[(6, "b"), (7, "")]);
    scheduler.block(1, &event("orders"), Some("r"));
    scheduler
        .retry(again(&delivery(&endpoint, message(0, Some("r")))))
        .unwrap();
    let mut evicted = seqs(&scheduler.evict_stored(1));
    evicted.sort_unstable();
    assert_eq!(evicted, [2, 4, 5], "3 goes before 6, which has no row");
    assert_eq!(scheduler.queued(1), 4);
    assert_eq!(seqs(&all_next(&mut scheduler)), [0, 3, 7]);
    scheduler.finish(&open, &Verdict::Delivered);
    assert!(scheduler.evict_stored(9).is_empty());
    assert!(scheduler.evict_stored(1).is_empty());
    assert_eq!(scheduler.queued(1), 1);
}

#[test]
fn what_nobody_wants_any_more_is_withdrawn_and_delays_nothing() {
    let endpoint = to(1, webhook());
    let mut scheduler = scheduler(&[&endpoint]);
    let messages = [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b"), (6, "")];
    offer(&mut scheduler, &endpoint, &messages);
    scheduler.block(1, &event("orders"), Some("r"));
    scheduler
        .retry(again(&delivery(&endpoint, message(0, Some("r")))))
        .unwrap();
    offer(&mut scheduler, &endpoint, &[(7, "r")]);
    let open = scheduler.next().unwrap();
    assert_eq!(open.message.seq, 0, "a due retry goes first");
    let next = scheduler.next().unwrap();
    assert_eq!(next.message.seq, 1);

    let mut withdrawn = seqs(&scheduler.withdraw(1, |d| [0, 2, 4, 6].contains(&d.message.seq)));
    withdrawn.sort_unstable();
    assert_eq!(withdrawn, [2, 4, 6], "open calls are not taken back");
    assert_eq!(seqs(&all_next(&mut scheduler)), [5]);
    scheduler.finish(&next, &Verdict::Delivered);
    scheduler.finish(&open, &Verdict::Delivered);
    assert_eq!(seqs(&all_next(&mut scheduler)), [3, 7]);
    assert_eq!(scheduler.queued(1), 0);
    assert!(scheduler.withdraw(9, |_| true).is_empty());
}

/// A stranger's week: offers, retries, ends of calls in any order, changes of configuration. Of each record the
/// messages must reach the endpoint in order, and no bound may ever be broken.
#[test]
fn order_and_bounds_survive_whatever_happens() {
    for seed in 1..=50_u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let lanes: Vec<Arc<Endpoint>> = (1..=3)
            .map(|id| {
                to(
                    id,
                    Webhook {
                        max_in_flight: id as u32 * 2,
                        ..webhook()
                    },
                )
            })
            .collect();
        let mut scheduler = OneByOne::new(7);
        scheduler.configure(lanes.clone());
        let (mut open, mut waiting): (Vec<Delivery>, Vec<Delivery>) = Default::default();
        let mut done: HashMap<(i64, String), i64> = HashMap::new();
        let (mut seq, mut ended) = (0, 0);
        for step in 0..3000 {
            match roll(10) {
                0..4 if step < 2000 => {
                    seq += 1;
                    let record = roll(4).to_string();
                    let lane = &lanes[roll(3) as usize];
                    scheduler
                        .offer(delivery(lane, message(seq, Some(&record))))
                        .unwrap();
                }
                4 if !waiting.is_empty() => {
                    let due = waiting.swap_remove(roll(waiting.len() as u64) as usize);
                    scheduler.retry(again(&due)).unwrap();
                }
                5 => {
                    scheduler.configure(lanes.clone());
                }
                6 => {
                    let mut refused = Vec::new();
                    scheduler.for_each_unstored(Instant::now(), |delivery| {
                        let record = (delivery.endpoint.id, delivery.message.record.clone());
                        let stored = roll(5) > 0;
                        assert!(!(stored && refused.contains(&record)), "seed {seed}");
                        if !stored {
                            refused.push(record);
                        }
                        stored
                    });
                }
                7 | 8 if !open.is_empty() => {
                    let end = open.swap_remove(roll(open.len() as u64) as usize);
                    if roll(4) == 0 {
                        scheduler.finish(&end, &RETRY);
                        waiting.push(end);
                        continue;
                    }
                    scheduler.finish(&end, &Verdict::Delivered);
                    let record = end.message.record.clone().unwrap();
                    let last = done.insert((end.endpoint.id, record), end.message.seq);
                    assert!(last < Some(end.message.seq), "seed {seed}");
                    ended += 1;
                }
                _ => open.extend(scheduler.next()),
            }
            assert_eq!(scheduler.in_flight(), open.len());
            assert!(open.len() <= 7);
            for lane in (1..=3).filter_map(|id| scheduler.lane_state(id)) {
                let of_lane = open
                    .iter()
                    .filter(|d| d.endpoint.id == lane.endpoint_id)
                    .count();
                assert_eq!(lane.in_flight, of_lane);
                assert!(of_lane <= lane.endpoint_id as usize * 2);
            }
        }
        while !(open.is_empty() && waiting.is_empty() && scheduler.is_idle()) {
            waiting
                .drain(..)
                .for_each(|due| scheduler.retry(again(&due)).unwrap());
            open.extend(std::iter::from_fn(|| scheduler.next()));
            for end in open.drain(..) {
                scheduler.finish(&end, &Verdict::Delivered);
                let record = end.message.record.clone().unwrap();
                let last = done.insert((end.endpoint.id, record), end.message.seq);
                assert!(last < Some(end.message.seq), "seed {seed}");
                ended += 1;
            }
        }
        assert_eq!(ended, seq, "seed {seed}: nothing is lost or sent twice");
        assert_eq!(scheduler.bytes(), 0);
    }
}
