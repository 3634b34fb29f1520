//! The pool: no job is lost or runs twice, whatever happens; and each rule about its size.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portolan::engine::{Clock, Job, JobError, JobHandle, Lane, Pool, PoolOptions, Shutdown, SubmitErrorKind};
use proptest::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// What a test job does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Return,
    Sleep(u64),
    Panic,
    Hang,
}

type Work = (usize, Deed);

#[derive(Clone, Debug)]
enum Step {
    Submit {
        deed: Deed,
        slow: bool,
    },
    Resize(usize, usize),
    Advance(u64),
    /// Forgets the result of a job.
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deed = prop_oneof![
        6 => Just(Deed::Return),
        4 => (1..2000_u64).prop_map(Deed::Sleep),
        2 => Just(Deed::Panic),
        1 => Just(Deed::Hang),
    ];
    let step = prop_oneof![
        10 => (deed, prop::bool::weighted(0.2)).prop_map(|(deed, slow)| Step::Submit { deed, slow }),
        2 => (0..6_usize, 0..12_usize).prop_map(|(min, max)| Step::Resize(min, max)),
        4 => (1..1500_u64).prop_map(Step::Advance),
        1 => any::<usize>().prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Clone, Copy, Debug)]
enum End {
    Drain(u64),
    Drop,
    AbortAbove,
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![4 => (0..5000_u64).prop_map(End::Drain), 1 => Just(End::Drop), 1 => Just(End::AbortAbove)]
}

fn options() -> impl Strategy<Value = PoolOptions> {
    (1..4_usize, 0..8_usize, 0..4_usize, 1..40_usize).prop_map(|(min, more, slow, queue)| PoolOptions {
        min,
        max: min + more,
        slow,
        queue,
        ..PoolOptions::default()
    })
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// How often each job ran.
type Runs = Arc<Vec<AtomicUsize>>;

fn runs(count: usize) -> Runs {
    Arc::new((0..count).map(|_| AtomicUsize::new(0)).collect())
}

fn task_pool(shutdown: &Shutdown, options: PoolOptions, runs: &Runs) -> Pool<Work, usize> {
    let runs = Arc::clone(runs);
    Pool::tasks(shutdown, options, Clock::runtime(), move |(number, deed): Work| {
        let runs = Arc::clone(&runs);
        async move {
            runs[number].fetch_add(1, Ordering::SeqCst);
            match deed {
                Deed::Return => {}
                Deed::Sleep(millis) => sleep(MILLI * u32::try_from(millis).unwrap()).await,
                Deed::Panic => panic!("planted {number}"),
                Deed::Hang => pending().await,
            }
            number
        }
    })
}

async fn random_life(options: PoolOptions, steps: Vec<Step>, end: End) {
    let (root, runs) = (Shutdown::new(), runs(steps.len()));
    let pool = task_pool(&root, options, &runs);
    let mut tickets: Vec<(Work, JobHandle<usize>)> = Vec::new();
    let (mut accepted, mut refused) = (0, Vec::new());
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Submit { deed, slow } => {
                let (job, ticket) = Job::with_handle((number, deed));
                match pool.submit(job.on(if slow { Lane::Slow } else { Lane::Normal }), SECOND).await {
                    Ok(()) => {
                        accepted += 1;
                        tickets.push(((number, deed), ticket));
                    }
                    Err(back) => {
                        assert_eq!(back.why, SubmitErrorKind::Full);
                        assert_eq!(back.job.into_work().0, number);
                        refused.push(number);
                    }
                }
            }
            Step::Resize(min, max) => pool.resize(min, max),
            Step::Advance(millis) => sleep(MILLI * u32::try_from(millis).unwrap()).await,
            Step::Leave(place) if !tickets.is_empty() => drop(tickets.swap_remove(place % tickets.len())),
            Step::Leave(_) => {}
        }
    }
    let clean = match end {
        End::Drain(deadline) => pool.drain(MILLI * u32::try_from(deadline).unwrap()).await.is_clean(),
        End::AbortAbove => {
            root.abort();
            assert_eq!(root.drain(SECOND).await.left, 0);
            assert_eq!(pool.try_submit(Job::new((0, Deed::Return))).unwrap_err().why, SubmitErrorKind::Closed);
            false
        }
        End::Drop => {
            drop(pool);
            assert_eq!(root.drain(SECOND).await.left, 0);
            return check_tickets(tickets, &runs, &refused, false).await;
        }
    };
    let stats = pool.stats();
    assert_eq!((stats.active, stats.queued, stats.slow_queued, stats.workers, stats.slow_workers), (0, 0, 0, 0, 0));
    assert_eq!(stats.completed + stats.panicked + stats.aborted, accepted, "{stats:?}");
    assert!(!clean || stats.aborted == 0, "{stats:?}");
    check_tickets(tickets, &runs, &refused, clean).await;
}

async fn check_tickets(tickets: Vec<(Work, JobHandle<usize>)>, runs: &Runs, refused: &[usize], clean: bool) {
    for ((number, deed), ticket) in tickets {
        let ran = runs[number].load(Ordering::SeqCst);
        match (ticket.await, deed) {
            (Ok(result), Deed::Return | Deed::Sleep(_)) => assert_eq!((result, ran), (number, 1)),
            (Err(JobError::Panicked(why)), Deed::Panic) => assert_eq!((why, ran), (format!("planted {number}"), 1)),
            (Err(JobError::Aborted), _) => assert!(ran <= 1 && !clean, "job {number} was aborted, run {ran} times"),
            (answer, deed) => panic!("job {number}, {deed:?}, ended as {answer:?}"),
        }
    }
    assert!(refused.iter().all(|number| runs[*number].load(Ordering::SeqCst) == 0));
    assert!(runs.iter().all(|ran| ran.load(Ordering::SeqCst) <= 1));
}

proptest! {
    #[test]
    fn no_job_of_a_task_pool_is_lost_or_run_twice(options in options(), steps in steps(), end in ends()) {
        quietly(|| paused(random_life(options, steps, end)));
    }

}

proptest! {
    // Fewer cases: each starts and ends real threads.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_job_of_a_thread_pool_is_lost_or_run_twice(
        options in options(), sizes in prop::collection::vec((0..6_usize, 0..12_usize), 0..20), jobs in 1..400_usize,
        drain in any::<bool>(),
    ) {
        quietly(|| thread_life(options, &sizes, jobs, drain));
    }
}

/// Keeps planted panics out of the test output.
fn quietly(work: impl FnOnce()) {
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let planted = info.payload().downcast_ref::<String>().is_some_and(|text| text.starts_with("planted"));
            if !planted {
                loud(info);
            }
        }));
    });
    work();
}

/// Three threads submit jobs while a fourth resizes the pool and then ends it.
fn thread_life(options: PoolOptions, sizes: &[(usize, usize)], jobs: usize, drain: bool) {
    let runs = runs(3 * jobs);
    let counted = Arc::clone(&runs);
    let handler = move |number: usize| {
        counted[number].fetch_add(1, Ordering::SeqCst);
        assert!(!number.is_multiple_of(7), "planted {number}");
        number
    };
    let options = PoolOptions { grow_after: Duration::from_micros(100), idle_after: MILLI, ..options };
    let pool = Pool::threads(options, Clock::precise(), handler).unwrap();
    let pool = &pool;
    let tickets: Vec<(usize, Option<JobHandle<usize>>)> = std::thread::scope(|scope| {
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                scope.spawn(move || {
                    let submit = |number| {
                        let (job, ticket) = Job::with_handle(number);
                        let lane = if number % 5 == 0 { Lane::Slow } else { Lane::Normal };
                        (number, pool.submit_blocking(job.on(lane), SECOND * 30).is_ok().then_some(ticket))
                    };
                    (submitter * jobs..(submitter + 1) * jobs).map(submit).collect::<Vec<_>>()
                })
            })
            .collect();
        for (min, max) in sizes {
            pool.resize(*min, *max);
        }
        if drain {
            let drained = pool.drain_blocking(SECOND * 30);
            assert!(drained.is_clean(), "{drained:?}");
        }
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    });
    assert!(pool.drain_blocking(SECOND * 30).is_clean());
    let accepted = tickets.iter().filter(|(_, ticket)| ticket.is_some()).count() as u64;
    for (number, ticket) in tickets {
        let answer = ticket.map(|ticket| ticket.wait(SECOND * 30).expect("every job handle gets a result"));
        let ran = runs[number].load(Ordering::SeqCst);
        match answer {
            Some(Ok(result)) => assert_eq!((result, ran), (number, 1)),
            Some(Err(JobError::Panicked(_))) => assert!(number % 7 == 0 && ran == 1),
            // Only jobs that were submitted while the pool was closing, or later.
            Some(Err(JobError::Aborted)) | None => assert!(drain && ran == 0),
            Some(Err(other)) => panic!("{other}"),
        }
    }
    let stats = pool.stats();
    assert_eq!(stats.completed + stats.panicked + stats.aborted, accepted, "{stats:?}");
    assert_eq!((stats.workers, stats.active, stats.queued), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn it_grows_while_jobs_wait_and_shrinks_when_idle() {
    let (root, gate) = (Shutdown::new(), Arc::new(Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let options = PoolOptions { min: 2, max: 10, ..PoolOptions::default() };
    let pool = Pool::tasks(&root, options, Clock::runtime(), move |(): ()| {
        let held = Arc::clone(&held);
        async move { held.acquire().await.unwrap().forget() }
    });
    sleep(MILLI).await;
    assert_eq!(pool.stats().workers, 2);
    for _ in 0..30 {
        pool.try_submit(Job::new(())).unwrap();
    }
    sleep(MILLI * 100).await;
    let full = pool.stats();
    assert_eq!((full.workers, full.active, full.queued), (10, 10, 20));
    gate.add_permits(30);
    sleep(MILLI * 100).await;
    let done = pool.stats();
    assert_eq!((done.workers, done.active, done.completed), (10, 0, 30), "it does not shrink at once");
    sleep(SECOND * 30).await;
    assert_eq!(pool.stats().workers, 2);
    assert_eq!(done.mean_time(), Some(done.busy / 30));
    // The first two workers held their jobs for the whole drain, and no longer.
    assert!(done.busy >= MILLI * 200 && done.busy <= MILLI * 1000, "{done:?}");
    assert!(done.throughput(&full) > 100.0 && pool.stats().throughput(&done) < 1e-9);
    assert!(pool.drain(SECOND).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn resizing_takes_effect_at_once() {
    let root = Shutdown::new();
    let pool = Pool::tasks(&root, PoolOptions::default(), Clock::runtime(), |(): ()| pending::<()>());
    for (min, max, expected) in [(20, 20, 20), (3, 3, 3), (0, 0, 1), (5, 2, 5)] {
        pool.resize(min, max);
        sleep(MILLI).await;
        assert_eq!(pool.stats().workers, expected, "{min} to {max}");
    }
    (0..9).for_each(|_| pool.try_submit(Job::new(())).unwrap());
    sleep(MILLI).await;
    assert_eq!((pool.stats().active, pool.stats().queued), (5, 4));
    pool.resize(7, 7);
    sleep(MILLI).await;
    assert_eq!((pool.stats().active, pool.stats().queued), (7, 2));
}

/// A task pool whose jobs sleep for as long as they say.
fn sleepers(root: &Shutdown, options: PoolOptions) -> Pool<Duration, ()> {
    Pool::tasks(root, options, Clock::runtime(), sleep)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_slots_full_of_time_outs_do_not_stop_the_healthy() {
    let root = Shutdown::new();
    let options = PoolOptions { min: 1000, max: 1000, slow: 1000, queue: 4096, ..PoolOptions::default() };
    let pool = sleepers(&root, options);
    (0..1000).for_each(|_| pool.try_submit(Job::new(SECOND * 5)).unwrap());
    sleep(SECOND / 10).await;
    assert_eq!(pool.stats().active, 1000, "every slot is taken");
    let begun = Instant::now();
    let healthy: Vec<_> = (0..2000)
        .map(|_| {
            let (job, ticket) = Job::with_handle(MILLI);
            pool.try_submit(job).unwrap();
            ticket
        })
        .collect();
    for ticket in healthy {
        ticket.await.unwrap();
    }
    assert!(begun.elapsed() < SECOND, "the healthy waited {:?}", begun.elapsed());
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.active, stats.slow_workers), (2000, 1000, 1000));
    assert!(pool.drain(SECOND * 5).await.is_clean());
    assert_eq!(pool.stats().completed, 3000, "the slow jobs ended too");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_slow_takes_no_normal_place_at_all() {
    let root = Shutdown::new();
    let options = PoolOptions { min: 1, max: 4, slow: 3, queue: 100, ..PoolOptions::default() };
    let pool = sleepers(&root, options);
    (0..50).for_each(|_| pool.try_submit(Job::new(SECOND * 5).on(Lane::Slow)).unwrap());
    sleep(SECOND).await;
    let stats = pool.stats();
    assert_eq!((stats.slow_workers, stats.active, stats.slow_queued), (3, 3, 47));
    let begun = Instant::now();
    pool.run(MILLI, SECOND).await.unwrap();
    assert!(begun.elapsed() <= MILLI * 2);
    sleep(SECOND * 100).await;
    assert_eq!((pool.stats().completed, pool.stats().slow_workers), (51, 0), "the slow lane empties and shrinks");
}

#[tokio::test(start_paused = true)]
async fn the_slow_lane_is_bounded() {
    let root = Shutdown::new();
    let options = PoolOptions { min: 4, max: 4, slow: 6, queue: 100, ..PoolOptions::default() };
    let pool = sleepers(&root, options);
    (0..50).for_each(|_| pool.try_submit(Job::new(SECOND * 5)).unwrap());
    sleep(SECOND * 4).await;
    let stats = pool.stats();
    assert_eq!((stats.workers, stats.slow_workers, stats.active, stats.queued), (4, 6, 10, 40));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_callers_wait_no_longer_than_they_would() {
    let root = Shutdown::new();
    let options = PoolOptions { max: 1, slow: 0, queue: 2, ..PoolOptions::default() };
    let pool = Arc::new(sleepers(&root, options));
    pool.submit(Job::new(SECOND * 10), SECOND).await.unwrap();
    sleep(MILLI).await;
    (0..2).for_each(|_| pool.try_submit(Job::new(MILLI)).unwrap());
    assert_eq!(pool.try_submit(Job::new(MILLI)).unwrap_err().why, SubmitErrorKind::Full);
    let begun = Instant::now();
    assert_eq!(pool.submit(Job::new(MILLI), SECOND * 3).await.unwrap_err().why, SubmitErrorKind::Full);
    assert_eq!(begun.elapsed(), SECOND * 3);
    assert_eq!(pool.run(MILLI, SECOND).await, Err(JobError::NotAccepted(SubmitErrorKind::Full)));
    // Twenty wait for two places: each gets in as room comes.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.submit(Job::new(MILLI), SECOND * 60).await.is_ok() })
        })
        .collect();
    for waiter in waiting {
        assert!(waiter.await.unwrap());
    }
    assert!(pool.drain(SECOND).await.is_clean());
    assert_eq!(pool.stats().completed, 23);
}

#[tokio::test(start_paused = true)]
async fn draining_runs_what_is_queued_and_refuses_what_comes() {
    let root = Shutdown::new();
    let pool = Arc::new(sleepers(&root, PoolOptions { max: 1, ..PoolOptions::default() }));
    (0..10).for_each(|_| pool.try_submit(Job::new(SECOND)).unwrap());
    let draining = Arc::clone(&pool);
    let drained = tokio::spawn(async move { draining.drain(SECOND * 11).await });
    sleep(SECOND * 2).await;
    assert_eq!(pool.submit(Job::new(SECOND), SECOND * 60).await.unwrap_err().why, SubmitErrorKind::Closed);
    assert!(drained.await.unwrap().is_clean());
    assert_eq!((pool.stats().completed, pool.stats().aborted), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_aborted() {
    let root = Shutdown::new();
    let pool = sleepers(&root, PoolOptions { min: 2, max: 2, slow: 0, ..PoolOptions::default() });
    let tickets: Vec<_> = (0..5)
        .map(|_| {
            let (job, ticket) = Job::with_handle(SECOND * 100);
            pool.try_submit(job).unwrap();
            ticket
        })
        .collect();
    let begun = Instant::now();
    let drained = pool.drain(SECOND * 3).await;
    assert_eq!(begun.elapsed(), SECOND * 3);
    assert!(drained.aborted >= 2 && drained.left == 0, "{drained:?}");
    for ticket in tickets {
        assert_eq!(ticket.await, Err(JobError::Aborted));
    }
    assert_eq!((pool.stats().aborted, pool.stats().active), (5, 0));
}

#[test]
fn a_thread_that_blocks_is_reported_and_leaves_after_its_job() {
    let (release, blocked) = crossbeam_channel::bounded::<()>(0);
    let (running, started) = crossbeam_channel::bounded::<()>(0);
    let handler = move |(): ()| running.send(()).is_ok() && blocked.recv().is_ok();
    let pool = Pool::threads(PoolOptions::default(), Clock::precise(), handler).unwrap();
    let (job, ticket) = Job::with_handle(());
    pool.submit_blocking(job, SECOND).unwrap();
    started.recv_timeout(SECOND * 30).unwrap();
    let ticket = ticket.wait(MILLI).expect_err("it was not released");
    let drained = pool.drain_blocking(MILLI);
    assert!(drained.aborted >= 1 && drained.left >= 1, "{drained:?}");
    release.send(()).unwrap();
    assert_eq!(ticket.wait(SECOND * 30).unwrap(), Ok(true));
}

#[tokio::test]
async fn boxed_closures_and_futures_are_jobs_too() {
    type Boxed = std::pin::Pin<Box<dyn Future<Output = String> + Send>>;
    type Closure = Box<dyn FnOnce() -> usize + Send>;
    let root = Shutdown::new();
    let futures = Pool::tasks(&root, PoolOptions::default(), Clock::precise(), |future: Boxed| future);
    assert_eq!(futures.run(Box::pin(async { "one".to_owned() }), SECOND).await.unwrap(), "one");
    let closures = Pool::threads(PoolOptions::default(), Clock::precise(), |closure: Closure| closure()).unwrap();
    let text = "captured".to_owned();
    assert_eq!(closures.run(Box::new(move || text.len()), SECOND).await.unwrap(), 8);
    assert!(futures.drain(SECOND * 30).await.is_clean() && closures.drain(SECOND * 30).await.is_clean());
    assert!(root.drain(SECOND * 30).await.is_clean());
}
