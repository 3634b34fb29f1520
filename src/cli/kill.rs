//! `portolan kill PORT`: end the process that holds a port, after a question.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::exit::Exit;
use super::port_words::parse_port;
use super::who::{holders, is_known};
use super::{Global, stderr, terminal};
use crate::error::{Error, Result};
use crate::model::{Listing, LocalDetail, Ports, Process, Service, ServiceId, parse_duration};
use crate::source::Local;

const EXAMPLES: &str = "\
Examples:
  portolan kill 8080                    asks, then sends SIGTERM and waits
  portolan kill 8080 --yes              without the question, for scripts
  portolan kill 8080 --signal kill      if it ignores SIGTERM";

/// End the process that listens on a TCP port
///
/// Names the process, its command line and its unit, asks, sends the signal and waits until the process has ended. The
/// signal goes to the process that was named, or to none: its id may be reused meanwhile, but portolan holds on to the
/// process itself. A process that cannot be identified beyond doubt is never signalled. If several processes hold the
/// port, the one that started the others gets the signal. A service manager may start the process again: stop its unit
/// instead.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kill {
    /// A port: a number or a name, as in 8080 or :8080
    #[arg(value_name = "PORT", value_parser = parse_port)]
    port: Ports,
    /// Send the signal without asking
    #[arg(short, long)]
    yes: bool,
    /// The signal
    #[arg(long, value_enum, value_name = "SIGNAL", default_value_t = SignalName::Term)]
    signal: SignalName,
    /// How long to wait for the process to end
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SignalName {
    /// End in good order
    Term,
    /// As Ctrl-C at its terminal
    Int,
    /// Many servers reload their settings on this one
    Hup,
    /// End at once, without cleaning up
    Kill,
}

impl SignalName {
    fn number(self) -> rustix::process::Signal {
        match self {
            Self::Term => rustix::process::Signal::TERM,
            Self::Int => rustix::process::Signal::INT,
            Self::Hup => rustix::process::Signal::HUP,
            Self::Kill => rustix::process::Signal::KILL,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
            Self::Kill => "SIGKILL",
        }
    }
}

/// A process that may get the signal. The descriptor stays with this process, whatever becomes of its id.
struct HeldProcess {
    process: Process,
    /// The id of its listener.
    listener: ServiceId,
    handle: OwnedFd,
}

/// Why no signal is sent.
struct Refusal {
    exit: Exit,
    why: String,
    hint: &'static str,
}

impl Refusal {
    fn new(why: impl Into<String>, hint: &'static str) -> Self {
        Self { exit: Exit::ConditionFailed, why: why.into(), hint }
    }

    fn permission(why: impl Into<String>, hint: &'static str) -> Self {
        Self { exit: Exit::PermissionMissing, ..Self::new(why, hint) }
    }
}

impl Kill {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if global.wants_json("portolan kill")? {
            return Err(Error::usage("--json", "portolan kill prints no list", "leave it out"));
        }

        let Listing { services, errors, .. } = self.listeners()?;
        errors.iter().for_each(stderr::fault);
        if services.is_empty() && !errors.is_empty() {
            return Ok(Exit::Incomplete);
        }
        if services.is_empty() {
            if !global.quiet {
                stderr::note(&format!("nothing listens on TCP port {}", self.port));
            }
            return Ok(Exit::ConditionFailed);
        }

        let held = match hold(&services) {
            // The processes are held from here on. If each still has its socket now, it is the one that was named.
            Ok(held) => all_hold(&held, &self.listeners()?.services).map(|()| held),
            Err(refusal) => Err(refusal),
        };
        let sent = held.and_then(|held| self.confirm(&services).map(|()| held)).and_then(|held| self.send(held));
        match sent {
            Ok(held) => Ok(self.wait_for(&held, global.quiet)),
            Err(Refusal { exit, why, hint }) => {
                stderr::failure(&format!("cannot end the process on port {}: {why}", self.port), hint);
                Ok(exit)
            }
        }
    }

    fn listeners(&self) -> Result<Listing<LocalDetail>> {
        let local = Local { ports: Some(self.port.clone()), tcp: true, ..Local::default() };
        local.listing()
    }

    /// Asks about each process.
    fn confirm(&self, services: &[Service<LocalDetail>]) -> Result<(), Refusal> {
        let is_confirmed = self.yes
            || holders(services).iter().all(|(service, addresses)| terminal::ask(&self.question(service, addresses)));
        if is_confirmed {
            return Ok(());
        }
        Err(Refusal::new("it was not confirmed", "answer y at the terminal, or add --yes"))
    }

    fn question(&self, service: &Service<LocalDetail>, addresses: &[String]) -> String {
        let detail = &service.detail;
        let Some(process) = detail.main_process() else { return String::new() };
        let unit = detail.unit.as_ref().map(|unit| format!(" of {unit}")).unwrap_or_default();
        let command = process.command.as_ref().map(|command| format!(", `{command}`")).unwrap_or_default();
        let others = match detail.processes.len() - 1 {
            0 => String::new(),
            1 => " (1 more process holds it too)".to_owned(),
            count => format!(" ({count} more processes hold it too)"),
        };
        let (signal, held) = (self.signal.as_str(), addresses.join(" and "));
        format!(
            "Send {signal} to {} (pid {}){unit}{command}, which listens on {held}{others}?",
            process.name, process.pid
        )
    }

    fn send(&self, held: Vec<HeldProcess>) -> Result<Vec<HeldProcess>, Refusal> {
        for HeldProcess { process, handle, .. } in &held {
            match pidfd_send_signal(handle, self.signal.number()) {
                // It ended by itself meanwhile.
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => {
                    let why = format!("{} (pid {}) does not take the signal: {error}", process.name, process.pid);
                    return Err(Refusal::permission(why, "run portolan as root, or as the user of the process"));
                }
            }
        }
        Ok(held)
    }

    /// Waits until all have ended.
    fn wait_for(&self, held: &[HeldProcess], quiet: bool) -> Exit {
        let deadline = Instant::now().checked_add(self.timeout);
        for HeldProcess { process, handle, .. } in held {
            if !ends_by(handle, deadline) {
                let (name, pid, signal) = (&process.name, process.pid, self.signal.as_str());
                let text = format!("{name} (pid {pid}) has not ended {} s after {signal}", self.timeout.as_secs_f64());
                stderr::failure(&text, "give it more --timeout, or use --signal kill");
                return Exit::ConditionFailed;
            }
            if !quiet {
                stderr::note(&format!("{} (pid {}) ended", process.name, process.pid));
            }
        }
        Exit::Done
    }
}

/// Opens the process behind each listener.
fn hold(services: &[Service<LocalDetail>]) -> Result<Vec<HeldProcess>, Refusal> {
    holders(services).into_iter().map(|(service, _)| hold_one(service)).collect()
}

fn hold_one(service: &Service<LocalDetail>) -> Result<HeldProcess, Refusal> {
    let detail = &service.detail;
    let Some(process) = detail.main_process().filter(|_| is_known(detail)) else {
        let user = detail.user.as_ref().map(|user| format!(" of user {user}")).unwrap_or_default();
        let why = format!("the process{user} that holds it cannot be identified beyond doubt");
        return Err(Refusal::permission(why, "run portolan as root"));
    };
    if process.pid == 1 || process.pid == std::process::id() {
        let why = format!("{} (pid {}) holds it", process.name, process.pid);
        return Err(Refusal::new(why, "if it is systemd, `systemctl list-sockets` names the socket unit to stop"));
    }

    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let handle = pid.ok_or(Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let handle = handle
        .map_err(|error| Refusal::new(format!("{} (pid {}): {error}", process.name, process.pid), "try again"))?;
    Ok(HeldProcess { process: Process::clone(process), listener: service.id.clone(), handle })
}

/// Whether each held process is still the one that was listed, and still holds its socket.
fn all_hold(held: &[HeldProcess], services: &[Service<LocalDetail>]) -> Result<(), Refusal> {
    let changed = held.iter().find(|held| !still_holds(held, services));
    match changed {
        None => Ok(()),
        Some(HeldProcess { process, .. }) => {
            let why = format!("{} (pid {}) changed while portolan looked at it", process.name, process.pid);
            Err(Refusal::new(why, "try again"))
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
fn ends_by(handle: &OwnedFd, deadline: Option<Instant>) -> bool {
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
    use crate::model::OwnerLookup;

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
