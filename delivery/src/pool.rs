//! The sender threads.
//!
//! They take what to send from the [`Scheduler`] themselves: a thread whose call has ended puts down the outcome and
//! takes the next delivery under one lock, so no other thread has to run between two calls.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Transport};
use crate::delivery::{Batch, Finished};
use crate::retry::Random;
use crate::scheduler::Scheduler;
use crate::sender::Sender;
use crate::settings::Settings;

/// Enough for TLS and the C library; a thousand threads must not be a burden.
const STACK_BYTES: usize = 512 * 1024;
/// Threads that send nothing: the one that keeps the time.
const CLOCK: usize = 1;
/// With so many more outcomes waiting, the waker is called again.
const WAKE_EVERY: usize = 256;

/// The sender threads and the deliveries they share.
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// There may be something to send, or the end has come.
    work: Condvar,
    /// Something may be sent earlier than the clock knows, or the end has come.
    clock: Condvar,
    /// A thread has ended.
    ended: Condvar,
    waker: Box<dyn Fn() + Send + Sync>,
    connect: Box<Connect>,
}

/// Makes what calls go through, for so many open at once.
type Connect = dyn Fn(&Settings, usize) -> Arc<dyn Transport> + Send + Sync;

struct State {
    scheduler: Scheduler,
    finished: Vec<Finished>,
    line: Line,
    threads: usize,
    /// Threads that wait for work.
    idle: usize,
    /// Those of them that have been notified and will look.
    waking: usize,
    /// Until when the clock waits.
    clock_rings_at: Option<Instant>,
    stopping: bool,
}

/// Where calls go, and under which settings.
#[derive(Clone)]
struct Line {
    settings: Arc<Settings>,
    max_in_flight: usize,
    transport: Arc<dyn Transport>,
}

impl Pool {
    /// Starts `max_in_flight` threads.
    ///
    /// `waker` is called on a sender thread when there are outcomes where there were none, and at every 256th
    /// outcome that waits. The caller blocks all signals before, since the threads inherit that.
    pub fn start(
        settings: Settings,
        max_in_flight: usize,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Pool> {
        let connect = |settings: &Settings, max_in_flight: usize| -> Arc<dyn Transport> {
            Arc::new(Client::new(settings, max_in_flight))
        };
        Pool::start_with(Box::new(connect), settings, max_in_flight, waker)
    }

    fn start_with(
        connect: Box<Connect>,
        settings: Settings,
        max_in_flight: usize,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Pool> {
        let state = State {
            scheduler: Scheduler::new(max_in_flight),
            finished: Vec::new(),
            line: Line {
                transport: connect(&settings, max_in_flight),
                settings: Arc::new(settings),
                max_in_flight,
            },
            threads: 0,
            idle: 0,
            waking: 0,
            clock_rings_at: None,
            stopping: false,
        };
        let pool = Pool {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                work: Condvar::new(),
                clock: Condvar::new(),
                ended: Condvar::new(),
                waker: Box::new(waker),
                connect,
            }),
        };
        pool.spawn("webhooks clock", Shared::keep_time)?;
        pool.grow(max_in_flight)?;
        Ok(pool)
    }

    fn grow(&self, threads: usize) -> io::Result<()> {
        while self.shared.lock().threads < CLOCK + threads {
            let random = Random::from_seed(getrandom::u64()?);
            self.spawn("webhooks sender", |shared| {
                shared.send_all(Sender::new(random));
            })?;
        }
        Ok(())
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&Shared) + Send + 'static) -> io::Result<()> {
        // Counted before it runs, and by itself no more when it has ended.
        self.shared.lock().threads += 1;
        let thread = Running(Arc::clone(&self.shared));
        thread::Builder::new()
            .name(name.into())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&thread.0))
            .map(drop)
    }

    /// Works on the scheduler, under the lock. Afterwards as many threads are woken as can begin a call.
    pub fn scheduler<R>(&self, work: impl FnOnce(&mut Scheduler) -> R) -> R {
        let mut state = self.shared.lock();
        let result = work(&mut state.scheduler);
        self.shared.unlock_and_wake(state);
        result
    }

    /// Takes the calls that have ended since the last time.
    pub fn finished(&self) -> Vec<Finished> {
        mem::take(&mut self.shared.lock().finished)
    }

    /// Goes on with other settings. Open calls end under the old ones. An error says that fewer threads run than
    /// calls may be open.
    pub fn reconfigure(&self, settings: Settings, max_in_flight: usize) -> io::Result<()> {
        let mut state = self.shared.lock();
        if *state.line.settings != settings || state.line.max_in_flight != max_in_flight {
            state.line = Line {
                transport: (self.shared.connect)(&settings, max_in_flight),
                settings: Arc::new(settings),
                max_in_flight,
            };
        }
        state.scheduler.set_max_in_flight(max_in_flight);
        self.shared.unlock_and_wake(state);
        self.grow(max_in_flight)
    }

    /// Tells the threads to end after their calls and waits at most so long for it. The calls that are open then
    /// are broken off and count as never made. Returns what had finished.
    pub fn stop(self, within: Duration) -> Vec<Finished> {
        let told = Instant::now();
        let mut state = self.shared.lock();
        state.stopping = true;
        self.shared.notify_all();
        while state.threads > 0 {
            let left = within.saturating_sub(told.elapsed());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let finished = mem::take(&mut state.finished);
        let transport = Arc::clone(&state.line.transport);
        drop(state);
        transport.shut_down();
        finished
    }
}

impl Drop for Pool {
    /// Tells the threads to end, and does not wait for it.
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.notify_all();
    }
}

/// A thread that counts; dropped when it ends, or when it could not be started.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
        self.0.ended.notify_all();
    }
}

impl Shared {
    /// The life of a thread.
    fn send_all(&self, mut sender: Sender) {
        let mut finished = None;
        while let Some((batch, line)) = self.exchange(finished.take()) {
            finished = Some(sender.send(batch, &*line.transport, &line.settings));
        }
    }

    /// Puts down an outcome and takes the next call; waits for one if there is none. `None` at the end.
    fn exchange(&self, finished: Option<Finished>) -> Option<(Batch, Line)> {
        let mut state = self.lock();
        let mut tell = finished.is_some_and(|finished| state.put_down(finished));
        loop {
            if let Some(batch) = state.take() {
                let line = state.line.clone();
                self.unlock_and_wake(state);
                if tell {
                    (self.waker)();
                }
                return Some((batch, line));
            }
            if mem::take(&mut tell) {
                drop(state);
                (self.waker)();
                state = self.lock();
                continue;
            }
            if state.stopping {
                return None;
            }
            state = self.wait_for_work(state);
        }
    }

    fn wait_for_work<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.set_clock(&state);
        state.idle += 1;
        let mut state = self
            .work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.waking = state.waking.saturating_sub(1);
        state
    }

    /// Wakes as many idle threads as can begin a call, without those that are about to look already.
    fn unlock_and_wake(&self, mut state: MutexGuard<'_, State>) {
        let idle = state.idle;
        let useful = state.scheduler.sendable(idle, Instant::now());
        let wake = useful.saturating_sub(state.waking);
        state.waking += wake;
        self.set_clock(&state);
        drop(state);
        for _ in 0..wake {
            self.work.notify_one();
        }
    }

    fn set_clock(&self, state: &State) {
        let opens_at = state.scheduler.opens_at();
        if opens_at.is_some() && state.clock_rings_at.is_none_or(|at| opens_at < Some(at)) {
            self.clock.notify_one();
        }
    }

    /// The life of the thread that wakes the others when what may be sent at a known time may be sent.
    fn keep_time(&self) {
        let mut state = self.lock();
        while !state.stopping {
            state.clock_rings_at = state.scheduler.opens_at();
            let left = state
                .clock_rings_at
                .map(|at| at.saturating_duration_since(Instant::now()));
            state = match left {
                None => self
                    .clock
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    self.unlock_and_wake(state);
                    self.lock()
                }
                Some(left) => {
                    let waited = self.clock.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn notify_all(&self) {
        self.work.notify_all();
        self.clock.notify_all();
    }

    /// A panic under the lock is not expected, and no reason to stop sending.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Records the end of a call. Returns whether the waker is to be called.
    fn put_down(&mut self, finished: Finished) -> bool {
        self.scheduler.finish(&finished, Instant::now());
        self.finished.push(finished);
        self.finished.len() == 1 || self.finished.len().is_multiple_of(WAKE_EVERY)
    }

    fn take(&mut self) -> Option<Batch> {
        if self.stopping {
            return None;
        }
        self.scheduler.next(Instant::now())
    }
}

#[cfg(test)]
mod tests;
