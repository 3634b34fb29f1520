//! The processes that may get a signal: held from the moment they are named, so that no other one gets it.

use std::fmt;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::super::exit::Exit;
use super::super::who::{Holder, holders, is_known};
use super::SignalName;
use crate::model::{LocalDetail, OwnerLookup, Process, Service, ServiceId};

/// A process that may get the signal. The descriptor stays with this process, whatever becomes of its id.
pub(in crate::cli) struct HeldProcess {
    pub(super) process: Process,
    /// The id of its listener.
    listener: ServiceId,
    pub(super) handle: OwnedFd,
}

impl fmt::Display for HeldProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.process.name, self.process.pid)
    }
}

impl HeldProcess {
    /// What is asked before the signal, of one process among others.
    pub(super) fn question(&self, signal: SignalName) -> String {
        let command = self.process.command.as_ref().map(|command| format!(", `{command}`")).unwrap_or_default();
        format!("Send {} to {self}{command}?", signal.as_str())
    }
}

/// Why no signal is sent.
pub(in crate::cli) struct KillRefusal {
    pub(super) exit: Exit,
    pub(in crate::cli) why: String,
    pub(in crate::cli) hint: &'static str,
}

impl KillRefusal {
    pub(super) fn new(why: impl Into<String>, hint: &'static str) -> Self {
        Self { exit: Exit::ConditionFailed, why: why.into(), hint }
    }

    fn permission(why: impl Into<String>, hint: &'static str) -> Self {
        Self { exit: Exit::PermissionMissing, ..Self::new(why, hint) }
    }
}

/// What is asked before the signal: it names the process, its unit and what it listens on.
pub(in crate::cli) fn question(signal: SignalName, service: &Service<LocalDetail>, addresses: &[String]) -> String {
    let detail = &service.detail;
    let Some(process) = detail.main_process() else { return String::new() };
    let unit = detail.unit.as_ref().map(|unit| format!(" of {unit}")).unwrap_or_default();
    let command = process.command.as_ref().map(|command| format!(", `{command}`")).unwrap_or_default();
    let others = match detail.processes.len() - 1 {
        0 => String::new(),
        1 => " (1 more process holds it too)".to_owned(),
        count => format!(" ({count} more processes hold it too)"),
    };
    let (signal, held) = (signal.as_str(), addresses.join(" and "));
    format!("Send {signal} to {} (pid {}){unit}{command}, which listens on {held}{others}?", process.name, process.pid)
}

/// Sends the signal to each process.
pub(in crate::cli) fn send(held: Vec<HeldProcess>, signal: SignalName) -> Result<Vec<HeldProcess>, KillRefusal> {
    for HeldProcess { process, handle, .. } in &held {
        match pidfd_send_signal(handle, signal.number()) {
            // It ended by itself meanwhile.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => {
                let why = format!("{} (pid {}) does not take the signal: {error}", process.name, process.pid);
                return Err(KillRefusal::permission(why, "run portolan as root, or as the user of the process"));
            }
        }
    }
    Ok(held)
}

/// Opens the process behind each listener.
pub(in crate::cli) fn hold(services: &[Service<LocalDetail>]) -> Result<Vec<HeldProcess>, KillRefusal> {
    let holders = holders(services);
    refuse_unrelated(&holders)?;
    holders.into_iter().map(|(service, _)| hold_one(service)).collect()
}

/// Opens every process that holds a listener, whether they belong together or not. Each is there once.
pub(in crate::cli) fn hold_every(services: &[Service<LocalDetail>]) -> Result<Vec<HeldProcess>, KillRefusal> {
    let mut held: Vec<HeldProcess> = Vec::new();
    for service in services {
        check_owner(service)?;
        for process in &*service.detail.processes {
            if held.iter().all(|other| other.process.pid != process.pid) {
                held.push(open(process, service)?);
            }
        }
    }
    Ok(held)
}

fn main_pid((service, _): &Holder<'_>) -> Option<u32> {
    service.detail.main_process().map(|process| process.pid)
}

/// Listeners of one port at several addresses may belong to programs that have nothing to do with each other: the user names one.
fn refuse_unrelated(holders: &[Holder<'_>]) -> Result<(), KillRefusal> {
    let Some(first) = holders.first() else { return Ok(()) };
    if holders.iter().all(|holder| main_pid(holder) == main_pid(first)) {
        return Ok(());
    }

    let names: Vec<String> = holders
        .iter()
        .map(|(service, addresses)| {
            let process = service.detail.main_process();
            let name = process.map(|process| format!("{} (pid {})", process.name, process.pid));
            format!("{} on {}", name.as_deref().unwrap_or("a hidden process"), addresses.join(" and "))
        })
        .collect();
    let why = format!("several programs hold it: {}", names.join(", "));
    Err(KillRefusal::new(why, "name the address, as in `portolan kill 127.0.0.1:8080`, or end them all with --all"))
}

fn hold_one(service: &Service<LocalDetail>) -> Result<HeldProcess, KillRefusal> {
    let process = check_owner(service)?;
    let mut others = service.detail.processes.iter().filter(|other| other.pid != process.pid);
    if others.any(|other| !other.parents.iter().any(|parent| parent.pid == process.pid)) {
        let names: Vec<String> =
            service.detail.processes.iter().map(|process| format!("{} (pid {})", process.name, process.pid)).collect();
        let why = format!("{} hold it, and none of them started the others", names.join(", "));
        return Err(KillRefusal::new(why, "end the one you mean by its id, kill PID, or end them all with --all"));
    }
    open(process, service)
}

/// The process to which a listener belongs, if all that hold it can be seen.
fn check_owner(service: &Service<LocalDetail>) -> Result<&Process, KillRefusal> {
    let detail = &service.detail;
    let Some(process) = detail.main_process().filter(|_| is_known(detail)) else {
        let user = detail.user.as_ref().map(|user| format!(" of user {user}")).unwrap_or_default();
        let why = match detail.owner {
            OwnerLookup::NoPermission => format!("no permission to see the process{user} that holds it"),
            _ => format!("the process{user} that holds it cannot be identified beyond doubt"),
        };
        return Err(KillRefusal::permission(why, "run portolan as root"));
    };

    // The socket of another user may be held by that user's processes, which are hidden.
    let is_of_other = detail.user.is_some() && detail.user != process.user;
    if !detail.processes_complete && is_of_other {
        let why =
            format!("{} (pid {}) holds it, and processes that are hidden may hold it too", process.name, process.pid);
        return Err(KillRefusal::permission(why, "run portolan as root"));
    }
    Ok(process)
}

/// Opens a process, except this one and the first one.
fn open(process: &Process, service: &Service<LocalDetail>) -> Result<HeldProcess, KillRefusal> {
    if process.pid == 1 || process.pid == std::process::id() {
        let why = format!("{} (pid {}) holds it", process.name, process.pid);
        return Err(KillRefusal::new(why, "if it is systemd, `systemctl list-sockets` names the socket unit to stop"));
    }
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let handle = pid.ok_or(Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let handle = handle
        .map_err(|error| KillRefusal::new(format!("{} (pid {}): {error}", process.name, process.pid), "try again"))?;
    Ok(HeldProcess { process: Process::clone(process), listener: service.id.clone(), handle })
}

/// Whether each held process is still the one that was listed, and still holds its socket.
pub(in crate::cli) fn all_hold(held: &[HeldProcess], services: &[Service<LocalDetail>]) -> Result<(), KillRefusal> {
    let changed = held.iter().find(|held| !still_holds(held, services));
    match changed {
        None => Ok(()),
        Some(HeldProcess { process, .. }) => {
            let why = format!("{} (pid {}) changed while portolan examined it", process.name, process.pid);
            Err(KillRefusal::new(why, "try again"))
        }
    }
}

fn still_holds(held: &HeldProcess, services: &[Service<LocalDetail>]) -> bool {
    let service = services.iter().find(|service| service.id == held.listener);
    let processes = service.map(|service| &*service.detail.processes).unwrap_or_default();
    let process = processes.iter().find(|process| process.pid == held.process.pid);
    process.is_some_and(|process| process.started.is_some() && process.started == held.process.started)
}

/// Waits until the process has ended. The descriptor of a process is readable from then on.
pub(super) fn ends_by(handle: &OwnedFd, deadline: Option<Instant>) -> bool {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return false,
            Ok(_) => return true,
            // A signal interrupts the wait.
            Err(_) if left.is_some_and(|left| left.is_zero()) => return false,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::{Child, Command};
    use std::sync::Arc;

    use super::*;
    use crate::source::Local;

    /// A process that holds a listener until it is ended, and what is listed of it.
    fn listener() -> (Child, Service<LocalDetail>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let child = Command::new("sleep").arg("600").stdin(OwnedFd::from(listener)).spawn().unwrap();

        let local = Local { ports: Some([port].into_iter().collect()), tcp: true, ..Local::default() };
        let listed = local.listing().unwrap().services.remove(0);
        assert_eq!(listed.detail.processes[0].pid, child.id());
        (child, listed)
    }

    fn with_process(listed: &Service<LocalDetail>, change: impl FnOnce(&mut Process)) -> Service<LocalDetail> {
        let mut process = Process::clone(&listed.detail.processes[0]);
        change(&mut process);
        let mut changed = listed.clone();
        changed.detail.processes = [Arc::new(process)].into();
        changed
    }

    /// The id of a process that ended may belong to another one at any moment: none of these gets a signal.
    #[test]
    fn a_process_that_may_be_another_one_gets_no_signal() {
        let (mut child, listed) = listener();
        let held = hold(std::slice::from_ref(&listed)).ok().unwrap();
        assert!(all_hold(&held, std::slice::from_ref(&listed)).is_ok());

        for (changed, why) in [
            (with_process(&listed, |process| process.started = Some(jiff::Timestamp::UNIX_EPOCH)), "its id is reused"),
            (with_process(&listed, |process| process.pid += 1), "another process has its socket"),
            (with_process(&listed, |process| process.started = None), "its start is unknown"),
        ] {
            assert!(all_hold(&held, &[changed]).is_err(), "{why}");
        }
        assert!(all_hold(&held, &[]).is_err(), "nothing listens any more");
        assert!(!ends_by(&held[0].handle, Some(Instant::now())), "it was not signalled");

        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ends_by(&held[0].handle, None));
    }

    #[test]
    fn an_owner_in_doubt_is_refused() {
        let (mut child, listed) = listener();
        child.kill().unwrap();
        child.wait().unwrap();

        let own = with_process(&listed, |process| process.pid = std::process::id());
        assert!(hold(&[own]).is_err(), "portolan itself");
        assert!(hold(&[with_process(&listed, |process| process.pid = 1)]).is_err(), "the first process");

        let mut hidden = listed;
        hidden.detail.owner = OwnerLookup::NoPermission;
        let refusal = hold(&[hidden]).err().unwrap();
        assert_eq!(refusal.exit, Exit::PermissionMissing);
    }
}
