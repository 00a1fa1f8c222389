//! When an endpoint is called at all: throttle, breaker, what it asks for, and who gets the calls that are left.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{delivery, endpoint, finished, message, webhook};
use webhooks_delivery::{Batch, Effect, Endpoint, Ordering, Scheduler, Throttle, Verdict, Webhook};

const WAIT: Duration = Duration::from_secs(60);
const RETRY: Verdict = Verdict::Retry { after: WAIT };
const FAILING: Effect = Effect::Failing { wait: WAIT };

fn unordered(id: i64) -> Arc<Endpoint> {
    let webhook = Webhook {
        ordering: Ordering::None,
        ..webhook()
    };
    endpoint(id, "https://example.com/", webhook)
}

fn three_in_ten_seconds() -> Arc<Endpoint> {
    let webhook = Webhook {
        throttle: Some(Throttle {
            calls: 3,
            per: Duration::from_secs(10),
        }),
        ordering: Ordering::None,
        ..webhook()
    };
    endpoint(1, "https://example.com/", webhook)
}

fn scheduler(max_in_flight: usize, endpoints: &[Arc<Endpoint>], each: i64) -> Scheduler {
    let mut scheduler = Scheduler::new(max_in_flight);
    scheduler.configure(endpoints.to_vec());
    for endpoint in endpoints {
        for seq in 1..=each {
            scheduler
                .offer(delivery(endpoint, message(seq, None)))
                .unwrap();
        }
    }
    scheduler
}

fn all_next(scheduler: &mut Scheduler, now: Instant) -> Vec<Batch> {
    std::iter::from_fn(|| scheduler.next(now)).collect()
}

/// Ends one call after the other with an error until the endpoint is left alone.
fn break_it(scheduler: &mut Scheduler, now: Instant) {
    for _ in 0..5 {
        let batch = scheduler.next(now).expect("it is called");
        scheduler.finish(&finished(batch, RETRY, FAILING), now);
    }
}

#[test]
fn a_throttled_lane_says_when_it_goes_on() {
    let endpoints = [three_in_ten_seconds()];
    let (mut scheduler, start) = (scheduler(100, &endpoints, 5), Instant::now());
    let open = all_next(&mut scheduler, start);
    assert_eq!(open.len(), 3);
    let end = start + Duration::from_millis(20);
    for batch in open {
        scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), end);
    }
    assert!(scheduler.next(end).is_none());
    assert_eq!(scheduler.sendable(9, end), 0);
    let opens_at = scheduler.opens_at().unwrap();
    assert_eq!(opens_at, end + Duration::from_secs(10));
    assert_eq!(scheduler.sendable(9, opens_at), 2);
    assert_eq!(all_next(&mut scheduler, opens_at).len(), 2);
    assert_eq!(scheduler.opens_at(), None, "nothing waits");
}

#[test]
fn calls_of_another_count_for_the_throttle() {
    let endpoints = [three_in_ten_seconds()];
    let (mut scheduler, start) = (scheduler(100, &endpoints, 5), Instant::now());
    for ago in [11, 9, 1].map(Duration::from_secs) {
        scheduler.remember(1, start - ago);
    }
    assert_eq!(all_next(&mut scheduler, start).len(), 1);
    assert_eq!(scheduler.opens_at(), Some(start + Duration::from_secs(1)));
}

#[test]
fn behind_a_breaker_one_delivery_probes_and_the_others_wait() {
    let endpoints = [unordered(1)];
    let (mut scheduler, start) = (scheduler(100, &endpoints, 50), Instant::now());
    break_it(&mut scheduler, start);
    assert!(scheduler.next(start).is_none());
    assert!(scheduler.lane_state(1).unwrap().broken);
    let probe_at = scheduler.opens_at().unwrap();
    assert_eq!(probe_at, start + WAIT);

    let probe = all_next(&mut scheduler, probe_at);
    assert_eq!(probe.len(), 1);
    assert_eq!(scheduler.sendable(9, probe_at), 0);
    let probe = finished(probe.into_iter().next().unwrap(), RETRY, FAILING);
    scheduler.finish(&probe, probe_at);
    assert!(scheduler.next(probe_at + WAIT / 2).is_none());

    let back = probe_at + WAIT;
    let mut open = all_next(&mut scheduler, back);
    let mut ramp = Vec::new();
    while let Some(batch) = open.pop() {
        scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), back);
        open.extend(all_next(&mut scheduler, back));
        ramp.push(open.len());
    }
    assert_eq!(
        ramp[..8],
        [2, 3, 4, 5, 6, 7, 8, 8],
        "few at first, then as many as may be"
    );
    assert!(!scheduler.lane_state(1).unwrap().broken);
}

#[test]
fn messages_that_are_never_taken_do_not_keep_the_others_back_for_ever() {
    let endpoint = unordered(1);
    let (mut scheduler, mut now) = (
        scheduler(100, std::slice::from_ref(&endpoint), 5),
        Instant::now(),
    );
    let mut poison = Vec::new();
    for batch in all_next(&mut scheduler, now) {
        let end = finished(batch, RETRY, FAILING);
        scheduler.finish(&end, now);
        poison.extend(end.batch.deliveries);
    }
    scheduler
        .offer(delivery(&endpoint, message(6, None)))
        .unwrap();
    now += WAIT;
    for delivery in poison {
        scheduler.retry(delivery).unwrap();
    }
    let mut probes = Vec::new();
    for _ in 0..2 {
        let probe = scheduler.next(now).expect("a probe");
        probes.push(probe.deliveries[0].message.seq);
        scheduler.finish(&finished(probe, RETRY, FAILING), now);
        now += WAIT;
    }
    assert_eq!(probes, [1, 6]);
}

#[test]
fn who_asks_to_be_left_alone_is_and_nobody_else() {
    let endpoints = [unordered(1), unordered(2)];
    let (mut scheduler, start) = (scheduler(2, &endpoints, 3), Instant::now());
    let mut open = all_next(&mut scheduler, start);
    open.sort_by_key(|batch| batch.endpoint().id);
    let asking = finished(open.remove(0), RETRY, Effect::Wait(WAIT));
    scheduler.finish(&asking, start);
    let other = finished(open.remove(0), Verdict::Delivered, Effect::Alive);
    scheduler.finish(&other, start);
    let next = all_next(&mut scheduler, start);
    assert!(next.iter().all(|batch| batch.endpoint().id == 2));
    assert_eq!(next.len(), 2);
    for batch in next {
        scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), start);
    }
    assert_eq!(scheduler.opens_at(), Some(start + WAIT));
    assert_eq!(all_next(&mut scheduler, start + WAIT).len(), 1, "gently");
}

#[test]
fn an_endpoint_that_wants_no_calls_gets_none_until_it_is_enabled() {
    for effect in [Effect::Disable, Effect::Gone] {
        let endpoint = unordered(1);
        let (mut scheduler, now) = (
            scheduler(9, std::slice::from_ref(&endpoint), 3),
            Instant::now(),
        );
        let batch = scheduler.next(now).unwrap();
        scheduler.finish(&finished(batch, RETRY, effect), now);
        assert!(scheduler.next(now + WAIT * 1000).is_none());
        assert_eq!(scheduler.opens_at(), None);
        let mut disabled = Endpoint::clone(&endpoint);
        disabled.paused = true;
        scheduler.configure(vec![Arc::new(disabled)]);
        scheduler.configure(vec![endpoint]);
        assert_eq!(all_next(&mut scheduler, now).len(), 2);
    }
}

#[test]
fn an_endpoint_that_was_enabled_before_it_was_seen_disabled_is_called() {
    for effect in [Effect::Disable, Effect::Gone] {
        let endpoint = unordered(1);
        let (mut scheduler, now) = (
            scheduler(9, std::slice::from_ref(&endpoint), 3),
            Instant::now(),
        );
        let batch = scheduler.next(now).unwrap();
        scheduler.finish(&finished(batch, RETRY, effect), now);
        scheduler.configure(vec![Arc::clone(&endpoint)]);
        assert!(scheduler.next(now).is_none(), "nobody has enabled it");
        let mut enabled = Endpoint::clone(&endpoint);
        enabled.state_since += 1;
        scheduler.configure(vec![Arc::new(enabled)]);
        assert_eq!(all_next(&mut scheduler, now).len(), 2);
    }
}

#[test]
fn what_a_former_url_answers_says_nothing_about_the_one_there_is() {
    for effect in [Effect::Disable, Effect::Gone, Effect::Wait(WAIT), FAILING] {
        let endpoint = unordered(1);
        let (mut scheduler, now) = (
            scheduler(5, std::slice::from_ref(&endpoint), 12),
            Instant::now(),
        );
        let open = all_next(&mut scheduler, now);
        assert_eq!(open.len(), 5);
        scheduler.configure(vec![moved(&endpoint)]);
        for batch in open {
            scheduler.finish(&finished(batch, RETRY, effect), now);
        }
        let next = all_next(&mut scheduler, now);
        assert!(!next.is_empty(), "{effect:?}");
        assert_eq!(next[0].endpoint().url, "https://example.org/");
        for batch in next {
            scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), now);
        }
        assert!(scheduler.next(now).is_some(), "{effect:?}");
    }
}

#[test]
fn enabling_ends_what_errors_began() {
    let endpoint = unordered(1);
    let (mut scheduler, now) = (
        scheduler(9, std::slice::from_ref(&endpoint), 8),
        Instant::now(),
    );
    break_it(&mut scheduler, now);
    assert!(scheduler.next(now).is_none());
    let mut paused = Endpoint::clone(&endpoint);
    paused.paused = true;
    scheduler.configure(vec![Arc::new(paused)]);
    scheduler.configure(vec![endpoint]);
    assert_eq!(all_next(&mut scheduler, now).len(), 3);
}

#[test]
fn endpoints_that_may_not_work_leave_calls_for_those_that_do() {
    let mut endpoints: Vec<Arc<Endpoint>> = (1..=100).map(unordered).collect();
    let (mut scheduler, now) = (scheduler(16, &endpoints[..1], 1), Instant::now());
    let good = scheduler.next(now).unwrap();
    scheduler.finish(&finished(good, Verdict::Delivered, Effect::Alive), now);
    scheduler.configure(endpoints.clone());
    for endpoint in endpoints.drain(1..) {
        scheduler
            .offer(delivery(&endpoint, message(2, None)))
            .unwrap();
    }
    assert_eq!(scheduler.sendable(99, now), 12);
    let silent = all_next(&mut scheduler, now);
    assert_eq!(silent.len(), 12, "three quarters");
    assert_eq!(scheduler.sendable(99, now), 0);
    for seq in 3..=9 {
        scheduler
            .offer(delivery(&endpoints[0], message(seq, None)))
            .unwrap();
    }
    assert_eq!(scheduler.sendable(99, now), 4);
    let good = all_next(&mut scheduler, now);
    assert_eq!(good.len(), 4);
    assert!(good.iter().all(|batch| batch.endpoint().id == 1));
    for batch in silent {
        scheduler.finish(&finished(batch, RETRY, FAILING), now);
    }
    assert_eq!(all_next(&mut scheduler, now).len(), 12);
}

#[test]
fn an_endpoint_that_works_on_and_off_has_no_more_turns_than_others() {
    let endpoints: Vec<Arc<Endpoint>> = (1..=2).map(unordered).collect();
    let (mut scheduler, now) = (scheduler(99, &endpoints[..1], 40), Instant::now());
    for (n, batch) in all_next(&mut scheduler, now).into_iter().enumerate() {
        let (verdict, effect) = match n % 2 {
            0 => (Verdict::Delivered, Effect::Alive),
            _ => (RETRY, FAILING),
        };
        scheduler.finish(&finished(batch, verdict, effect), now);
    }
    scheduler.configure(endpoints.clone());
    for seq in 1..=4 {
        scheduler
            .offer(delivery(&endpoints[1], message(seq, None)))
            .unwrap();
    }
    let next = all_next(&mut scheduler, now);
    let turns: Vec<i64> = next.iter().map(|batch| batch.endpoint().id).collect();
    assert_eq!(turns, [1, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1]);
}

/// The same endpoint, somewhere else since.
fn moved(endpoint: &Endpoint) -> Arc<Endpoint> {
    let mut moved = endpoint.clone();
    moved.url = "https://example.org/".into();
    moved.state_since += 1;
    Arc::new(moved)
}

#[test]
fn that_an_endpoint_worked_says_nothing_when_it_has_moved_since() {
    let endpoints: Vec<Arc<Endpoint>> = (1..=3).map(unordered).collect();
    let (mut scheduler, now) = (scheduler(16, &endpoints[..1], 1), Instant::now());
    let batch = scheduler.next(now).expect("a call");
    scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), now);
    scheduler.configure(endpoints[1..].to_vec());
    for endpoint in &endpoints[1..] {
        for seq in 1..=8 {
            scheduler
                .offer(delivery(endpoint, message(seq, None)))
                .unwrap();
        }
    }
    assert_eq!(scheduler.sendable(99, now), 12, "three quarters");
    scheduler.configure(vec![moved(&endpoints[0])]);
    assert_eq!(scheduler.sendable(99, now), 16);
    scheduler
        .offer(delivery(&endpoints[0], message(9, None)))
        .unwrap();
    assert_eq!(scheduler.sendable(99, now), 16);
}

#[test]
fn an_endpoint_that_had_nothing_to_send_for_a_while_has_no_more_turns_than_others() {
    let endpoints: Vec<Arc<Endpoint>> = (1..=2).map(unordered).collect();
    let (mut scheduler, now) = (scheduler(99, &endpoints[..1], 2), Instant::now());
    for _ in 0..2 {
        let batch = scheduler.next(now).expect("a call");
        scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), now);
    }
    scheduler.configure(vec![moved(&endpoints[0]), Arc::clone(&endpoints[1])]);
    for endpoint in &endpoints {
        for seq in 3..=6 {
            scheduler
                .offer(delivery(endpoint, message(seq, None)))
                .unwrap();
        }
    }
    let next = all_next(&mut scheduler, now);
    let turns: Vec<i64> = next.iter().map(|batch| batch.endpoint().id).collect();
    assert_eq!(turns, [1, 2, 1, 2, 1, 2, 1, 2]);
}

#[test]
fn where_none_is_known_to_work_all_calls_are_for_all() {
    let endpoints: Vec<Arc<Endpoint>> = (1..=100).map(unordered).collect();
    let mut scheduler = scheduler(16, &endpoints, 1);
    assert_eq!(all_next(&mut scheduler, Instant::now()).len(), 16);
}

#[test]
fn an_endpoint_that_has_ramped_up_is_like_one_that_never_failed() {
    let endpoints = [unordered(1)];
    let (mut scheduler, now) = (scheduler(100, &endpoints, 100), Instant::now());
    break_it(&mut scheduler, now);
    let later = now + WAIT;
    for _ in 0..8 {
        let batch = scheduler.next(later).expect("it is called");
        scheduler.finish(&finished(batch, Verdict::Delivered, Effect::Alive), later);
    }
    let batch = scheduler.next(later).expect("it is called");
    scheduler.finish(&finished(batch, RETRY, FAILING), later);
    assert_eq!(
        all_next(&mut scheduler, later).len(),
        8,
        "one error is one error"
    );
}
