//! What portolan can do on this machine.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::diagnosis::{Diagnosis, counted};
use crate::error::plain;
use crate::model::PartialError;
use crate::source::Local;
use crate::source::local::{READ_RULES, SEE_OWNERS, check_tracing};

/// With fewer descriptors a scan or a busy server is slow.
const MIN_DESCRIPTORS: u64 = 4_096;

/// Looks at everything that portolan needs of a machine.
pub(super) fn diagnose() -> Vec<Diagnosis> {
    let mut found = sockets();
    found.extend([descriptors(), raw_sockets(), tracing(), name_servers()]);
    found
}

/// Whether sockets can be listed, with their processes.
fn sockets() -> Vec<Diagnosis> {
    let listing = match Local::default().listing() {
        Ok(listing) => listing,
        Err(error) => return vec![Diagnosis::fail("sockets", error.to_string(), error.hint())],
    };
    let count = listing.services.iter().filter(|service| !service.detail.is_published()).count();
    let listed = match listing.errors.first() {
        None => Diagnosis::ok("sockets", format!("listed {}", counted(count, "listening socket"))),
        Some(PartialError { operation, cause, hint }) => {
            Diagnosis::warn("sockets", format!("cannot {operation}: {cause}"), hint)
        }
    };

    let mut found = vec![listed];
    found.extend(limits(&listing.limits));
    found
}

/// The facts that need a permission: the owners of sockets, the rules of the firewall, and others of sockets.
fn limits(limits: &[PartialError]) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if !limits.iter().any(|limit| limit.operation.starts_with(SEE_OWNERS)) {
        found.push(Diagnosis::ok("owners", "the processes of all sockets are visible"));
    }
    found.extend(limits.iter().map(limited));
    found
}

fn limited(limit: &PartialError) -> Diagnosis {
    let PartialError { operation, cause, hint } = limit;
    let name = match operation.as_str() {
        READ_RULES => "firewall",
        operation if operation.starts_with(SEE_OWNERS) => "owners",
        _ => "sockets",
    };
    Diagnosis::warn(name, format!("cannot {operation}: {cause}"), hint)
}

/// How many connections fit.
fn descriptors() -> Diagnosis {
    let limit = getrlimit(Resource::Nofile);
    // portolan raises the limit to the largest that it may have.
    let Some(most) = limit.maximum.or(limit.current) else {
        return Diagnosis::ok("descriptors", "no limit");
    };
    let text = format!("{most} file descriptors at most");
    if most >= MIN_DESCRIPTORS {
        return Diagnosis::ok("descriptors", text);
    }
    let hint = "raise the limit with `ulimit -Hn`, or LimitNOFILE= of a unit: each connection takes one";
    Diagnosis::warn("descriptors", text, hint)
}

/// Whether half-open scans work.
fn raw_sockets() -> Diagnosis {
    match capabilities(None) {
        Ok(sets) if sets.effective.contains(CapabilitySet::NET_RAW) => {
            Diagnosis::ok("raw sockets", "permitted: `portolan scan --syn` works")
        }
        Ok(_) => {
            let hint =
                "run it as root, or permit it with `setcap cap_net_raw+ep` on the program; connect scans need nothing";
            Diagnosis::warn(
                "raw sockets",
                "the capability CAP_NET_RAW is missing: `portolan scan --syn` does not work",
                hint,
            )
        }
        Err(error) => Diagnosis::unknown("raw sockets", format!("the capabilities cannot be read: {error}"), ""),
    }
}

/// Whether a watch of this machine learns of new sockets at once.
fn tracing() -> Diagnosis {
    let name = "tracing";
    match check_tracing() {
        Ok(()) => Diagnosis::ok(name, "permitted: a watch of this machine sees new sockets at once"),
        Err(error) => {
            let text = format!("the kernel cannot be traced ({}): a watch of this machine polls", plain(&error));
            Diagnosis::warn(name, text, "run the watch as root on the host if polling is too slow")
        }
    }
}

/// The name servers of this machine. None of them is asked.
fn name_servers() -> Diagnosis {
    let name = "resolver";
    let text = match fs::read_to_string("/etc/resolv.conf") {
        Ok(text) => text,
        Err(error) => {
            let text = format!("/etc/resolv.conf cannot be read: {}", plain(&error));
            return Diagnosis::warn(name, text, "names do not resolve: use addresses, or create the file");
        }
    };
    let servers: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver ")).collect();

    match servers.first() {
        Some(_) => Diagnosis::ok(name, format!("name servers: {}", servers.join(", "))),
        None => {
            let hint = "add a line `nameserver ADDRESS` to /etc/resolv.conf, or use addresses in place of names";
            Diagnosis::warn(name, "/etc/resolv.conf names no server", hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(operation: &str) -> PartialError {
        PartialError {
            operation: operation.to_owned(),
            cause: "no permission".to_owned(),
            hint: "run as root".to_owned(),
        }
    }

    fn names(operations: &[&str]) -> Vec<&'static str> {
        let known: Vec<PartialError> = operations.iter().map(|operation| limit(operation)).collect();
        limits(&known).iter().map(|diagnosis| diagnosis.name).collect()
    }

    #[test]
    fn each_limit_has_a_line_of_its_own() {
        assert_eq!(names(&[]), ["owners"]);
        assert_eq!(names(&[READ_RULES]), ["owners", "firewall"]);
        assert_eq!(names(&["see the owners of 5 of 7 services", READ_RULES]), ["owners", "firewall"]);
        let lines = limits(&[limit("see the owners of 5 of 7 services"), limit(READ_RULES)]);
        assert_eq!(lines[1].text, "cannot read the firewall rules: no permission");
    }
}
