//! The two handshakes of a lane: no worker sleeps while there is a job, and no caller while there is room for one.
//!
//! The channel is a counter here, and `tokio::sync::Notify` a model of its contract: the rest is the pool's own code.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::sleepers::Sleepers;

/// Wakes one of those who wait, or the next to wait.
#[derive(Default)]
struct Notify {
    state: Mutex<Notified>,
    changed: Condvar,
}

#[derive(Default)]
struct Notified {
    waiting: usize,
    granted: usize,
    permit: bool,
}

impl Notify {
    /// As `Notified::enable`: notifications from here on reach this one. True: it was notified before.
    fn enable(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let told = std::mem::take(&mut state.permit);
        state.waiting += usize::from(!told);
        told
    }

    fn wait(&self, told: bool) {
        let mut state = self.state.lock().unwrap();
        while !told && state.granted == 0 {
            state = self.changed.wait(state).unwrap();
        }
        state.granted -= usize::from(!told);
    }

    /// As dropping a `Notified` that was not awaited: its notification goes to another.
    fn leave(&self, told: bool) {
        let mut state = self.state.lock().unwrap();
        if told || state.waiting == 0 {
            state.granted -= usize::from(!told);
            drop(state);
            self.notify_one();
        } else {
            state.waiting -= 1;
        }
    }

    fn notify_one(&self) {
        let mut state = self.state.lock().unwrap();
        if state.waiting > 0 {
            state.waiting -= 1;
            state.granted += 1;
            self.changed.notify_all();
        } else {
            state.permit = true;
        }
    }
}

/// A count: jobs in a queue, or room in it.
struct Stock {
    there: AtomicUsize,
    sleepers: Sleepers,
    told: Notify,
}

impl Stock {
    fn new() -> Arc<Self> {
        Arc::new(Self { there: AtomicUsize::new(0), sleepers: Sleepers::new(), told: Notify::default() })
    }

    /// As `Queue::wake_worker` after a push, and as `Queue::take` where callers wait for room.
    fn bring(&self) {
        self.there.fetch_add(1, Ordering::SeqCst);
        self.sleepers.wake_one(|| self.told.notify_one());
    }

    fn take(&self) -> bool {
        self.there.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |there| there.checked_sub(1)).is_ok()
    }

    /// As `Queue::next`: notified first, counted second.
    fn next_job(&self) {
        while !self.take() {
            let told = self.told.enable();
            let asleep = self.sleepers.register();
            if self.there.load(Ordering::SeqCst) == 0 {
                self.told.wait(told);
            } else {
                self.told.leave(told);
            }
            asleep.leave_as_last();
        }
    }

    /// As `Pool::submit`: counted first, notified second, and the last check takes at once.
    fn next_room(&self) {
        while !self.take() {
            let _asleep = self.sleepers.register();
            let told = self.told.enable();
            if self.take() {
                self.told.leave(told);
                return;
            }
            self.told.wait(told);
        }
    }
}

/// Two threads take one each, of what two bring: loom reports a thread that sleeps for ever.
fn no_thread_sleeps_for_ever(next: fn(&Stock)) {
    let mut model = loom::model::Builder::new();
    // With four threads the search is limited to this many preemptions, as loom advises.
    model.preemption_bound = Some(2);
    model.check(move || {
        let stock = Stock::new();
        let spawn = |work: fn(&Stock)| {
            let stock = Arc::clone(&stock);
            thread::spawn(move || work(&stock))
        };
        let others = [spawn(next), spawn(next), spawn(Stock::bring)];
        stock.bring();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(stock.there.load(Ordering::SeqCst), 0);
        assert_eq!(stock.sleepers.count(), 0);
    });
}

#[test]
fn no_worker_sleeps_on_a_job() {
    no_thread_sleeps_for_ever(Stock::next_job);
}

#[test]
fn no_caller_sleeps_on_room() {
    no_thread_sleeps_for_ever(Stock::next_room);
}
