//! Clients that wait for checks which they asked for.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::health::CheckNumber;

/// Clients that wait.
#[derive(Debug, Default)]
pub(super) struct Demands(Vec<WaitingClient>);

#[derive(Debug)]
struct WaitingClient {
    /// The checks to end, each with its first run that counts.
    missing: HashMap<CheckNumber, u64>,
    /// Checks that ended, and whose result is not written yet.
    unwritten: HashSet<CheckNumber>,
    done: oneshot::Sender<()>,
}

impl Demands {
    /// Adds a client that waits for these runs.
    pub(super) fn add(&mut self, missing: HashMap<CheckNumber, u64>, done: oneshot::Sender<()>) {
        self.0.push(WaitingClient { missing, unwritten: HashSet::new(), done });
        self.answer();
    }

    /// A run of a check ended. `is_news`: its result is on its way to the registry.
    pub(super) fn finished(&mut self, check: CheckNumber, run: u64, is_news: bool) {
        for client in &mut self.0 {
            let counts = client.missing.get(&check).is_some_and(|first| run >= *first);
            if counts {
                client.missing.remove(&check);
                if is_news {
                    client.unwritten.insert(check);
                }
            }
        }
        self.answer();
    }

    /// The results of checks are written, or cannot be.
    pub(super) fn written(&mut self, checks: &[CheckNumber]) {
        for client in &mut self.0 {
            client.unwritten.retain(|check| !checks.contains(check));
        }
        self.answer();
    }

    /// A check is gone.
    pub(super) fn removed(&mut self, check: CheckNumber) {
        for client in &mut self.0 {
            client.missing.remove(&check);
            client.unwritten.remove(&check);
        }
        self.answer();
    }

    /// Tells the clients whose checks all ended, and forgets those that left.
    fn answer(&mut self) {
        let (over, waiting) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|client| client.done.is_closed() || client.missing.is_empty() && client.unwritten.is_empty());
        self.0 = waiting;
        let over: Vec<WaitingClient> = over;
        for client in over {
            // A client that left has nothing to be told.
            let _ = client.done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_when_every_run_that_counts_is_written() {
        let mut demands = Demands::default();
        let (done, mut told) = oneshot::channel();
        demands.add(HashMap::from([(1, 5), (2, 1)]), done);
        demands.finished(1, 4, false);
        demands.finished(2, 1, true);
        assert!(told.try_recv().is_err(), "a run that began before does not count");
        demands.finished(1, 5, false);
        assert!(told.try_recv().is_err(), "the result of the other is not written yet");
        demands.written(&[2, 3]);
        assert_eq!(told.try_recv(), Ok(()));

        let (done, mut told) = oneshot::channel();
        demands.add(HashMap::from([(7, 1)]), done);
        demands.removed(7);
        assert_eq!(told.try_recv(), Ok(()), "what is gone is not waited for");
        let (done, mut told) = oneshot::channel();
        demands.add(HashMap::new(), done);
        assert_eq!((told.try_recv(), demands.0.len()), (Ok(()), 0));
    }
}
