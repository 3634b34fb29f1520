//! What this machine allows: descriptors, ephemeral ports.

use std::fs;
use std::ops::RangeInclusive;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are left to everybody else in this process: standard streams, files, epoll, a name lookup.
const RESERVE: usize = 24;

/// The ports that Linux takes for itself where nobody has changed it (`net.ipv4.ip_local_port_range`).
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Raises the descriptor limit of this process to what it may be, and says how many sockets that leaves room for:
/// at least one, and a quarter of a limit so low that the reserve would not leave more.
pub(crate) fn descriptors_for_sockets() -> usize {
    let now = raise_descriptors().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    // Some are open already, inherited from whoever started us.
    let open = fs::read_dir("/proc/self/fd").map_or(RESERVE, Iterator::count);
    now.saturating_sub(open + RESERVE).max(now / 4).max(1)
}

/// Raises the descriptor limit of this process to what it may be, and says what it is now; `None` is none.
pub(super) fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A sandbox that forbids it leaves the limit as it is.
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

/// The ports that the kernel gives to sockets that ask for none.
pub(crate) fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => USUAL_EPHEMERAL,
    }
}
