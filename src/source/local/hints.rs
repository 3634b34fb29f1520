//! What to try where something could not be read.

use rustix::io::Errno;

/// What to try without permission; for root the reason lies elsewhere.
pub(in crate::source) fn for_permission(hint: &'static str) -> &'static str {
    if rustix::process::geteuid().is_root() {
        "some processes are closed to this root too, by a user namespace or a security module"
    } else {
        hint
    }
}

/// What to try where the operating system failed us.
pub(super) fn for_error(error: Errno) -> &'static str {
    match error {
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (ulimit -n)",
        Errno::NOMEM => "this machine is out of memory; try again",
        _ => "try again; if it stays, look at what guards /proc here",
    }
}
