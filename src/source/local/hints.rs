//! Hints for what could not be read.

use rustix::io::Errno;

/// The hint for a missing permission; for root the cause is a different one.
pub(in crate::source) fn for_permission(hint: &'static str) -> &'static str {
    if rustix::process::geteuid().is_root() {
        "a user namespace or a security module hides some processes even from root"
    } else {
        hint
    }
}

/// The hint for an error of the operating system.
pub(super) fn for_error(error: Errno) -> &'static str {
    match error {
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (ulimit -n)",
        Errno::NOMEM => "this machine is out of memory; try again",
        _ => "try again; if the error persists, check what restricts access to /proc",
    }
}
