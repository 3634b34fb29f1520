//! `portolan register`: announces a service to a registry, alone or together with the program that serves it.

mod check;
mod listener;
mod port_listeners;
mod program;
mod state_notes;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

pub(super) use self::check::ReadyCheck;
use self::listener::Listener;
use self::port_listeners::PortListeners;
use self::program::{Program, start_failure};
pub(super) use self::state_notes::{StateNotes, note_states};
use super::exit::Exit;
use super::instance_id::{host_name, instance_id};
use super::port_words::parse_port;
use super::registry::RegistryOptions;
use super::resolve::parse_pair;
use super::signals::Stop;
use super::{Global, stderr};
use crate::clean::clean;
use crate::client::{RegistrationHandle, RegistrationState, Registry};
use crate::error::{Error, Result};
use crate::model::{Address, DEFAULT_NAMESPACE, HostPort, Ports, Registration, parse_duration};
use crate::net::{own_addresses, runtime};

const EXAMPLES: &str = "\
Examples:
  portolan register --name web --port 8080 -- ./server     while ./server runs
  portolan register --name web --port 8080 --check http:/health -- ./server
  portolan register --name web --port 8080 --registry consul://127.0.0.1:8500
  portolan register --name users --port 50051 --check grpc --version 1.2.0 --tag api -- ./users
  portolan register --from-listener :8080                  what listens there already
  DISCOVERY_PROVIDER=etcd portolan register --name web --address 10.0.0.5 --port 80 --ttl 15s";

/// Register a service, and keep it registered while a program runs
///
/// Starts the program and waits until the check passes. Then registers the instance, renews its lease in the background,
/// and registers it again if the registry lost it or was unreachable. On SIGTERM, SIGINT or SIGHUP, portolan first
/// deregisters the instance, and then passes the signal on to the program. When the program ends, portolan deregisters the
/// instance and exits with the program's exit code, or with 128 plus the number of the signal that ended it. Without a
/// program, the instance stays registered until portolan gets a signal.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Register {
    /// Register under this name [default: DISCOVERY_SERVICE_NAME]
    #[arg(long, value_name = "NAME", help_heading = "Instance")]
    name: Option<String>,
    /// Set the port that the service listens on
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Instance")]
    #[arg(required_unless_present = "from_listener")]
    port: Option<u16>,
    /// Register what already listens on this TCP port of this machine. The name and the check come from the listener,
    /// unless --name and --check are given
    #[arg(long, value_name = "PORT", value_parser = parse_port, conflicts_with_all = ["port", "command"], help_heading = "Instance")]
    from_listener: Option<Ports>,
    /// Set the address that clients connect to [default: the first address of this machine that is not
    /// loopback; loopback if the port listens there alone and the registry is on this machine]
    #[arg(long, value_name = "HOST", help_heading = "Instance")]
    address: Option<String>,
    /// Set the id of the instance; the same id replaces an older registration [default: HOST:NAME:PORT]
    #[arg(long, value_name = "ID", help_heading = "Instance")]
    id: Option<String>,
    /// Set the namespace of the service
    #[arg(long, value_name = "NAME", help_heading = "Instance")]
    namespace: Option<String>,
    /// Set the version of the instance, as in 1.2.0
    #[arg(long = "version", id = "own_version", value_name = "VERSION", help_heading = "Instance")]
    version: Option<String>,
    /// Add this tag; can be repeated
    #[arg(long, value_name = "TAG", help_heading = "Instance")]
    tag: Vec<String>,
    /// Add this metadata; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair, help_heading = "Instance")]
    meta: Vec<(String, String)>,
    /// Set the protocol of the service, as in http, https or grpc
    #[arg(long, value_name = "NAME", help_heading = "Instance")]
    protocol: Option<String>,
    /// Set the share of the calls, relative to the other instances
    #[arg(long, value_name = "N", help_heading = "Instance")]
    weight: Option<u16>,
    /// Set the zone of the instance
    #[arg(long, value_name = "ZONE", help_heading = "Instance")]
    zone: Option<String>,
    /// Set the name of the machine that it runs on
    #[arg(long, value_name = "NAME", help_heading = "Instance")]
    node: Option<String>,
    /// Wait for this check before registering; the registry then repeats it: http:/PATH, https:/PATH, tcp, grpc or
    /// grpc:SERVICE
    #[arg(long, value_name = "CHECK", value_parser = ReadyCheck::parse, help_heading = "Checks")]
    check: Option<ReadyCheck>,
    /// Let the registry repeat the check at this interval [default: the registry's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "check", help_heading = "Checks")]
    interval: Option<Duration>,
    /// Let the registration expire after this time unless it is renewed; portolan renews it [default: the registry's, 30s for `portolan serve`]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Lease")]
    ttl: Option<Duration>,
    /// Let the registry remove an unhealthy instance after this time [default: the registry's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Lease")]
    deregister_after: Option<Duration>,
    #[command(flatten)]
    registry: RegistryOptions,
    /// Run this program, and keep the service registered while it runs
    #[arg(last = true, value_name = "CMD", value_hint = clap::ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// How long the registry may take to remove the instance before the program is stopped all the same.
const DEREGISTER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often, and at which interval, a program that was started is examined for its listener.
const MAX_LISTEN_POLLS: u32 = 60;
const LISTEN_POLL_INTERVAL: Duration = Duration::from_millis(500);

impl Register {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        global.refuse_json("portolan register", "prints no list", "leave it out")?;

        let stop = Stop::listen()?;
        let registry = self.registry.open()?;
        let runtime = runtime(0)?;
        let address = self.address.as_ref().and_then(|address| address.trim_matches(['[', ']']).parse().ok());
        let listener = self.from_listener.as_ref().map(|port| runtime.block_on(Listener::find(port, address)));
        let listener = listener.transpose()?;
        let ip = runtime.block_on(self.listening_ip(&registry, listener.as_ref()))?;
        if let Some(ip) = ip.filter(|ip| ip.is_loopback() && !global.quiet) {
            stderr::note(&format!(
                "the address is {ip}, on which alone the port listens: only this machine reaches it"
            ));
        }
        let registration = self.registration(&registry, listener.as_ref(), ip)?;
        if let Some(problem) = registration.problem() {
            return Err(Error::usage(problem.field.clone(), problem.message, problem.hint));
        }

        let exit = runtime.block_on(self.serve(&registry, registration, (&stop, global)));
        runtime.shutdown_background();
        exit
    }

    /// The one address on which the port to register listens already; `None` for several, and while it does not listen.
    ///
    /// # Errors
    /// It is loopback, and the clients of the registry are elsewhere. With --address, the user decides.
    async fn listening_ip(&self, registry: &Registry, listener: Option<&Listener>) -> Result<Option<IpAddr>> {
        let own = own_ip();
        let found = match (listener, self.port) {
            _ if self.address.is_some() => None,
            (Some(listener), _) => listener.address.filter(|ip| *ip != own),
            (None, Some(port)) if self.command.is_empty() => PortListeners::at(own, port).await.loopback_only(),
            (None, _) => None,
        };

        match found.filter(IpAddr::is_loopback) {
            Some(ip) if !is_on_loopback(registry) => {
                let port = self.port.or(listener.map(|listener| listener.port)).unwrap_or_default();
                let why = format!("it listens on {ip} only, and the clients of the registry may be on other machines");
                let hint =
                    format!("let the service listen on {own}, or add --address {ip} for clients of this machine");
                Err(Error::usage(format!("port {port}"), why, hint))
            }
            _ => Ok(found),
        }
    }

    /// What is registered. `ip` is the address on which it listens, if it is known.
    fn registration(
        &self,
        registry: &Registry,
        listener: Option<&Listener>,
        ip: Option<IpAddr>,
    ) -> Result<Registration> {
        let name = self.name.clone().or_else(|| registry.service_name().map(str::to_owned));
        let name = name.or_else(|| listener?.name.clone()).ok_or_else(|| {
            Error::usage("--name", "the service has no name", "add --name, or set DISCOVERY_SERVICE_NAME")
        })?;
        let given = self.address.as_ref().map(|address| address_of(address));
        let address = given.unwrap_or_else(|| Address::Ip(ip.unwrap_or_else(own_ip)));
        let port = self.port.or(listener.map(|listener| listener.port));
        let place = HostPort { address, interface: None, port };

        let ready = self.check.as_ref().or(listener.map(|listener| &listener.check));
        let check = ready.map(|check| {
            let definition = check.definition();
            self.interval.map_or_else(|| definition.clone(), |interval| definition.clone().every(interval))
        });
        Ok(Registration {
            id: self.id.clone().or_else(|| Some(self.default_id(&name, port?))),
            namespace: self.namespace.clone(),
            version: self.version.clone(),
            protocol: self.protocol.clone().or_else(|| ready?.protocol().map(str::to_owned)),
            weight: self.weight,
            ttl: self.ttl,
            deregister_after: self.deregister_after,
            tags: self.tag.clone(),
            metadata: self.meta.iter().cloned().collect(),
            node: self.node.clone(),
            zone: self.zone.clone(),
            checks: check.into_iter().collect(),
            ..Registration::new(name, place)
        })
    }

    /// The same after a restart, also one after a crash: the instance replaces its own registration, which nothing renews any
    /// more. One machine may have the same service and port at several addresses, and in several namespaces.
    fn default_id(&self, name: &str, port: u16) -> String {
        let host = self.node.clone().unwrap_or_else(host_name);
        let namespace = self.namespace.as_deref().filter(|namespace| *namespace != DEFAULT_NAMESPACE);
        let port = port.to_string();
        let words = [Some(host.as_str()), namespace, Some(name), self.address.as_deref(), Some(&port)];
        instance_id(&words.into_iter().flatten().collect::<Vec<_>>())
    }

    async fn serve(
        &self,
        registry: &Registry,
        registration: Registration,
        (stop, global): (&Stop, &Global),
    ) -> Result<Exit> {
        if !self.command.is_empty() && !global.quiet {
            PortListeners::of(&registration).await.held_note().iter().for_each(|note| stderr::note(note));
        }
        let mut program = match Program::start(&self.command) {
            Ok(Some(program)) => program,
            Ok(None) => return self.serve_alone(registry, registration, (stop, global)).await,
            Err(error) => {
                stderr::error(&error);
                return Ok(start_failure(&error));
            }
        };

        let passed = tokio::select! {
            biased;
            exit = program.ended() => {
                note_unregistered(&registration, self.check.is_some(), global.quiet);
                return exit;
            }
            passed = stop.cancel().run_until_cancelled(self.wait_for_check(&registration, global)) => passed,
        };
        let Some(passed) = passed else { return program.stop(stop).await };
        passed?;

        let me = registry.announce(registration)?;
        let notes = StateNotes::new(label(&me));
        let noting = tokio::spawn(note_states(me.states(), notes, global.quiet));
        // A check says as much by failing.
        let is_unchecked = self.check.is_none() && !global.quiet;
        let looking = is_unchecked.then(|| tokio::spawn(note_loopback(me.registration().clone())));
        let ended = tokio::select! {
            biased;
            exit = program.ended() => Some(exit),
            () = stop.cancel().cancelled() => None,
        };
        noting.abort();
        if let Some(looking) = looking {
            looking.abort();
        }
        deregister(me, global.quiet).await;

        match ended {
            Some(exit) => exit,
            None => program.stop(stop).await,
        }
    }

    /// Registers until a signal.
    async fn serve_alone(
        &self,
        registry: &Registry,
        registration: Registration,
        (stop, global): (&Stop, &Global),
    ) -> Result<Exit> {
        let registering = async {
            self.wait_for_check(&registration, global).await?;
            match registry.register(registration.clone()).await {
                Err(error @ (Error::Usage { .. } | Error::Refused { .. })) => Err(error),
                Ok(me) => Ok((None, me)),
                // It may come.
                Err(error) => registry.announce(registration.clone()).map(|me| (Some(error), me)),
            }
        };
        let Some(me) = stop.cancel().run_until_cancelled(registering).await else {
            return Ok(stop.requested().unwrap_or(Exit::Interrupted));
        };
        let (failure, me) = me?;

        let mut notes = StateNotes::new(label(&me));
        if let Some(line) =
            failure.and_then(|error| notes.failed_at_first(&error, Instant::now())).filter(|_| !global.quiet)
        {
            stderr::note(&line);
        }
        let noting = tokio::spawn(note_states(me.states(), notes, global.quiet));
        stop.cancel().cancelled().await;
        noting.abort();
        deregister(me, global.quiet).await;
        Ok(stop.requested().unwrap_or(Exit::Interrupted))
    }

    async fn wait_for_check(&self, registration: &Registration, global: &Global) -> Result<()> {
        match &self.check {
            Some(check) => check.wait(registration, global).await,
            None => {
                // A check says as much by failing.
                if self.command.is_empty() && !global.quiet {
                    PortListeners::of(registration).await.loopback_note().iter().for_each(|note| stderr::note(note));
                }
                Ok(())
            }
        }
    }
}

/// Whether a registry is reached over loopback, so that its clients are probably on this machine too.
fn is_on_loopback(registry: &Registry) -> bool {
    let places = registry.place().unwrap_or_default();
    places.split(',').all(|place| {
        let (scheme, rest) = place.trim().split_once("://").unwrap_or(("http", place.trim()));
        let host = rest.split('/').next().and_then(|host| host.parse::<HostPort>().ok()).map(|host| host.address);
        match host {
            _ if scheme == "unix" => true,
            Some(Address::Ip(ip)) => ip.is_loopback(),
            Some(Address::Name(name)) => name.as_raw() == "localhost",
            _ => false,
        }
    })
}

/// Waits until a program listens on its port, and says so if no client reaches it at the registered address.
async fn note_loopback(registration: Registration) {
    for _ in 0..MAX_LISTEN_POLLS {
        let listeners = PortListeners::of(&registration).await;
        if !listeners.is_empty() {
            if let Some(note) = listeners.loopback_note() {
                stderr::note(&note);
            }
            return;
        }
        sleep(LISTEN_POLL_INTERVAL).await;
    }
}

/// `user-service 10.0.0.7:8080 as ID`
pub(super) fn label(me: &RegistrationHandle) -> String {
    let registration = me.registration();
    let id = registration.id.as_deref().unwrap_or_default();
    format!("{} {} as {}", clean(&registration.name), clean(&registration.place()), clean(id))
}

/// Says why a program that ended was never registered.
fn note_unregistered(registration: &Registration, has_check: bool, quiet: bool) {
    let when = if has_check { "before the check passed" } else { "at once" };
    if !quiet {
        stderr::note(&format!("{} was not registered: its program ended {when}", clean(&registration.name)));
    }
}

/// Removes the registration. A registry that does not reply must not hold the program up.
pub(super) async fn deregister(me: RegistrationHandle, quiet: bool) {
    let label = label(&me);
    // What the registry never had is not said to be removed.
    let was_active = matches!(me.state(), RegistrationState::Active { .. });
    match tokio::time::timeout(DEREGISTER_TIMEOUT, me.deregister()).await {
        Ok(Ok(())) if was_active && !quiet => stderr::note(&format!("deregistered {label}")),
        Ok(Ok(())) => {}
        Ok(Err(error)) => stderr::error(&error),
        Err(_) => stderr::failure(
            &format!("cannot deregister {label}: the registry did not reply"),
            "its lease ends by itself",
        ),
    }
}

/// An address as the registration holds it. A registration is validated later.
fn address_of(text: &str) -> Address {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().map_or_else(|_| Address::Name(text.into()), Address::Ip)
}

/// The first address of this machine that others can reach.
pub(super) fn own_ip() -> IpAddr {
    let addresses = own_addresses().unwrap_or_default();
    let reachable = addresses.iter().filter(|address| !address.is_loopback());
    let first = reachable.min_by_key(|address| address.is_ipv6()).copied();

    first.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
