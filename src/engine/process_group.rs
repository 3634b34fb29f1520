//! A program and what it started itself, ended together.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a child that was started with `process_group(0)`: all of it is killed when this goes.
///
/// Drop it before the child is: until somebody has waited for the leader, its number is nobody else's.
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    pub(crate) fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The process that it began with.
    pub(crate) fn leader(&self) -> Option<Pid> {
        self.0
    }

    /// What is left of it may live on.
    pub(crate) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Most often nobody is left in it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
