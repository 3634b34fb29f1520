//! The scenarios: what is registered before the load, what is sent, and what must be true of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::http::{HttpConnection, HttpReply};
use super::load::Requests;
use super::requests::Fleet;
use super::target::{LoadTarget, speaks_tls};
use super::watchers::WriteLog;
use crate::cli::signals::Stop;
use crate::error::{Error, Result, plain};

/// What the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ScenarioName {
    /// Request the instances of a service
    Discover,
    /// Register new instances
    Register,
    /// Renew the leases of registered instances
    Heartbeat,
    /// Change an instance, and measure how soon watchers learn of it
    Watch,
    /// Request the instances of a service with the states of their checks
    Checks,
}

/// A scenario, ready to be sent.
pub(super) struct Scenario<'t> {
    pub(super) name: ScenarioName,
    pub(super) fleet: Fleet,
    /// How many instances are registered before the load.
    pub(super) instances: u64,
    pub(super) log: Option<Arc<WriteLog>>,
    target: &'t LoadTarget,
    timeout: Duration,
}

/// Connections for what is done before and after the load.
const SETUP_CONNECTIONS: u64 = 8;
/// How long a server may take until it lists what it acknowledged.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

impl ScenarioName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Register => "register",
            Self::Heartbeat => "heartbeat",
            Self::Watch => "watch",
            Self::Checks => "checks",
        }
    }

    /// How many instances are registered before the load, unless it is given.
    pub(super) fn default_instances(self) -> u64 {
        match self {
            Self::Discover | Self::Checks => 10,
            Self::Register => 0,
            Self::Heartbeat => 100,
            Self::Watch => 1,
        }
    }
}

impl<'t> Scenario<'t> {
    /// `fleet`: the instances of this run. `timeout`: for a reply.
    pub(super) fn new(
        name: ScenarioName,
        fleet: Fleet,
        instances: u64,
        (target, timeout): (&'t LoadTarget, Duration),
    ) -> Self {
        Self { name, fleet, instances, log: None, target, timeout }
    }

    /// Registers what the load needs, and checks an answer before it is timed.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or gives another answer than the right one.
    pub(super) fn prepare(&self, stop: &Stop) -> Result<()> {
        self.each(self.instances, stop, |number, out| self.fleet.register(self.target, out, number, None))?;
        let is_list = matches!(self.name, ScenarioName::Discover | ScenarioName::Checks);
        if is_list { self.await_count(0, self.instances).map(drop) } else { Ok(()) }
    }

    /// Checks that the server lists what it acknowledged, `acknowledged` at least.
    ///
    /// # Errors
    /// The server lists fewer.
    pub(super) fn verify(&self, acknowledged: u64, sent: u64) -> Result<()> {
        if self.name != ScenarioName::Register {
            return Ok(());
        }
        let deadline = Instant::now() + LIST_TIMEOUT;

        loop {
            let services = 0..=sent.saturating_sub(1) / Fleet::SERVICE_SIZE;
            let listed: Result<Vec<u64>> = services.map(|service| self.count(service)).collect();
            let listed: u64 = listed?.iter().sum();
            if listed >= acknowledged {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(wrong_answer(format!(
                    "it lists {listed} instances of {acknowledged} that it acknowledged"
                )));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Removes everything that this run registered. `sent`: the number of registrations of the load.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub(super) fn clean(&self, sent: u64) -> Result<()> {
        let registered = if self.name == ScenarioName::Register { sent } else { self.instances };
        let stop = None;
        self.each_until(registered, stop, |number, out| self.fleet.deregister(self.target, out, number))
    }

    /// Waits until a service has this many instances.
    fn await_count(&self, service: u64, wanted: u64) -> Result<u64> {
        let deadline = Instant::now() + LIST_TIMEOUT;
        loop {
            let listed = self.count(service)?;
            if listed == wanted {
                return Ok(listed);
            }
            if Instant::now() >= deadline {
                return Err(wrong_answer(format!("it lists {listed} instances instead of {wanted}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// How many instances a service has.
    fn count(&self, service: u64) -> Result<u64> {
        let mut connection = HttpConnection::new(self.target, self.timeout);
        let mut request = Vec::new();
        match self.name {
            ScenarioName::Checks => self.fleet.checks(self.target, &mut request),
            _ => self.fleet.discover(self.target, &mut request, service),
        }
        let reply = connection.exchange(&request).map_err(|error| unreachable_server(self.target, &error))?;
        let count = self.fleet.count(reply.body).filter(|_| reply.status == 200);
        count.map(|count| count as u64).ok_or_else(|| wrong_answer(format!("status {} without a list", reply.status)))
    }

    fn each(&self, count: u64, stop: &Stop, write: impl Fn(u64, &mut Vec<u8>) + Sync) -> Result<()> {
        self.each_until(count, Some(stop), write)
    }

    /// Sends one request for each number, over a few connections. All must succeed; 404 is a success of a removal.
    fn each_until(&self, count: u64, stop: Option<&Stop>, write: impl Fn(u64, &mut Vec<u8>) + Sync) -> Result<()> {
        let next = AtomicU64::new(0);

        thread::scope(|scope| {
            let numbers = 0..SETUP_CONNECTIONS.min(count);
            let workers = numbers.map(|_| scope.spawn(|| self.send_some(count, &next, stop, &write)));
            let workers: Vec<_> = workers.collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
        })
    }

    /// Sends the requests of the next numbers over one connection, until none is left.
    fn send_some(
        &self,
        count: u64,
        next: &AtomicU64,
        stop: Option<&Stop>,
        write: &impl Fn(u64, &mut Vec<u8>),
    ) -> Result<()> {
        let mut connection = HttpConnection::new(self.target, self.timeout);
        let mut request = Vec::new();

        while !stop.is_some_and(Stop::is_due) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            write(number, &mut request);

            let reply = connection.exchange(&request).map_err(|error| unreachable_server(self.target, &error))?;
            if reply.status == 400 && is_of_tls_port(reply.body) {
                return Err(speaks_tls(&self.target.shown()));
            }
            if !matches!(reply.status, 200..300 | 404) {
                let text = String::from_utf8_lossy(reply.body).chars().take(200).collect::<String>();
                return Err(wrong_answer(format!("status {}: {}", reply.status, crate::clean::clean(&text))));
            }
        }
        Ok(())
    }
}

impl Requests for Scenario<'_> {
    fn write(&self, number: u64, out: &mut Vec<u8>) {
        match self.name {
            ScenarioName::Discover => self.fleet.discover(self.target, out, 0),
            ScenarioName::Register => self.fleet.register(self.target, out, number, None),
            ScenarioName::Heartbeat => self.fleet.heartbeat(self.target, out, number % self.instances.max(1)),
            ScenarioName::Watch => self.fleet.register(self.target, out, number % self.instances.max(1), Some(number)),
            ScenarioName::Checks => self.fleet.checks(self.target, out),
        }
    }

    fn accepts(&self, reply: &HttpReply<'_>) -> bool {
        let is_list = matches!(self.name, ScenarioName::Discover | ScenarioName::Checks);
        // A list was read as a whole before the load; here its length shows that it is not empty.
        matches!(reply.status, 200..300) && (!is_list || reply.body.len() as u64 > self.instances * MIN_INSTANCE_BYTES)
    }

    fn sending(&self, number: u64, planned: Instant) {
        if let Some(log) = &self.log {
            log.sending(number, planned);
        }
    }
}

/// No instance and no check is written in fewer bytes.
const MIN_INSTANCE_BYTES: u64 = 100;

/// Whether a reply to plain HTTP says that the port speaks TLS: that of portolan, and that of Go's servers, as Consul's agent.
fn is_of_tls_port(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    body.contains("tls_required") || body.contains("HTTP request to an HTTPS server")
}

fn wrong_answer(why: String) -> Error {
    let hint = "check that the URL names the right kind of server, and its log".to_owned();
    Error::Protocol { what: "accept the replies of the server".to_owned(), why, hint }
}

fn unreachable_server(target: &LoadTarget, error: &std::io::Error) -> Error {
    Error::Connection {
        what: format!("reach {}", target.shown()),
        why: plain(error),
        hint: "start one with `portolan serve`, or name it with --server".to_owned(),
    }
}
