//! What a listing says of owners and facts that it could not read.

use std::sync::Arc;

use super::hints::{self, Purpose};
use super::options::Local;
use crate::clean::clean;
use crate::model::{PartialError, Process};

/// How the operation begins that the owners of some rows are missing for.
pub(crate) const SEE_OWNERS: &str = "see the owners of";

/// Whether a listing is restricted to the user of this process. Every process may read which user made a socket. If all
/// processes of that user could be read as well, the hidden processes of others hide no row. The kernel refuses it for one
/// that took on this user after its start, as daemons do that bind as root: see `Walk::denied_own`.
pub(super) fn is_of_own_user(uid: Option<u32>) -> bool {
    uid == Some(rustix::process::geteuid().as_raw())
}

/// The owners of some rows cannot be seen without a permission; `rows`: of how many, as in `7 services`.
pub(super) fn hidden(unknown: usize, rows: &str, query: &Local) -> PartialError {
    let wanted = query.process.as_ref().map(glob::Pattern::as_str).or(query.user.as_deref());
    let cause = match wanted {
        Some(wanted) => format!("no permission, so '{}' could not be compared with them", clean(wanted)),
        None => "no permission".to_owned(),
    };

    let hint = "run as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE";
    let hint = hints::for_permission(Purpose::Processes, hint).to_owned();
    PartialError { operation: format!("{SEE_OWNERS} {unknown} of {rows}"), cause, hint }
}

/// The owners of some rows may be processes that do not exist in this PID namespace.
pub(super) fn outside(unknown: usize, rows: &str) -> PartialError {
    PartialError {
        operation: format!("{SEE_OWNERS} {unknown} of {rows}"),
        cause: "their processes may be outside of this PID namespace".to_owned(),
        hint: "run portolan in the PID namespace of the host, as with docker run --pid host".to_owned(),
    }
}

/// Some processes have command lines that could not be read.
pub(super) fn blocked<'p>(processes: impl Iterator<Item = &'p Arc<Process>>) -> Vec<PartialError> {
    let mut pids: Vec<u32> =
        processes.filter(|process| !process.unread.is_empty()).map(|process| process.pid).collect();
    pids.sort_unstable();
    pids.dedup();

    let Some(first) = pids.first() else { return Vec::new() };
    let (count, processes) = (pids.len(), if pids.len() == 1 { "process" } else { "processes" });
    vec![PartialError {
        operation: format!("read the command lines of {count} {processes} ({first} is the first one)"),
        cause: "the kernel does not reply: they are blocked, perhaps by a file system that is gone".to_owned(),
        hint: format!("see what it waits for with `cat /proc/{first}/stack`"),
    }]
}

/// Netlink was refused for some table, and the text of `/proc/net` says less.
pub(super) fn read_as_text() -> PartialError {
    PartialError {
        operation: "read bound devices, control groups, backlogs and unusual names of Unix-domain sockets".to_owned(),
        cause: "netlink is refused or lacks some tables, and /proc/net does not contain them".to_owned(),
        hint: "run outside of a sandbox that refuses it, or load the kernel's *_diag modules".to_owned(),
    }
}
