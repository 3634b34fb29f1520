//! The pool's gate leaves no job behind, and exactly the excess of workers leaves.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::gate::{ExcessWorkers, Gate};

struct Pool {
    gate: Gate,
    queue: Mutex<Vec<u32>>,
    swept: AtomicUsize,
}

impl Pool {
    fn submit(&self, job: u32) -> usize {
        if !self.gate.is_open() {
            return 0;
        }
        self.queue.lock().unwrap().push(job);
        self.gate.after_push(|| self.sweep());
        1
    }

    fn sweep(&self) {
        let swept = self.queue.lock().unwrap().drain(..).count();
        self.swept.fetch_add(swept, Ordering::SeqCst);
    }
}

#[test]
fn a_job_that_comes_in_while_the_gate_closes_is_swept_or_refused() {
    loom::model(|| {
        let pool = Pool { gate: Gate::new(), queue: Mutex::new(Vec::new()), swept: AtomicUsize::new(0) };
        let pool = Arc::new(pool);
        let submitting = Arc::clone(&pool);
        let submitter = thread::spawn(move || submitting.submit(1) + submitting.submit(2));
        pool.gate.close();
        pool.gate.kill(|| pool.sweep());
        let accepted = submitter.join().unwrap();
        assert!(pool.queue.lock().unwrap().is_empty(), "a job was left behind");
        assert_eq!(pool.swept.load(Ordering::SeqCst), accepted);
    });
}

#[test]
fn closing_late_does_not_bring_the_dead_back() {
    loom::model(|| {
        let gate = Arc::new(Gate::new());
        let other = Arc::clone(&gate);
        let killer = thread::spawn(move || other.kill(|| {}));
        gate.close();
        killer.join().unwrap();
        let swept = AtomicUsize::new(0);
        gate.after_push(|| swept.store(1, Ordering::SeqCst));
        assert!(!gate.is_open() && swept.load(Ordering::SeqCst) == 1);
    });
}

#[test]
fn as_many_leave_as_were_told_to_and_not_asked_to_stay() {
    loom::model(|| {
        let excess = Arc::new(ExcessWorkers::new());
        excess.add(2);
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let excess = Arc::clone(&excess);
                thread::spawn(move || excess.take(1))
            })
            .collect();
        let kept = excess.take(1);
        let left: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(left + kept + excess.get(), 2);
        assert_eq!(left + kept, 2, "three asked, so the two were all taken");
    });
}
