//! A child process and its descendants, ended together.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a child that was started with `process_group(0)`. Dropping it kills the whole group.
///
/// Drop it before the child: the group's number cannot be reused until the leader has been waited for.
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    pub(crate) fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The leader of the group.
    pub(crate) fn leader(&self) -> Option<Pid> {
        self.0
    }

    /// Lets the remaining processes live.
    pub(crate) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Usually the group is already empty.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
