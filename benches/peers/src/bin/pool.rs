//! Handing a job to two workers, beside the channels and the runtime one would take instead.
//!
//! Every job is counted, so that nothing can be optimised away and the results can be compared. Each thread counts for
//! itself, and a job only borrows the counters: three threads that write one line would cost more than handing over.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portolan::engine::{Clock, Job, Pool, PoolOptions, Shutdown};
use portolan_peers::{Counting, Row, all_processor_time, allocations, machine, print, processor_time};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const JOBS: u64 = 1_000_000;
/// The size of the queue while the workers are held, to measure submitting alone.
const HELD_JOBS: u64 = 50_000;
const QUEUE: usize = 65_536;
const ROUNDS: usize = 15;
const LONG: Duration = Duration::from_secs(60);

type Closure = Box<dyn FnOnce() + Send>;
type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
type Counter = &'static Counters;

/// A way to hand jobs to two workers, which count them.
type Candidate = Box<dyn Fn(Counter) -> Arc<dyn Fn(u64) + Send + Sync>>;

/// Jobs done, by thread.
#[derive(Default)]
struct Counters([OwnLine; 16]);

#[derive(Default)]
#[repr(align(128))]
struct OwnLine(AtomicU64);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % 16;
}

impl Counters {
    fn leaked() -> Counter {
        Box::leak(Box::default())
    }

    /// Threads may share a place, so it is a locked addition; it is seldom contended.
    fn add(&self) {
        self.0[THREAD.with(|thread| *thread)].0.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).sum()
    }
}

fn options() -> PoolOptions {
    PoolOptions { min: 2, max: 2, slow: 0, queue: QUEUE, ..PoolOptions::default() }
}

/// Two threads that run what comes out of `next` until it ends.
fn two_threads<J: Send + 'static>(
    next: impl Fn() -> Option<J> + Clone + Send + 'static,
    run: impl Fn(J) + Clone + Send + 'static,
) {
    for _ in 0..2 {
        let (next, run) = (next.clone(), run.clone());
        std::thread::spawn(move || {
            while let Some(job) = next() {
                run(job);
            }
        });
    }
}

fn candidates(runtime: Arc<Runtime>) -> Vec<(&'static str, Candidate)> {
    let (one, two, three) = (Arc::clone(&runtime), Arc::clone(&runtime), runtime);
    let boxed = |counter: Counter| -> Closure { Box::new(move || counter.add()) };
    vec![
        (
            "portolan threads, inline",
            Box::new(|counter| {
                let pool = Pool::threads(options(), Clock::coarse(), move |_: u64| counter.add()).unwrap();
                Arc::new(move |n| pool.submit_blocking(Job::new(n), LONG).unwrap())
            }),
        ),
        ("portolan tasks, inline", {
            let runtime = Arc::clone(&one);
            Box::new(move |counter| {
                let _within = runtime.enter();
                let run = move |_: u64| std::future::ready(counter.add());
                let pool = Pool::tasks(&Shutdown::new(), options(), Clock::coarse(), run);
                Arc::new(move |n| pool.submit_blocking(Job::new(n), LONG).unwrap())
            })
        }),
        (
            "portolan threads, boxed closure",
            Box::new(move |counter| {
                let pool = Pool::threads(options(), Clock::coarse(), |job: Closure| job()).unwrap();
                Arc::new(move |_| pool.submit_blocking(Job::new(boxed(counter)), LONG).unwrap())
            }),
        ),
        ("portolan tasks, boxed future", {
            Box::new(move |counter| {
                let _within = one.enter();
                let pool = Pool::tasks(&Shutdown::new(), options(), Clock::coarse(), |job: Boxed| job);
                Arc::new(move |_| {
                    let job: Boxed = Box::pin(async move { counter.add() });
                    pool.submit_blocking(Job::new(job), LONG).unwrap();
                })
            })
        }),
        (
            "crossbeam bounded, inline",
            Box::new(|counter| {
                let (sender, receiver) = crossbeam_channel::bounded::<u64>(QUEUE);
                two_threads(move || receiver.recv().ok(), move |_| counter.add());
                Arc::new(move |n| sender.send(n).unwrap())
            }),
        ),
        (
            "crossbeam bounded, boxed closure",
            Box::new(move |counter| {
                let (sender, receiver) = crossbeam_channel::bounded::<Closure>(QUEUE);
                two_threads(move || receiver.recv().ok(), |job| job());
                Arc::new(move |_| sender.send(boxed(counter)).unwrap())
            }),
        ),
        (
            "flume bounded, boxed closure",
            Box::new(move |counter| {
                let (sender, receiver) = flume::bounded::<Closure>(QUEUE);
                two_threads(move || receiver.recv().ok(), |job| job());
                Arc::new(move |_| sender.send(boxed(counter)).unwrap())
            }),
        ),
        (
            "tokio mpsc to two tasks, inline",
            Box::new(move |counter| {
                let senders: Vec<_> = (0..2)
                    .map(|_| {
                        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(QUEUE);
                        two.spawn(async move {
                            while receiver.recv().await.is_some() {
                                counter.add();
                            }
                        });
                        sender
                    })
                    .collect();
                Arc::new(move |n| senders[(n % 2) as usize].blocking_send(n).unwrap())
            }),
        ),
        (
            "tokio::spawn with a semaphore",
            Box::new(move |counter| {
                let runtime = Arc::clone(&three);
                let places = Arc::new(Semaphore::new(QUEUE));
                Arc::new(move |_| {
                    let permit = loop {
                        match Arc::clone(&places).try_acquire_owned() {
                            Ok(permit) => break permit,
                            Err(_) => std::thread::yield_now(),
                        }
                    };
                    runtime.spawn(async move {
                        counter.add();
                        drop(permit);
                    });
                })
            }),
        ),
    ]
}

fn wait_for(counter: Counter, jobs: u64) {
    let deadline = Instant::now() + LONG;
    while counter.sum() < jobs {
        assert!(Instant::now() < deadline, "jobs were lost");
        std::thread::yield_now();
    }
}

/// The cost of submitting alone: no job is taken out meanwhile. The first row is ours.
fn submit_alone(rows: &mut [Row]) {
    let (open, held) = crossbeam_channel::bounded::<()>(0);
    let pool = Pool::threads(options(), Clock::coarse(), move |n: u64| {
        if n == u64::MAX {
            let _ = held.recv();
        }
    })
    .unwrap();
    (0..2).for_each(|_| pool.submit_blocking(Job::new(u64::MAX), LONG).unwrap());
    while pool.stats().active < 2 {
        std::thread::yield_now();
    }
    rows[0].columns[0].push(cost(HELD_JOBS, |n| pool.try_submit(Job::new(n)).unwrap()));
    drop(open);
    assert!(pool.drain_blocking(LONG).is_clean());
    assert_eq!(pool.stats().completed, HELD_JOBS + 2);

    let (open, held) = crossbeam_channel::bounded::<()>(0);
    let pool = Pool::threads(options(), Clock::coarse(), |job: Closure| job()).unwrap();
    for _ in 0..2 {
        let held = held.clone();
        pool.submit_blocking(
            Job::new(Box::new(move || {
                let _ = held.recv();
            })),
            LONG,
        )
        .unwrap();
    }
    while pool.stats().active < 2 {
        std::thread::yield_now();
    }
    let counter = Counters::leaked();
    let boxed = |_| -> Closure { Box::new(move || counter.add()) };
    rows[1].columns[0].push(cost(HELD_JOBS, |n| pool.try_submit(Job::new(boxed(n))).unwrap()));
    drop(open);
    assert!(pool.drain_blocking(LONG).is_clean());
    assert_eq!(counter.sum(), HELD_JOBS);

    let (sender, _receiver) = crossbeam_channel::bounded::<u64>(QUEUE);
    rows[2].columns[0].push(cost(HELD_JOBS, |n| sender.try_send(n).unwrap()));
    let (sender, _receiver) = crossbeam_channel::bounded::<Closure>(QUEUE);
    rows[3].columns[0].push(cost(HELD_JOBS, |n| sender.try_send(boxed(n)).unwrap()));
}

/// Nanoseconds of this thread's processor time per job.
fn cost(jobs: u64, submit: impl Fn(u64)) -> f64 {
    let begun = processor_time();
    (0..jobs).for_each(submit);
    (processor_time() - begun).as_nanos() as f64 / jobs as f64
}

fn main() {
    machine();
    let names = [
        "portolan, inline",
        "portolan, boxed closure",
        "crossbeam bounded, inline",
        "crossbeam bounded, boxed closure",
    ];
    let mut alone: Vec<Row> = names.iter().map(|name| Row::new(name, 1)).collect();
    (0..ROUNDS).for_each(|_| submit_alone(&mut alone));
    print(
        "handing in while the workers are held: ns of processor time, median (ratio to the first) least",
        &["submit"],
        &alone,
    );

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let mut candidates = candidates(Arc::new(runtime));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    candidates.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())));
    let mut rows: Vec<Row> = candidates.iter().map(|(name, _)| Row::new(name, 3)).collect();
    for _ in 0..ROUNDS {
        for ((_, make), row) in candidates.iter().zip(&mut rows) {
            let counter = Counters::leaked();
            let submit = make(counter);
            let before = allocations();
            let (begun, spent) = (Instant::now(), all_processor_time());
            row.columns[0].push(cost(JOBS, |n| submit(n)));
            let allocated = allocations() - before;
            wait_for(counter, JOBS);
            row.columns[1].push(JOBS as f64 / begun.elapsed().as_secs_f64() / 1e6);
            row.columns[2].push((all_processor_time() - spent).as_nanos() as f64 / JOBS as f64);
            assert_eq!(counter.sum(), JOBS, "a job ran twice");
            row.note = format!("{:.2}", allocated as f64 / JOBS as f64);
        }
    }
    let heads = ["submit ns", "end to end M/s", "all threads ns"];
    print(
        "one thread hands to two workers, median (ratio to the first) least; last: allocations per job",
        &heads,
        &rows,
    );
}
