//! Hints for what could not be read.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities};

/// Capabilities that root has unless a container or a service manager takes them away.
const NEEDED: [(CapabilitySet, &str); 3] = [
    (
        CapabilitySet::SYS_PTRACE,
        "the capability CAP_SYS_PTRACE is missing, as in most containers; add it, as with docker run --cap-add SYS_PTRACE",
    ),
    (
        CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::DAC_OVERRIDE),
        "the capability CAP_DAC_READ_SEARCH is missing; add it, as with docker run --cap-add DAC_READ_SEARCH",
    ),
    (
        CapabilitySet::SYS_ADMIN,
        "the capability CAP_SYS_ADMIN is missing, as in most containers; add it, as with docker run --cap-add SYS_ADMIN",
    ),
];

/// What a permission is missing for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Purpose {
    /// To read the processes of others.
    Processes,
    /// To enter other namespaces.
    Namespaces,
}

/// The hint for a missing permission; for root the cause is a different one.
pub(in crate::source) fn for_permission(purpose: Purpose, hint: &'static str) -> &'static str {
    if !rustix::process::geteuid().is_root() {
        return hint;
    }

    let effective = capabilities(None).map_or(CapabilitySet::all(), |sets| sets.effective);
    for_root(purpose, effective)
}

fn for_root(purpose: Purpose, effective: CapabilitySet) -> &'static str {
    let needed = if purpose == Purpose::Processes { &NEEDED[..2] } else { &NEEDED[..] };
    let missing = needed.iter().rev().find(|(any_of, _)| !effective.intersects(*any_of));
    missing.map_or("a user namespace or a security module hides some processes even from root", |(_, hint)| hint)
}

/// The hint for an error of the operating system.
pub(super) fn for_error(error: Errno) -> &'static str {
    match error {
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (ulimit -n)",
        Errno::NOMEM => "this machine is out of memory; try again",
        _ => "try again; if the error persists, check what restricts access to /proc",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_told_which_capability_is_missing() {
        // The capabilities that docker gives by default.
        let docker = CapabilitySet::from_bits_truncate(0xa804_25fb);
        assert!(for_root(Purpose::Processes, docker).contains("CAP_SYS_PTRACE"));
        assert!(for_root(Purpose::Namespaces, docker).contains("CAP_SYS_ADMIN"));
        assert!(for_root(Purpose::Processes, docker | CapabilitySet::SYS_PTRACE).contains("security module"));
        assert!(for_root(Purpose::Processes, CapabilitySet::SYS_PTRACE).contains("CAP_DAC_READ_SEARCH"));
    }
}
