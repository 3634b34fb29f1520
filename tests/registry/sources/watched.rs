//! A source that is watched in the background, and its catalog.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portolan::Source;
use portolan::catalog::{Reader, Snapshot, Writer};
use portolan::engine::{Clock, Retry};
use portolan::model::DetailLevel;
use portolan::source::keep_watching;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::HANG;

/// A watched source, until it is dropped.
pub struct Watched {
    reader: Reader,
    task: JoinHandle<portolan::Error>,
}

impl Watched {
    pub fn start(source: impl Source + 'static, name: &'static str) -> Self {
        let mut writer = Writer::new(name, DetailLevel::Full, Clock::runtime());
        let reader = writer.reader();
        let retry = Retry { base: Duration::from_millis(100), cap: Duration::from_millis(500), ..Retry::default() };
        let interval = Some(Duration::from_millis(100));
        let task = tokio::spawn(async move { keep_watching(&source, interval, retry, 1, &mut writer).await });
        Self { reader, task }
    }

    /// Waits for a state of the set.
    #[track_caller]
    pub fn until(&self, what: &str, reached: impl Fn(&Snapshot) -> bool) -> impl Future<Output = Arc<Snapshot>> {
        let what = what.to_owned();
        async move {
            let begun = Instant::now();
            loop {
                let snapshot = self.reader.load();
                if reached(&snapshot) {
                    return snapshot;
                }
                assert!(!self.task.is_finished(), "the watch ended before: {what}");
                assert!(
                    begun.elapsed() < HANG,
                    "never: {what}; it has {:?}, stale {:?}",
                    shown(&snapshot),
                    snapshot.stale()
                );
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    pub fn load(&self) -> Arc<Snapshot> {
        self.reader.load()
    }

    pub fn now(&self) -> Vec<String> {
        shown(&self.reader.load())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `etcd/web 127.0.0.1:80 127.0.0.1:81`, without what a registry lists of itself.
pub fn shown(snapshot: &Snapshot) -> Vec<String> {
    let services = snapshot.services().iter().filter(|service| service.id != "consul/consul");
    services.map(|service| line(service)).collect()
}

pub fn line(service: &portolan::Service) -> String {
    let mut endpoints: Vec<String> = service.endpoints.iter().map(ToString::to_string).collect();
    endpoints.sort();
    format!("{} {}", service.id, endpoints.join(" "))
}
