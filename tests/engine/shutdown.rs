//! Stopping flows down the tree, draining waits for the whole tree, and the first and second signal differ.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portolan::engine::{DrainReport, Shutdown, Signal};

#[tokio::test(start_paused = true)]
async fn stopping_a_node_stops_what_is_below_and_nothing_above() {
    let root = Shutdown::new();
    let (left, right) = (root.child(), root.child());
    let leaf = left.child();
    left.stop();
    assert!(leaf.is_stopping() && left.is_stopping());
    assert!(!right.is_stopping() && !root.is_stopping());
    root.stop();
    assert!(right.is_stopping());
}

#[tokio::test(start_paused = true)]
async fn the_root_drains_tasks_of_every_level() {
    let root = Shutdown::new();
    let leaf = root.child().child();
    let finished = Arc::new(AtomicUsize::new(0));
    for node in [&root, &leaf] {
        let (node, finished) = (node.clone(), Arc::clone(&finished));
        node.clone().spawn(async move {
            node.stopping().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            finished.fetch_add(1, Ordering::SeqCst);
        });
    }
    assert_eq!((root.tasks(), leaf.tasks()), (2, 1));
    assert!(root.drain(Duration::from_secs(3)).await.is_clean());
    assert_eq!(finished.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_by_the_deadline_is_aborted_and_counted() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let root = Shutdown::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Guard(Arc::clone(&dropped));
    let handle = root.child().spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let start = tokio::time::Instant::now();
    assert_eq!(root.drain(Duration::from_secs(5)).await, DrainReport { aborted: 1, left: 0 });
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "the aborted future was not dropped");
    assert_eq!(handle.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_does_not_end_is_reported_as_left() {
    let root = Shutdown::new();
    let thread = root.track();
    assert_eq!(root.drain(Duration::from_secs(1)).await, DrainReport { aborted: 1, left: 1 });
    drop(thread);
    assert_eq!(root.tasks(), 0);
}

#[tokio::test]
async fn a_task_that_panics_still_counts_as_ended() {
    let root = Shutdown::new();
    let handle = root.spawn(async { panic!("planted") });
    assert!(root.drain(Duration::from_secs(10)).await.is_clean());
    assert!(handle.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn the_first_signal_is_the_cause_everywhere() {
    let root = Shutdown::new();
    let leaf = root.child();
    assert_eq!(root.cause(), None);
    root.stop_by(Signal::Terminate);
    root.stop_by(Signal::Interrupt);
    assert!(leaf.is_stopping());
    assert_eq!((root.cause(), leaf.cause()), (Some(Signal::Terminate), Some(Signal::Terminate)));
}
