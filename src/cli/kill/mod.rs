//! `portolan kill PORT`: end the process that holds a port, after a question.

mod held;

use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use self::held::ends_by;
pub(super) use self::held::{HeldProcess, KillRefusal, all_hold, hold, hold_every, question, send};
use super::exit::Exit;
use super::port_words::{describe, parse_tcp_socket, restrict};
use super::who::holders;
use super::{Global, stderr, terminal};
use crate::error::Result;
use crate::model::{Address, Listing, LocalDetail, Service, SocketPatterns, SocketState, parse_duration};
use crate::source::Local;
use crate::source::local::SEE_OWNERS;

const EXAMPLES: &str = "\
Examples:
  portolan kill 8080                    asks, then sends SIGTERM and waits
  portolan kill 8080 --yes              without the question, for scripts
  portolan kill 127.0.0.1:8080          only what listens at that address
  portolan kill 8080 --all              every process that holds it, each after its own question
  portolan kill 8080 --signal kill      if it ignores SIGTERM";

/// End the process that listens on a TCP port
///
/// Shows the process, its command line and its unit, asks for confirmation, sends the signal, and waits until the process
/// has ended. Only the process that was shown can get the signal, even if its id is reused meanwhile, and portolan never
/// signals a process that it cannot identify beyond doubt. If several processes share a listener, the one that started the
/// others gets the signal; if none of them did, none gets it. If unrelated programs listen on the port at different
/// addresses, none gets it: name the address, as in 127.0.0.1:8080, or add --all. If a service manager, a container or a
/// parent may start the process again, portolan looks at the port for one more second. Exits with 1 if the port is still
/// held then, and names what to stop instead. portolan does not wait after SIGHUP.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kill {
    /// A port or a socket, as in 8080, :8080, 127.0.0.1:8080 or 8080/tcp
    #[arg(value_name = "PORT", value_parser = parse_tcp_socket)]
    socket: SocketPatterns,
    /// Signal every process that holds the port, even if they are unrelated
    #[arg(long)]
    all: bool,
    /// Send the signal without asking
    #[arg(short, long)]
    yes: bool,
    /// Send this signal
    #[arg(long, value_enum, value_name = "SIGNAL", default_value_t = SignalName::Term)]
    signal: SignalName,
    /// Wait at most this time for the process to end
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SignalName {
    /// Ask the process to end cleanly
    #[value(aliases = ["TERM", "SIGTERM", "sigterm", "15"])]
    Term,
    /// Interrupt it, like Ctrl-C at its terminal
    #[value(aliases = ["INT", "SIGINT", "sigint", "2"])]
    Int,
    /// Hang up; many servers then reload their settings
    #[value(aliases = ["HUP", "SIGHUP", "sighup", "1"])]
    Hup,
    /// End it at once, without cleaning up
    #[value(aliases = ["KILL", "SIGKILL", "sigkill", "9"])]
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

fn is_exact(service: &Service<LocalDetail>) -> bool {
    service.endpoints.iter().any(|endpoint| matches!(endpoint.address, Address::Ip(ip) if !ip.is_unspecified()))
}

/// Of the listeners at one address and those at all addresses, keeps the former: they get the connections.
fn retain_nearest(services: &mut Vec<Service<LocalDetail>>, socket: &SocketPatterns) {
    if socket.has_address() && services.iter().any(is_exact) {
        services.retain(is_exact);
    }
}

impl Kill {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        global.refuse_json("portolan kill", "prints no list", "leave it out")?;

        let Listing { services, errors, limits, .. } = self.listeners()?;
        errors.iter().for_each(stderr::fault);
        if services.is_empty() && !errors.is_empty() {
            return Ok(Exit::Incomplete);
        }
        if services.is_empty() {
            if !global.quiet {
                stderr::note(&format!("nothing listens on TCP {}", describe(&self.socket)));
            }
            return Ok(Exit::ConditionFailed);
        }

        let found = if self.all { hold_every(&services) } else { hold(&services) };
        let held = match found {
            // The processes are held from here on. If each still has its socket now, it is the one that was named.
            Ok(held) => all_hold(&held, &self.listeners()?.services).map(|()| held),
            Err(refusal) => Err(refusal),
        };
        let sent = held.and_then(|held| self.confirm(held, &services)).and_then(|held| send(held, self.signal));
        match sent {
            Ok(held) => Ok(self.wait_for(&held, &services, global.quiet)),
            Err(KillRefusal { exit, why, hint }) => {
                // Why an owner is not visible, the listing knows best.
                let limit = limits.iter().find(|limit| limit.operation.starts_with(SEE_OWNERS));
                let limit = limit.filter(|_| exit == Exit::PermissionMissing);
                let hint = limit.map_or(hint, |limit| limit.hint.as_str());
                stderr::failure(&format!("cannot end the process on {}: {why}", describe(&self.socket)), hint);
                Ok(exit)
            }
        }
    }

    /// What listens itself: a process to which a rule of the firewall leads connections does not hold the port.
    fn listeners(&self) -> Result<Listing<LocalDetail>> {
        let state = vec![SocketState::Listen];
        let mut local = Local { tcp: true, state, ..Local::default() };
        restrict(&mut local, std::slice::from_ref(&self.socket));

        let mut listing = local.listing()?;
        retain_nearest(&mut listing.services, &self.socket);
        Ok(listing)
    }

    /// Asks about each program, and keeps those that may get the signal.
    fn confirm(
        &self,
        held: Vec<HeldProcess>,
        services: &[Service<LocalDetail>],
    ) -> Result<Vec<HeldProcess>, KillRefusal> {
        let confirmed = match holders(services).as_slice() {
            _ if self.yes => held,
            _ if self.all => held.into_iter().filter(|held| terminal::ask(&held.question(self.signal))).collect(),
            // They all belong to one program, which may listen at several addresses.
            all => {
                let addresses: Vec<String> = all.iter().flat_map(|(_, addresses)| addresses.clone()).collect();
                let asked = all.first().map(|(service, _)| question(self.signal, service, &addresses));
                if asked.is_some_and(|question| terminal::ask(&question)) { held } else { Vec::new() }
            }
        };
        if confirmed.is_empty() {
            return Err(KillRefusal::new("it was not confirmed", "answer y at the terminal, or add --yes"));
        }

        Ok(confirmed)
    }

    /// Waits until all have ended, and says whether the port is free then.
    fn wait_for(&self, held: &[HeldProcess], before: &[Service<LocalDetail>], quiet: bool) -> Exit {
        // A server that reloads its settings on it goes on.
        if self.signal == SignalName::Hup {
            for HeldProcess { process, .. } in held.iter().filter(|_| !quiet) {
                stderr::note(&format!("sent SIGHUP to {} (pid {})", process.name, process.pid));
            }
            return Exit::Done;
        }

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
        self.check_free(held, before)
    }

    /// Whether the port is free now, and stays so: another process may hold it too, or it may be started again.
    fn check_free(&self, held: &[HeldProcess], before: &[Service<LocalDetail>]) -> Exit {
        let may_return = before.iter().any(|service| starter(service, held).is_some());
        let until = Instant::now() + if may_return { RESTART_WAIT } else { Duration::ZERO };

        loop {
            let Ok(Listing { services, errors, .. }) = self.listeners() else { return Exit::Incomplete };
            if let Some(service) = services.first() {
                self.report_holder(service, before);
                return Exit::ConditionFailed;
            }
            if !errors.is_empty() {
                errors.iter().for_each(stderr::fault);
                return Exit::Incomplete;
            }
            if Instant::now() >= until {
                return Exit::Done;
            }
            thread::sleep(RESTART_POLL);
        }
    }

    /// Says what holds the port after the signal.
    fn report_holder(&self, service: &Service<LocalDetail>, before: &[Service<LocalDetail>]) {
        let port = describe(&self.socket);
        let Some(process) = service.detail.main_process() else {
            let hint = "run portolan as root to see it";
            return stderr::failure(&format!("{port} is still held, by a process that cannot be seen"), hint);
        };

        let (name, pid) = (&process.name, process.pid);
        let is_old = before.iter().flat_map(|service| &*service.detail.processes).any(|known| known.pid == pid);
        match starter(service, &[]).filter(|_| !is_old) {
            Some(Starter { what, hint }) => {
                stderr::failure(&format!("{port} is served again, by {name} (pid {pid}) of {what}"), &hint);
            }
            None => stderr::failure(
                &format!("{port} is still held, by {name} (pid {pid})"),
                "if its service manager started it again, stop the unit; --all ends every process that holds it",
            ),
        }
    }
}

/// What may start a process again.
struct Starter {
    what: String,
    hint: String,
}

/// How long a port is watched that may be served again: systemd and docker wait 100 ms before they start a process again.
const RESTART_WAIT: Duration = Duration::from_secs(1);
const RESTART_POLL: Duration = Duration::from_millis(50);

/// Parents that only start what their unit or container is made of. Process 1 is one whatever its name is: its end is the end
/// of everything.
const MANAGERS: [&str; 4] = ["systemd", "init", "containerd-shim", "conmon"];

/// What may start the process of a listener again: the parent that gets no signal itself, else its container or its unit.
fn starter(service: &Service<LocalDetail>, held: &[HeldProcess]) -> Option<Starter> {
    let parents = &service.detail.main_process()?.parents;
    let mut others = parents.iter().filter(|parent| held.iter().all(|held| held.process.pid != parent.pid));
    if let Some(parent) = others.next().filter(|parent| parent.pid != 1 && !MANAGERS.contains(&parent.name.as_raw())) {
        let (name, pid) = (&parent.name, parent.pid);
        let hint = format!("tell {name} to stop it, or end {name} first: kill {pid}");
        return Some(Starter { what: format!("parent {name} (pid {pid})"), hint });
    }

    let LocalDetail { unit, unit_user, container, .. } = &service.detail;
    if let Some(container) = container {
        return Some(Starter { what: format!("container {container}"), hint: format!("stop container {container}") });
    }
    let unit = unit.as_ref().filter(|unit| unit.as_raw().ends_with(".service"))?;
    let user = if unit_user.is_some() { " --user" } else { "" };
    Some(Starter { what: format!("unit {unit}"), hint: format!("stop the unit: systemctl{user} stop {unit}") })
}
