//! `--identify`: every service that a source hands over is asked what it is, on its way to the output.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::runtime::Runtime;

use crate::engine::{self, Shutdown};
use crate::error::{Error, Result};
use crate::model::{
    Address, Addresses, Column, Completeness, Depth, Endpoint, Fault, Identity, LocalDetail, PortState, Ports,
    ScanDetail, ScannedHost, Service, SocketState, Transport,
};
use crate::net::{descriptors_for_sockets, interface_index};
use crate::probe::{Answer, Asked, COLUMNS, Crew, Intensity, Probes, Unasked};
use crate::source::{Progress, Sink, Source};

/// Whether and how to ask services what they are.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Identification")]
pub(super) struct Identify {
    /// Ask each service what it is: protocol, product, version
    ///
    /// Without it nothing is ever sent to a service. Nobody is logged in, and nothing is changed. A service that greets is
    /// listened to, others are asked what their port's number hints at, then what is most likely.
    #[arg(long = "identify", id = "identify", global = true)]
    pub(super) asked: bool,
    /// How much to ask of ports whose numbers hint at nothing
    #[arg(long, value_enum, value_name = "LEVEL", global = true, requires = "identify", default_value_t)]
    intensity: Intensity,
    /// Also ask by the probes in this TOML file
    #[arg(long, value_name = "FILE", global = true, requires = "identify", value_hint = clap::ValueHint::FilePath)]
    probes: Option<PathBuf>,
}

impl Identify {
    /// The protocols to ask for.
    ///
    /// # Errors
    /// A file of probes that cannot be read or used.
    pub(super) fn probes(&self) -> Result<Probes> {
        match &self.probes {
            None => Ok(Probes::built_in()),
            Some(path) => Probes::with_file(path),
        }
    }

    /// The columns of a source, and those of what it is asked.
    pub(super) fn columns(&self, source: &'static [Column]) -> &'static [Column] {
        // Made once, and good for as long as the program runs.
        if self.asked { [COLUMNS, source].concat().leak() } else { source }
    }

    /// Lists a source into `out`, each service with what it says of itself.
    ///
    /// # Errors
    /// As the source says; where there is no runtime to be had.
    pub(super) fn list(&self, probes: Probes, source: &dyn Source, out: &mut dyn Sink) -> Result<Completeness> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let mut asking = Asking::new(out, probes, self.intensity, until);
        let listed = engine::block_on(source.list(&mut asking))?;
        let answered = asking.finish()?;
        Ok(if answered == Completeness::Complete { listed } else { answered })
    }
}

/// How often what was found is handed on, and whether somebody wants to stop is looked at.
const STEP: Duration = Duration::from_millis(50);
/// So many ports of one host that answer alike are worth a word.
const ALIKE: usize = 50;

/// Asks the services that come by.
struct Asking<'s> {
    out: &'s mut dyn Sink,
    closed: Arc<AtomicBool>,
    probes: Probes,
    intensity: Intensity,
    /// When it has to be over.
    until: Option<Instant>,
    /// Made for the first service that can be asked.
    crew: Option<(Crew, Runtime)>,
    failed: Option<Error>,
    /// Services in the order in which they came, as long as they are not handed on.
    rows: BTreeMap<u64, Row>,
    next: u64,
    told: Told,
}

struct Row {
    service: Service,
    /// How many of its endpoints have not answered yet.
    open: usize,
}

/// What there is to say in the end.
#[derive(Default)]
struct Told {
    asked: u64,
    answered: u64,
    spared: BTreeSet<u16>,
    gone: usize,
    out_of_reach: BTreeMap<&'static str, usize>,
    alike: HashMap<(IpAddr, u64), usize>,
}

/// Whether an endpoint can be asked.
enum Reach {
    To(Asked),
    /// Why not, where somebody may wonder.
    Not(Option<&'static str>),
}

impl<'s> Asking<'s> {
    fn new(out: &'s mut dyn Sink, probes: Probes, intensity: Intensity, until: Option<Instant>) -> Self {
        let closed = out.closed();
        let (crew, failed, rows, told) = (None, None, BTreeMap::new(), Told::default());
        Self { out, closed, probes, intensity, until, crew, failed, rows, next: 0, told }
    }

    /// The crew, made when it is first needed: a listing without anything to ask starts no runtime.
    fn crew(&mut self) -> Result<&Crew> {
        if self.crew.is_none() {
            let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
            let runtime = runtime.map_err(|error| {
                Error::io("start a runtime", error, "look at the limits of this process (`ulimit -a`)")
            })?;
            let crew = {
                let _guard = runtime.enter();
                Crew::new(&Shutdown::new(), self.probes, self.intensity, descriptors_for_sockets())
            };
            self.crew = Some((crew, runtime));
        }
        match &self.crew {
            Some((crew, _)) => Ok(crew),
            None => Err(Error::io("start a runtime", std::io::Error::other("there is none"), "")),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Hands an endpoint to the crew; while that has no room, takes what it knows.
    fn ask(&mut self, key: (u64, usize), asked: &Asked) -> Result<()> {
        self.told.asked += 1;
        while !self.is_closed() && !self.is_over() && !self.crew()?.try_ask(key, asked) {
            self.take(STEP);
        }
        Ok(())
    }

    /// Takes the answers that are there, or come within `wait`.
    fn take(&mut self, mut wait: Duration) {
        while let Some(answer) = self.crew.as_ref().and_then(|(crew, _)| crew.next(wait)) {
            wait = Duration::ZERO;
            self.told.answered += 1;
            let (number, _) = answer.key;
            self.put(answer);
            if self.rows.get(&number).is_some_and(|row| row.open == 0) && self.out.streams() {
                self.hand_on(number);
            }
        }
    }

    fn put(&mut self, Answer { key: (number, at), identity }: Answer) {
        let Some(row) = self.rows.get_mut(&number) else { return };
        row.open = row.open.saturating_sub(1);
        let Some(endpoint) = row.service.endpoints.get_mut(at) else { return };
        match identity {
            Ok(Some(identity)) => {
                self.told.note_alike(endpoint, &identity);
                endpoint.service = Some(Box::new(identity));
            }
            Ok(None) => {}
            Err(Unasked::Spared) => {
                self.told.spared.extend(endpoint.port);
            }
            Err(Unasked::Gone) => self.told.gone += 1,
            Err(Unasked::Local(error)) => self.out.fault(Fault {
                what: format!("identify {endpoint}"),
                why: error.to_string(),
                hint: match error.kind() {
                    ErrorKind::PermissionDenied => {
                        "look for a sandbox, a security module or a `prohibit` route".to_owned()
                    }
                    _ => "raise the limits of this process (`ulimit -n`), or ask fewer at a time".to_owned(),
                },
            }),
        }
    }

    /// Gives a service to the output. Nothing more is wanted: then that is seen by the flag.
    fn hand_on(&mut self, number: u64) {
        if let Some(row) = self.rows.remove(&number)
            && self.out.service(row.service).is_break()
        {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// How many will never answer.
    fn lost(&self) -> u64 {
        self.crew.as_ref().map_or(0, |(crew, _)| crew.lost())
    }

    /// Why not all that was asked is known.
    fn unanswered(&self) -> Option<Fault> {
        let Told { asked, answered, .. } = self.told;
        let (why, hint) = match () {
            () if answered == asked => return None,
            () if self.is_closed() => ("it was stopped", "let it come to its end"),
            () if self.is_over() => ("the time given by --deadline is over", "give it more, or ask for less"),
            () => ("asking panicked", "this is a fault of portolan's: please report it"),
        };
        let what = format!("identify {} of {asked} ports", asked - answered);
        Some(Fault { what, why: why.into(), hint: hint.into() })
    }

    /// Waits for what was asked, and hands on what is left. Stopped, it hands on what is known.
    fn finish(mut self) -> Result<Completeness> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.take(Duration::ZERO);
        while self.told.answered + self.lost() < self.told.asked && !self.is_closed() && !self.is_over() {
            self.take(STEP);
            let found = self.told.answered;
            self.out.progress(Progress { done: found, total: self.told.asked, found });
        }
        let unanswered = self.unanswered();
        let complete = unanswered.is_none();
        if let Some(fault) = unanswered {
            self.out.fault(fault);
        }
        // What was asked for the rest is dropped.
        self.crew = None;
        for (_, row) in std::mem::take(&mut self.rows) {
            if self.out.service(row.service).is_break() {
                break;
            }
        }
        self.told.say(&mut *self.out);
        Ok(if complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

impl Told {
    fn note_alike(&mut self, endpoint: &Endpoint, identity: &Identity) {
        if let Address::Ip(ip) = endpoint.address {
            let mut hasher = DefaultHasher::new();
            identity.hash(&mut hasher);
            *self.alike.entry((ip, hasher.finish())).or_default() += 1;
        }
    }

    fn say(&self, out: &mut dyn Sink) {
        let mut alike: Vec<_> = self.alike.iter().filter(|(_, count)| **count >= ALIKE).collect();
        alike.sort_unstable();
        for ((ip, _), count) in alike {
            out.note(format!(
                "uniform answers: {count} ports of {ip} say the same; something on the way may answer for all"
            ));
        }
        if !self.spared.is_empty() {
            let ports: Vec<_> = self.spared.iter().map(ToString::to_string).collect();
            let ports = ports.join(",");
            out.note(format!(
                "ports {ports} were left alone: printers print what they are sent; --intensity all asks them"
            ));
        }
        if self.gone > 0 {
            out.note(format!("{} took no connection any more when asked what they are", self.gone));
        }
        for (why, count) in &self.out_of_reach {
            out.note(format!("{count} could not be asked what they are: {why}"));
        }
    }
}

impl Sink for Asking<'_> {
    fn depth(&self) -> Depth {
        self.out.depth()
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        let number = self.next;
        self.next += 1;
        let mut ask = Vec::new();
        for (at, endpoint) in service.endpoints.iter().enumerate() {
            match reach(&service, endpoint) {
                Reach::To(asked) => ask.push((at, asked)),
                Reach::Not(Some(why)) => *self.told.out_of_reach.entry(why).or_default() += 1,
                Reach::Not(None) => {}
            }
        }
        self.rows.insert(number, Row { service, open: ask.len() });
        if ask.is_empty() && self.out.streams() {
            self.hand_on(number);
        }
        for (at, asked) in ask {
            if let Err(error) = self.ask((number, at), &asked) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        self.take(Duration::ZERO);
        if self.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn fault(&mut self, fault: Fault) {
        self.out.fault(fault);
    }

    fn limit(&mut self, limit: Fault) {
        self.out.limit(limit);
    }

    fn streams(&self) -> bool {
        self.out.streams()
    }

    fn scanned(&mut self, hosts: Vec<ScannedHost>) {
        self.out.scanned(hosts);
    }

    fn asked(&mut self, transport: Transport, addresses: &Addresses, ports: &Ports) {
        self.out.asked(transport, addresses, ports);
    }

    fn note(&mut self, note: String) {
        self.out.note(note);
    }

    fn progress(&mut self, progress: Progress) {
        self.take(Duration::ZERO);
        self.out.progress(progress);
    }

    fn confirm(&mut self, question: &str) -> bool {
        self.out.confirm(question)
    }
}

/// How to ask an endpoint of a service, from where portolan runs.
fn reach(service: &Service, endpoint: &Endpoint) -> Reach {
    let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) else { return Reach::Not(None) };
    let ip = ip.to_canonical();
    let asks = matches!(endpoint.transport, Transport::Tcp | Transport::Udp);
    if !asks || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
        return Reach::Not(None);
    }
    let mut host = None;
    let scanned = service.detail.downcast_ref::<ScanDetail>();
    if let Some(scanned) = scanned {
        if scanned.state != PortState::Open {
            return Reach::Not(None);
        }
        host = scanned.host.as_ref().map(|host| host.as_raw().to_owned());
    }
    let local = service.detail.downcast_ref::<LocalDetail>();
    let elsewhere = local.map(|local| &local.netns).or(scanned.map(|scanned| &scanned.netns));
    if elsewhere.is_some_and(Option::is_some) {
        return Reach::Not(Some("they live in other network namespaces (run portolan there: nsenter --net)"));
    }
    if local.is_some_and(|local| local.state == SocketState::Connected) {
        return Reach::Not(None);
    }
    let ip = match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let interface = endpoint.interface.as_ref().map(|interface| interface.as_raw().to_owned());
    let mut address = SocketAddr::new(ip, port);
    if let (IpAddr::V6(v6), Some(name)) = (ip, &interface)
        && v6.is_unicast_link_local()
    {
        address = SocketAddrV6::new(v6, port, 0, interface_index(name).unwrap_or(0)).into();
    } else if local.is_some() && interface.as_deref().is_some_and(|name| name != "lo") {
        return Reach::Not(Some("they are bound to an interface, which this machine does not reach itself through"));
    }
    Reach::To(Asked { interface: None, host, ..Asked::new(address, endpoint.transport) })
}
