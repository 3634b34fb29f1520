//! Limits of this machine: descriptors, ephemeral ports.

use std::fs;
use std::ops::RangeInclusive;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for the rest of this process: standard streams, files, epoll, a name lookup.
const RESERVE: usize = 24;

/// The default of Linux (`net.ipv4.ip_local_port_range`).
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Raises the descriptor limit of this process to its maximum, and returns the number of sockets that leaves room
/// for: at least one, and a quarter of a limit so low that the reserve would leave less.
pub(crate) fn descriptors_for_sockets() -> usize {
    let now = raise_descriptors().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    // Some are already open, inherited from the parent process.
    let open = fs::read_dir("/proc/self/fd").map_or(RESERVE, Iterator::count);
    now.saturating_sub(open + RESERVE).max(now / 4).max(1)
}

/// Raises the descriptor limit of this process to its maximum, and returns it; `None` if unlimited.
pub(super) fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If a sandbox forbids it, the limit stays.
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

/// Lets this process and its children leave no core dump: it would hold keys and passwords.
pub(crate) fn forbid_core_dumps() {
    // If a sandbox forbids it, the limit stays that of the service manager.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// The kernel's range of automatic source ports.
pub(crate) fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => USUAL_EPHEMERAL,
    }
}
