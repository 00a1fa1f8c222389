use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::client::{Answer, Call};
use crate::fault::FaultKind;
use crate::fixtures::{delivery, endpoint, settings};
use crate::outcome::Verdict;

/// No test takes this long unless it has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// Answers whatever the test says.
struct Fake<F>(F);

impl<F: Fn(&Call<'_>) -> Answer + Send + Sync> Transport for Fake<F> {
    fn call(&self, call: &Call<'_>) -> Answer {
        (self.0)(call)
    }

    fn shut_down(&self) {}
}

fn ok() -> Answer {
    Answer {
        status: Some(200),
        ..Answer::default()
    }
}

fn pool(
    threads: usize,
    waker: impl Fn() + Send + Sync + 'static,
    answer: impl Fn(&Call<'_>) -> Answer + Send + Sync + 'static,
) -> Pool {
    let transport: Arc<dyn Transport> = Arc::new(Fake(answer));
    let connect = move |_: &Settings, _| Arc::clone(&transport);
    let pool = Pool::start_with(Box::new(connect), settings(), threads, waker).unwrap();
    pool.scheduler(|scheduler| scheduler.configure(vec![endpoint()]));
    pool
}

fn offer(pool: &Pool, count: i64) {
    let endpoint = endpoint();
    pool.scheduler(|scheduler| {
        for seq in 0..count {
            scheduler.offer(delivery(&endpoint, seq)).unwrap();
        }
    });
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        thread::yield_now();
    }
}

/// A transport whose calls say that they have begun and then wait to be let go.
fn gate() -> (
    impl Fn(&Call<'_>) -> Answer + Send + Sync,
    Receiver<()>,
    Sender<()>,
) {
    let (begun, has_begun) = channel();
    let (release, released) = channel();
    let released = Mutex::new(released);
    let begun = Mutex::new(begun);
    let answer = move |_: &Call<'_>| {
        begun.lock().unwrap().send(()).ok();
        released.lock().unwrap().recv().ok();
        ok()
    };
    (answer, has_begun, release)
}

#[test]
fn every_delivery_ends_once() {
    let pool = pool(4, || (), |_| ok());
    offer(&pool, 1000);
    wait_until(|| pool.scheduler(|scheduler| scheduler.is_idle()));
    let mut seqs: Vec<i64> = pool
        .finished()
        .iter()
        .map(|f| f.batch.deliveries[0].message.seq)
        .collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(0..1000));
    assert!(pool.finished().is_empty());
}

#[test]
fn a_panic_is_an_outcome_and_the_thread_lives_on() {
    let pool = pool(
        1,
        || (),
        |call| match call.body.len() {
            0 => unreachable!(),
            _ if call.header("webhook-attempt") == "1" => panic!("injected"),
            _ => ok(),
        },
    );
    offer(&pool, 2);
    wait_until(|| pool.scheduler(|scheduler| scheduler.is_idle()));
    let finished = pool.finished();
    assert_eq!(finished.len(), 2);
    for outcome in finished {
        let fault = outcome.error.unwrap();
        assert_eq!(fault.kind, FaultKind::Internal);
        assert!(fault.to_string().starts_with("internal: "));
        assert!(!fault.to_string().contains("injected"));
        assert!(matches!(outcome.verdicts[..], [Verdict::Retry { .. }]));
        let mut retry = outcome.batch.deliveries[0].clone();
        retry.attempt += 1;
        pool.scheduler(|scheduler| scheduler.retry(retry)).unwrap();
    }
    wait_until(|| pool.scheduler(|scheduler| scheduler.is_idle()));
    assert!(
        pool.finished()
            .iter()
            .all(|f| f.verdicts == [Verdict::Delivered])
    );
}

#[test]
fn the_waker_is_called_for_the_first_outcome_and_every_256th() {
    let wakes = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&wakes);
    let waker = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let pool = pool(1, waker, |_| ok());
    offer(&pool, 600);
    wait_until(|| pool.scheduler(|scheduler| scheduler.is_idle()));
    wait_until(|| wakes.load(Ordering::SeqCst) == 3);
    assert_eq!(pool.finished().len(), 600);
    offer(&pool, 1);
    wait_until(|| wakes.load(Ordering::SeqCst) == 4);
}

#[test]
fn as_many_calls_are_open_as_may_be_and_no_more() {
    let (answer, begun, release) = gate();
    let pool = pool(2, || (), answer);
    offer(&pool, 10);
    for _ in 0..2 {
        begun.recv_timeout(DEADLINE).unwrap();
    }
    assert_eq!(pool.scheduler(|scheduler| scheduler.in_flight()), 2);
    assert!(begun.try_recv().is_err());
    pool.reconfigure(settings(), 5).unwrap();
    for _ in 0..3 {
        begun.recv_timeout(DEADLINE).unwrap();
    }
    assert_eq!(pool.scheduler(|scheduler| scheduler.in_flight()), 5);
    pool.reconfigure(settings(), 1).unwrap();
    for _ in 0..4 {
        release.send(()).unwrap();
    }
    wait_until(|| pool.scheduler(|scheduler| scheduler.in_flight()) == 1);
    assert!(begun.try_recv().is_err());
    drop(release);
    wait_until(|| pool.scheduler(|scheduler| scheduler.is_idle()));
}

#[test]
fn stopping_waits_for_calls_that_end_and_returns_them() {
    let (answer, begun, release) = gate();
    let pool = pool(2, || (), answer);
    offer(&pool, 10);
    for _ in 0..2 {
        begun.recv_timeout(DEADLINE).unwrap();
    }
    let shared = Arc::clone(&pool.shared);
    let stop = thread::spawn(|| pool.stop(DEADLINE));
    wait_until(|| shared.lock().stopping);
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    assert_eq!(stop.join().unwrap().len(), 2, "no other call was begun");
}

#[test]
fn stopping_leaves_calls_that_do_not_end() {
    let (answer, begun, release) = gate();
    let pool = pool(1, || (), answer);
    offer(&pool, 1);
    begun.recv_timeout(DEADLINE).unwrap();
    assert!(pool.stop(Duration::from_millis(1)).is_empty());
    release.send(()).expect("the call is still open");
}

#[test]
fn idle_threads_end_with_the_pool() {
    let pool = pool(8, || (), |_| ok());
    let shared = Arc::clone(&pool.shared);
    drop(pool);
    wait_until(|| shared.lock().threads == 0);
}
