//! The holder of a socket, against what a registration declares.

use super::allow::unit_name;
use super::registered::Declaration;
use crate::clean::Untrusted;
use crate::model::{LocalDetail, OwnerLookup, Process, SocketHolder};

/// Whether a socket is held by what its registration declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnerMatch {
    /// It is, or the registration declares nothing.
    Same,
    /// It is not.
    Other(OwnerDifference),
    /// The holder is hidden.
    Hidden(&'static str),
}

/// What was declared, and what was found, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnerDifference {
    pub(super) declared: String,
    pub(super) found: String,
}

const HIDDEN: &str = "the process that holds the socket is hidden; run portolan as root";
/// The kernel keeps this many bytes of a process's name.
const MAX_NAME_BYTES: usize = 15;

/// Compares the holder of a socket with the declaration of its registration.
pub(super) fn owner(declared: &Declaration, detail: &LocalDetail) -> OwnerMatch {
    let is_known = detail.owner == OwnerLookup::Known && !detail.processes.is_empty();
    let mut is_hidden = false;

    if let Some(process) = &declared.process {
        if is_known && !detail.processes.iter().any(|own| is_process(own, process.as_raw())) {
            return other("the process", process, detail);
        }
        is_hidden |= !is_known;
    }

    if let Some(unit) = &declared.unit {
        // The kernel shows the unit to every user, unless the process is hidden.
        match &detail.unit {
            Some(own) if unit_name(own) == unit_name(unit) => {}
            None if !is_known => is_hidden = true,
            _ => return other("the unit", unit, detail),
        }
    }

    if let Some(container) = &declared.container {
        match &detail.container {
            Some(own) if is_container(&own.id, &own.to_string(), container.as_raw()) => {}
            None if !is_known => is_hidden = true,
            _ => return other("the container", container, detail),
        }
    }
    if is_hidden { OwnerMatch::Hidden(HIDDEN) } else { OwnerMatch::Same }
}

fn other(what: &str, declared: &Untrusted, detail: &LocalDetail) -> OwnerMatch {
    let found = format!("{} holds the port", SocketHolder::of(detail));
    OwnerMatch::Other(OwnerDifference { declared: format!("{what} {declared}"), found })
}

/// Whether a process has this name, by the kernel or by its file.
fn is_process(process: &Process, name: &str) -> bool {
    let short = name.get(..MAX_NAME_BYTES).unwrap_or(name);
    let file = process.exe.as_ref().and_then(|exe| exe.as_raw().rsplit('/').next());
    process.name.as_raw() == short || file == Some(name)
}

/// Whether a container has this id, at least its first 12 digits, or this name.
fn is_container(id: &Untrusted, shown: &str, declared: &str) -> bool {
    let is_prefix = declared.len() >= 12 && id.as_raw().starts_with(declared);
    id.as_raw() == declared || is_prefix || shown == declared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::tests::listener;

    fn declares(process: Option<&str>, unit: Option<&str>) -> Declaration {
        Declaration { process: process.map(Into::into), unit: unit.map(Into::into), ..Declaration::default() }
    }

    #[test]
    fn a_holder_is_the_declared_one_or_another_or_hidden() {
        let mut detail = listener("10.0.0.5", 80, "nginx").detail;
        assert_eq!(owner(&declares(Some("nginx"), None), &detail), OwnerMatch::Same);
        assert_eq!(owner(&declares(None, None), &detail), OwnerMatch::Same);
        let OwnerMatch::Other(what) = owner(&declares(Some("web"), None), &detail) else { panic!("another process") };
        assert_eq!((what.declared.as_str(), what.found.as_str()), ("the process web", "nginx (pid 7) holds the port"));
        assert!(matches!(owner(&declares(None, Some("nginx")), &detail), OwnerMatch::Other(_)), "in no unit");

        detail.unit = Some("nginx.service".into());
        assert_eq!(owner(&declares(None, Some("nginx")), &detail), OwnerMatch::Same);

        (detail.owner, detail.processes) = (OwnerLookup::NoPermission, [].into());
        assert_eq!(owner(&declares(Some("web"), Some("nginx")), &detail), OwnerMatch::Hidden(HIDDEN));
        assert!(
            matches!(owner(&declares(Some("web"), Some("web")), &detail), OwnerMatch::Other(_)),
            "the unit is visible"
        );
    }

    #[test]
    fn the_kernel_keeps_15_bytes_of_a_name() {
        let detail = listener("10.0.0.5", 80, "a-very-long-nam").detail;
        assert_eq!(owner(&declares(Some("a-very-long-name"), None), &detail), OwnerMatch::Same);
    }

    #[test]
    fn a_container_is_named_by_id_prefix_or_name() {
        let id = Untrusted::from("3f4e8a1b2c3d4e5f");
        assert!(
            is_container(&id, "docker-3f4e8a1b2c3d", "3f4e8a1b2c3d") && is_container(&id, "docker-3f4", "docker-3f4")
        );
        assert!(!is_container(&id, "docker-3f4", "3f4e"));
    }
}
