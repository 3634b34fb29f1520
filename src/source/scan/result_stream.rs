//! Turns results into services, at once or sorted at the end.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::done::DoneBits;
use super::hardware::Hardware;
use super::plan::ScanPlan;
use super::results::FoundPort;
use super::resume::Resume;
use super::reverse_names::ReverseNames;
use super::run::Run;
use super::summary::Summary;
use super::targets::HostNames;
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, NetworkNamespace, PortState, ScanDetail, ScannedHost, Service, Transport};
use crate::net::interface_name;
use crate::source::{ItemSink, ListItem, Progress};

/// The minimum interval between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Takes the results of one plan after another, until the last result or a cancellation.
pub(super) struct ResultStream<'s> {
    names: &'s HostNames,
    summary: Summary,
    pub(super) resume: Option<Resume>,
    /// Results until the end, each with the index of its namespace; `None`: results are handed over at once.
    kept: Option<Vec<(usize, FoundPort)>>,
    /// Ports of an earlier scan that are not listed and send no reply, in the same way.
    unanswered: Vec<(usize, FoundPort)>,
    namespaces: Vec<Option<NetworkNamespace>>,
    pub(super) hosts: Vec<ScannedHost>,
    /// The names that were looked up.
    pub(super) reverse_names: ReverseNames,
    hardware: Hardware,
    found: u64,
    /// Finished probes of earlier plans.
    done: u64,
    /// Whether `out` accepts more services.
    accepted: bool,
    last_progress: Instant,
    /// Finished probes to save once all their results have arrived.
    pending_save: Option<Vec<DoneBits>>,
}

impl<'s> ResultStream<'s> {
    pub(super) fn new(
        names: &'s HostNames,
        summary: Summary,
        streaming: bool,
        resume: Option<Resume>,
        out: &mut dyn ItemSink,
    ) -> Self {
        let mut this = Self {
            names,
            summary,
            resume,
            kept: (!streaming).then(Vec::new),
            unanswered: Vec::new(),
            namespaces: vec![None],
            hosts: Vec::new(),
            reverse_names: ReverseNames::new(),
            hardware: Hardware::default(),
            found: 0,
            done: summary.before,
            accepted: true,
            last_progress: Instant::now(),
            pending_save: None,
        };

        // Results of earlier runs come first.
        for found in this.resume.as_ref().map(|resume| resume.found().to_vec()).unwrap_or_default() {
            this.found += 1;
            this.accepted = this.accepted && this.take(found, out);
        }

        this
    }

    /// Takes all results of a plan's run. `false`: `out` accepts no more.
    pub(super) async fn take_all(&mut self, plan: &ScanPlan, run: &Run, out: &mut dyn ItemSink) -> bool {
        let namespace = plan.namespace.as_ref().map(|namespace| namespace.identity.clone());
        if self.namespaces.last() != Some(&namespace) {
            self.namespaces.push(namespace);
        }

        poll_fn(|context| self.poll((plan, run), context, out)).await;
        self.done += run.done();
        self.count(plan);
        let at = self.namespaces.len() - 1;
        let transport = plan.transport;
        self.unanswered.extend(
            plan.unreported()
                .map(|(address, reason)| (at, FoundPort { address, transport, reason, rtt_us: None, attempts: 0 })),
        );

        self.accepted || self.resume.is_some()
    }

    fn poll(&mut self, (plan, run): (&ScanPlan, &Run), context: &mut Context<'_>, out: &mut dyn ItemSink) -> Poll<()> {
        loop {
            if !self.accepted {
                run.close();
            }
            if self.last_progress.elapsed() >= PROGRESS_INTERVAL {
                self.last_progress = Instant::now();
                if self.pending_save.is_none() {
                    self.pending_save = self.resume.as_ref().and_then(Resume::due);
                }
                let (done, total) = (self.done + run.done(), self.summary.probes);
                out.progress(Progress { done, total, found: self.found });
            }

            match run.poll_next(context) {
                Poll::Ready(Some(port)) if !plan.lists_hosts && !plan.lists(port.reason.state()) => {
                    self.unanswered.push((self.namespaces.len() - 1, port));
                }
                Poll::Ready(Some(port)) => {
                    self.found += 1;
                    if let Some(resume) = &mut self.resume {
                        resume.add(port);
                    }
                    self.accepted = self.accepted && self.take(port, out);
                    // The resume file still needs the other results.
                    if !self.accepted && self.resume.is_none() {
                        run.close();
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    // The results of all probes in `pending_save` were queued by then, and are taken by now.
                    if let (Some(resume), Some(bits)) = (&mut self.resume, self.pending_save.take()) {
                        resume.save(&bits);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Hands a result over, or keeps it; returns whether `out` accepts more.
    fn take(&mut self, found: FoundPort, out: &mut dyn ItemSink) -> bool {
        let at = self.namespaces.len() - 1;
        match &mut self.kept {
            Some(kept) => {
                kept.push((at, found));
                true
            }
            None => {
                let namespace = self.namespaces[at].as_ref();
                let ip = found.address.ip();
                let hardware = &mut self.hardware;
                services(found, self.names, namespace).all(|mut service| {
                    if namespace.is_none() {
                        hardware.add_to(&mut service.detail, ip);
                    }
                    out.service(service.erase()).is_continue()
                })
            }
        }
    }

    /// The addresses in this network namespace of the kept results.
    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        let kept = self.kept.iter().flatten().chain(&self.unanswered);
        let own = kept.filter(|(at, _)| self.namespaces.get(*at).is_some_and(Option::is_none));
        own.map(|(_, found)| found.address.ip()).collect()
    }

    /// Hands over the kept results, sorted.
    pub(super) fn finish(&mut self, out: &mut dyn ItemSink) {
        for (namespace, found) in sorted(self.kept.take().unwrap_or_default()) {
            for service in self.described(namespace, found) {
                if out.service(service.erase()).is_break() {
                    return;
                }
            }
        }

        for (namespace, found) in sorted(std::mem::take(&mut self.unanswered)) {
            for service in self.described(namespace, found) {
                let _ = out.accept(ListItem::Unanswered(service.erase()));
            }
        }
    }

    /// The services of a result, with what is known of the host only at the end.
    fn described(&mut self, namespace: usize, found: FoundPort) -> Vec<Service<ScanDetail>> {
        let mut services: Vec<_> = services(found, self.names, self.namespaces[namespace].as_ref()).collect();
        if self.namespaces[namespace].is_none() {
            let ip = found.address.ip();
            for service in &mut services {
                service.detail.reverse_name = self.reverse_names.get(&ip).cloned();
                self.hardware.add_to(&mut service.detail, ip);
            }
        }
        services
    }

    /// Collects the number of ports of each host in each state.
    fn count(&mut self, plan: &ScanPlan) {
        let Some(counts) = plan.counts.as_ref().filter(|_| !plan.lists_hosts) else { return };
        for (host, of) in counts.known() {
            let ports = plan.ports.len() as u64;
            let not_tried = match &plan.done {
                Some(_) => plan.left(host),
                None => ports.saturating_sub(of.iter().sum()),
            };

            let address = plan.address(host, 0).ip();
            self.hosts.push(ScannedHost {
                address,
                host: names_of(self.names, address, plan.namespace.is_none()).iter().flatten().next().cloned(),
                netns: plan.namespace.as_ref().map(|namespace| namespace.identity.clone()),
                transport: plan.transport,
                ports,
                open: of[PortState::Open as usize],
                closed: of[PortState::Closed as usize],
                filtered: of[PortState::Filtered as usize],
                unreachable: of[PortState::Unreachable as usize],
                no_answer: of[PortState::NoAnswer as usize],
                not_tried,
            });
        }
    }
}

/// Results in the order of their namespaces, addresses and transports.
fn sorted(mut results: Vec<(usize, FoundPort)>) -> Vec<(usize, FoundPort)> {
    results.sort_unstable_by_key(|(namespace, found)| (*namespace, found.address, found.transport));
    results
}

/// The names of an address in this network namespace: in another one it is another host.
fn names_of(names: &HostNames, address: IpAddr, is_own: bool) -> &[Option<Untrusted>] {
    names.get(&address).filter(|_| is_own).map(Vec::as_slice).unwrap_or_default()
}

/// The services of a port: one for each name of its address, because a server may have a different one behind each.
pub(super) fn services(
    found: FoundPort,
    names: &HostNames,
    namespace: Option<&NetworkNamespace>,
) -> impl Iterator<Item = Service<ScanDetail>> {
    let names = names_of(names, found.address.ip(), namespace.is_none());
    let hosts = names.iter().map(Option::as_ref).chain(names.is_empty().then_some(None));
    // The first name needs no mark: most addresses have one only.
    hosts.enumerate().map(move |(number, host)| service(found, host, number > 0, namespace))
}

/// The service of a port at one name of its address.
fn service(
    found: FoundPort,
    host: Option<&Untrusted>,
    is_further: bool,
    namespace: Option<&NetworkNamespace>,
) -> Service<ScanDetail> {
    let FoundPort { address, transport, reason, rtt_us, attempts } = found;
    // A host is found by a reply of one of its ports too.
    let is_host = transport == Transport::Ip;
    let state = if is_host { PortState::Up } else { reason.state() };
    let port = (!is_host).then(|| address.port());

    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() > 0 => interface_name(v6.scope_id()),
        _ => None,
    };

    let net = namespace.map(|namespace| format!("net:{namespace}/")).unwrap_or_default();
    let transport_name = transport.as_str();
    let id = match &zone {
        Some(zone) if is_host => format!("scan/{net}{transport_name}/{}%{}", address.ip(), clean(zone)),
        Some(zone) => format!("scan/{net}{transport_name}/[{}%{}]:{}", address.ip(), clean(zone), address.port()),
        None if is_host => format!("scan/{net}{transport_name}/{}", address.ip()),
        None => format!("scan/{net}{transport_name}/{address}"),
    };
    let id = match host {
        Some(host) if is_further => format!("{id}/{host}"),
        _ => id,
    };

    let endpoint = Endpoint {
        ready: matches!(state, PortState::Open | PortState::Up),
        interface: zone.as_deref().map(Into::into),
        ..Endpoint::new(Address::Ip(address.ip()), port, transport)
    };

    let rtt = rtt_us.map(Duration::from_micros);
    let host = host.cloned();
    let detail = ScanDetail {
        state,
        reason,
        rtt,
        attempts,
        host,
        reverse_name: None,
        mac: None,
        vendor: None,
        netns: namespace.cloned(),
    };

    Service::new(id, "scan", vec![endpoint], detail)
}
