//! Which ports of other hosts are open: TCP by connecting to them, UDP by what they answer.

mod columns;
mod done;
mod host;
mod options;
mod pace;
mod plan;
mod reading;
mod resume;
mod run;
mod summary;
mod tally;
mod targets;
mod udp;
mod worker;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

pub use options::Scan;
pub use pace::Tempo;

use self::pace::Pace;
use self::plan::Plan;
use self::resume::{Left, Resume};
use self::run::{Found, Run};
use self::summary::Summary;
use self::tally::Cut;
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result};
use crate::model::{
    Address, Column, Completeness, DEFAULT_TOP, Endpoint, Fault, Listing, PortState, Ports, ProbeOrder, ScanDetail,
    Service, Transport,
};
use crate::net::{ephemeral_ports, interface_name};
use crate::probe::payload;
use crate::source::{ListFuture, Progress, Sink, Source};

/// More questions than this are asked only with a yes.
const MANY: u128 = 1 << 20;
/// With fewer questions another thread costs more than it brings.
const WORTH_A_THREAD: u64 = 512;
/// With fewer ports it takes as long to look for a host as to ask them.
const WORTH_A_PING: usize = 16;
/// Threads beyond this only wait for each other in the kernel.
const MOST_THREADS: usize = 4;

impl Scan {
    /// Every port found, typed. Blocks as long as the scan takes, and needs no runtime.
    ///
    /// ```
    /// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let port = server.local_addr().unwrap().port();
    ///
    /// let targets = vec!["127.0.0.1".to_owned()];
    /// let scan = portolan::Scan { targets, ports: Some(port.to_string().parse()?), ..Default::default() };
    /// let listing = scan.listing()?;
    /// assert_eq!(listing.services[0].detail.state, portolan::PortState::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What is no target; more than 2^20 questions without [`yes`](Self::yes); no threads.
    pub fn listing(&self) -> Result<Listing<ScanDetail>> {
        let mut listing = Listing::default();
        let mut prepared = self.prepare(&AtomicBool::new(false), &mut |_| false)?;
        listing.errors.append(&mut prepared.faults);
        if let Some(plan) = prepared.plan {
            let summary = Summary::of(&plan);
            let run = Run::start(plan, Arc::default())?;
            let before = prepared.resume.as_ref().map(|resume| resume.found().to_vec()).unwrap_or_default();
            listing.services.extend(before.into_iter().map(|found| service(found, &prepared.names)));
            while let Some(found) = run.next() {
                if let Some(resume) = &mut prepared.resume {
                    resume.add(found);
                }
                listing.services.push(service(found, &prepared.names));
            }
            let tally = run.tally()?;
            listing.errors.extend(summary.faults(&tally));
            if let Some(Err(fault)) =
                prepared.resume.map(|resume| resume.finish(summary.probes.saturating_sub(tally.absent)))
            {
                listing.errors.push(fault);
            }
        }
        listing.services.sort_by_key(|service| service.endpoints.first().map(|at| (at.address.clone(), at.port)));
        if !listing.errors.is_empty() {
            listing.completeness = Completeness::Incomplete;
        }
        Ok(listing)
    }

    /// What is to be asked; `confirm` decides whether many questions may be.
    fn prepare(&self, closed: &AtomicBool, confirm: &mut dyn FnMut(&str) -> bool) -> Result<Prepared> {
        let deadline = self.deadline.map(|deadline| Instant::now() + deadline);
        let left = self.resume.as_deref().map(Left::read).transpose()?.flatten();
        let ports = match &left {
            Some(left) if !self.chooses_ports() => left.ports.clone(),
            _ => self.chosen_ports()?,
        };
        let targets::Asked { addresses, names, faults } = match self.asked(left.as_ref(), closed, deadline)? {
            Ok(asked) => asked,
            Err(cut) => return Ok(Prepared::unread(cut)),
        };
        if addresses.is_empty() {
            if faults.is_empty() {
                let hint = "look at what --exclude and -4 or -6 leave over";
                return Err(Error::usage("these targets", "no address is left of them", hint));
            }
            return Ok(Prepared { plan: None, ports, names, faults, resume: None });
        }
        let probes = addresses.len().saturating_mul(ports.len() as u128);
        let (of_each, of) = (summary::ports(ports.len() as u128), summary::hosts(addresses.len()));
        let said = format!("{of_each} of {of} are {probes} questions");
        if probes > MANY && !self.yes && !confirm(&format!("{said}. Ask them?")) {
            let hint = "choose fewer targets or ports, or say --yes";
            return Err(Error::usage("these targets", format!("{said}, more than {MANY}"), hint));
        }
        let (Ok(hosts), Ok(probes)) = (u64::try_from(addresses.len()), u64::try_from(probes)) else {
            return Err(Error::usage("these targets", format!("{said}, more than can be counted"), "choose fewer"));
        };
        let begin_resume = |path| Resume::begin(path, left, self.transport(), &addresses, &ports, &names);
        let resume = self.resume.as_deref().map(begin_resume).transpose()?;
        let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let worth = usize::try_from(probes / WORTH_A_THREAD).unwrap_or(usize::MAX).max(1);
        let ping = !self.no_ping && !self.udp && hosts > 1 && ports.len() > WORTH_A_PING;
        // Who looks for a host asks its ports too. Datagrams are sent no faster than one thread can.
        let most = match (ping, self.udp) {
            (_, true) => 1,
            (true, _) => usize::try_from(hosts).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let threads = cores.min(worth).min(most);
        let plan = Plan {
            order: ProbeOrder::new(hosts, &ports, RandomState::new().hash_one(hosts)),
            hosts,
            probes,
            pace: Pace::new(self.pace, self.timeout, self.retries, self.rate.map(Into::into), threads),
            all: self.all,
            ephemeral: ephemeral_ports(),
            deadline,
            threads,
            ping,
            addresses,
            transport: self.transport(),
            done: resume.as_ref().map(|resume| Arc::clone(&resume.done)),
        };
        Ok(Prepared { plan: Some(plan), ports, names, faults, resume })
    }

    fn transport(&self) -> Transport {
        if self.udp { Transport::Udp } else { Transport::Tcp }
    }

    fn chooses_ports(&self) -> bool {
        self.ports.is_some() || self.top_ports.is_some() || self.exclude_ports.is_some()
    }

    /// The targets that are named, or those of the run that is gone on with.
    fn asked(&self, left: Option<&Left>, closed: &AtomicBool, deadline: Option<Instant>) -> Result<reading::Read> {
        match (left, &self.resume) {
            _ if !self.targets.is_empty() || self.interface.is_some() => reading::read(self, closed, deadline),
            (Some(Left { addresses, names, .. }), _) => {
                Ok(Ok(targets::Asked { addresses: addresses.clone(), names: names.clone(), faults: Vec::new() }))
            }
            (None, Some(path)) => {
                let what = format!("--resume '{}'", clean(&path.to_string_lossy()));
                let why = "it is not there, and no target is named";
                Err(Error::usage(what, why, "name targets, to begin a scan that can be gone on with"))
            }
            (None, None) => reading::read(self, closed, deadline),
        }
    }

    fn chosen_ports(&self) -> Result<Ports> {
        let chosen = match (&self.ports, self.top_ports) {
            (Some(ports), _) => ports.clone(),
            (None, _) if self.udp => (1..=u16::MAX).filter(|&port| payload(port).is_some()).collect(),
            (None, top) => Ports::top(top.unwrap_or(DEFAULT_TOP)),
        };
        let left = match &self.exclude_ports {
            Some(excluded) => chosen.without(excluded),
            None => chosen,
        };
        if left.is_empty() {
            return Err(Error::usage("--exclude-ports", "no port is left", "leave out fewer, or ask for more"));
        }
        Ok(left)
    }

    async fn list_into(&self, out: &mut dyn Sink) -> Result<Completeness> {
        let Prepared { plan, ports, names, mut faults, mut resume } =
            self.prepare(&out.closed(), &mut |question| out.confirm(question))?;
        if let Some(plan) = plan {
            let summary = Summary::of(&plan);
            out.asked(plan.transport, &plan.addresses, &ports);
            let run = Run::start(plan, out.closed())?;
            // A document of more rows than that is not worth the memory that sorting it takes.
            let streams = out.streams() || (self.all && u128::from(summary.probes) > MANY);
            let found = hand_over(&run, &names, summary, streams, &mut resume, out).await;
            let tally = run.tally()?;
            let resumed = resume.map(|resume| resume.finish(summary.probes.saturating_sub(tally.absent))).transpose();
            hand_over_sorted(found, &names, out);
            out.note(summary.sentence(&tally));
            faults.extend(summary.faults(&tally));
            match resumed {
                Ok(how) => how.flatten().into_iter().for_each(|how| out.note(how)),
                Err(fault) => faults.push(fault),
            }
        }
        let completeness = if faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
        for fault in faults {
            out.fault(fault);
        }
        Ok(completeness)
    }
}

/// What options come to.
struct Prepared {
    /// `None`: none of the names is known.
    plan: Option<Plan>,
    ports: Ports,
    names: BTreeMap<IpAddr, Untrusted>,
    faults: Vec<Fault>,
    /// The file that tells of this scan.
    resume: Option<Resume>,
}

impl Prepared {
    /// The end came before all targets were known.
    fn unread(cut: Cut) -> Self {
        Self {
            plan: None,
            ports: Ports::default(),
            names: BTreeMap::new(),
            faults: vec![summary::unread(cut)],
            resume: None,
        }
    }
}

/// Word of progress goes out at most this often.
const PROGRESS: Duration = Duration::from_millis(100);

/// Takes results as they come, until there are no more or `out` wants no more; hands them to `out` if that `streams`, and
/// keeps them otherwise. What earlier runs found goes before.
async fn hand_over(
    run: &Run,
    names: &BTreeMap<IpAddr, Untrusted>,
    summary: Summary,
    streams: bool,
    resume: &mut Option<Resume>,
    out: &mut dyn Sink,
) -> Vec<Found> {
    let before = resume.as_ref().map(|resume| resume.found().to_vec()).unwrap_or_default();
    let (mut found, mut kept, mut said, mut due) = (before.len() as u64, Vec::new(), Instant::now(), None);
    let mut take = |port, out: &mut dyn Sink| {
        if streams {
            return out.service(service(port, names).erase()).is_continue();
        }
        kept.push(port);
        true
    };
    // Nobody hears the rest, but the file must hold it.
    let mut heard = before.into_iter().all(|port| take(port, out));
    poll_fn(|context| {
        loop {
            if !heard {
                run.close();
            }
            if said.elapsed() >= PROGRESS {
                said = Instant::now();
                if due.is_none() {
                    due = resume.as_ref().and_then(Resume::due);
                }
                out.progress(Progress { done: summary.before + run.done(), total: summary.probes, found });
            }
            match run.poll_next(context) {
                Poll::Ready(Some(port)) => {
                    found += 1;
                    if let Some(resume) = resume.as_mut() {
                        resume.add(port);
                    }
                    heard = heard && take(port, out);
                    if !heard && resume.is_none() {
                        run.close();
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    // Whatever had ended when that was noted was on its way by then, and has been taken by now.
                    if let (Some(resume), Some(bits)) = (resume.as_mut(), due.take()) {
                        resume.save(&bits);
                    }
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
    kept
}

/// The operating system's words without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn hand_over_sorted(mut found: Vec<Found>, names: &BTreeMap<IpAddr, Untrusted>, out: &mut dyn Sink) {
    found.sort_unstable_by_key(|found| found.address);
    // What is said by `Break` is heard; there is nothing more to stop.
    let _ = found.into_iter().try_for_each(|found| out.service(service(found, names).erase()));
}

fn service(found: Found, names: &BTreeMap<IpAddr, Untrusted>) -> Service<ScanDetail> {
    let Found { address, transport, reason, rtt_us, attempts } = found;
    let state = reason.state();
    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() > 0 => interface_name(v6.scope_id()),
        _ => None,
    };
    let word = transport.as_str();
    let id = match &zone {
        Some(zone) => format!("scan/{word}/[{}%{}]:{}", address.ip(), clean(zone), address.port()),
        None => format!("scan/{word}/{address}"),
    };
    let endpoint = Endpoint {
        ready: state == PortState::Open,
        interface: zone.as_deref().map(Into::into),
        ..Endpoint::new(Address::Ip(address.ip()), Some(address.port()), transport)
    };
    let host = names.get(&address.ip()).cloned();
    let detail = ScanDetail { state, reason, rtt: rtt_us.map(Duration::from_micros), attempts, host };
    Service::new(id, "scan", vec![endpoint], detail)
}

impl Source for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn columns(&self) -> &'static [Column] {
        if self.reason { columns::COLUMNS_WITH_REASON } else { columns::COLUMNS }
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn list<'a>(&'a self, out: &'a mut dyn Sink) -> ListFuture<'a> {
        Box::pin(self.list_into(out))
    }
}
