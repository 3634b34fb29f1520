//! Finds open ports on hosts: TCP by full or half-open connections, UDP by replies to probes.

mod absent;
mod columns;
mod counts;
mod done;
mod hardware;
mod host;
mod manufacturers;
mod namespaces;
mod options;
mod pace;
mod plan;
mod plan_part;
mod prepare;
mod reading;
mod result_stream;
mod results;
mod resume;
mod reverse_names;
mod run;
mod scan_counts;
mod shard;
mod summary;
mod targets;
mod udp;
mod watch;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use options::Scan;
pub use pace::TimingTemplate;
pub use shard::Shard;

use self::plan::ScanPlan;
use self::prepare::PreparedScan;
use self::result_stream::{ResultStream, services};
use self::run::Run;
use crate::engine::Cancel;
use crate::error::Result;
use crate::model::{
    Addresses, Column, Completeness, Coverage, Detail, Listing, NamespaceScope, PartialError, PortState, RawDetail,
    ScanDetail, Transport, UpdateSink,
};
use crate::net::runtime;
use crate::source::blocking::run_blocking;
use crate::source::{ItemSink, ListContext, ListFuture, ListItem, Source, TypedSource, WatchFuture};

impl Scan {
    /// Every port found, typed. Blocks until the scan has finished, and needs no runtime.
    ///
    /// ```
    /// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let port = server.local_addr().unwrap().port();
    ///
    /// let targets = vec!["127.0.0.1".to_owned()];
    /// let scan = portolan::source::Scan { targets, ports: Some(port.to_string().parse()?), ..Default::default() };
    /// let listing = scan.listing()?;
    /// assert_eq!(listing.services[0].detail.state, portolan::model::PortState::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An invalid target; more than 2^20 probes without [`yes`](Self::yes); no threads; no permission for
    /// [`syn`](Self::syn).
    pub fn listing(&self) -> Result<Listing<ScanDetail>> {
        let mut listing = Listing::default();
        let PreparedScan { plans, summary, names, faults, limit, mut resume, earlier, .. } =
            self.prepare(&ListContext::default())?;
        listing.errors = faults;
        listing.limits.extend(limit);
        let before = resume.as_ref().map(|resume| resume.found().to_vec()).unwrap_or_default();
        listing.services.extend(before.into_iter().flat_map(|found| services(found, &names, None)));

        let mut tally = earlier;
        for (number, plan) in plans.into_iter().map(Arc::new).enumerate() {
            let run = match Run::start(&plan, Cancel::new()) {
                Ok(run) => run,
                Err(error) if number == 0 => return Err(error),
                Err(error) => {
                    tally.unbegun += plan.probes();
                    listing.errors.push(PartialError::from(&error));
                    continue;
                }
            };

            let namespace = plan.namespace.as_ref().map(|namespace| &namespace.identity);
            while let Some(found) = run.next() {
                if let Some(resume) = &mut resume {
                    resume.add(found);
                }
                listing.services.extend(services(found, &names, namespace));
            }

            tally.add(&run.tally()?);
            if tally.stop.is_some() {
                break;
            }
        }

        listing.errors.extend(summary.faults(&tally));
        if let Some(Err(fault)) = resume.map(|resume| resume.finish(summary.probes.saturating_sub(tally.absent))) {
            listing.errors.push(fault);
        }

        listing.services.sort_by_key(|service| service.endpoints.first().map(|at| (at.address.clone(), at.port)));
        if !listing.errors.is_empty() {
            listing.completeness = Completeness::Incomplete;
        }

        Ok(listing)
    }

    /// Prepares on a thread that may block: it resolves names, reads files, and may ask the user for a confirmation.
    async fn prepare_elsewhere(&self, context: &ListContext) -> Result<PreparedScan> {
        let context = ListContext { cancel: context.cancel.child(), ..context.clone() };
        let _cancel_on_drop = context.cancel.cancel_on_drop();

        let scan = self.clone();
        let blocking_context = context.clone();
        run_blocking(move || scan.prepare(&blocking_context)).await
    }

    /// Lists into `out`, and returns whether the scan reached any target.
    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<(Completeness, bool)> {
        let PreparedScan { plans, summary, names, mut faults, limit, everywhere, resume, earlier } =
            self.prepare_elsewhere(context).await?;
        let mut reached = true;
        for note in self.targets.iter().filter_map(|target| targets::note_on_ambiguity(target)) {
            out.note(note);
        }

        if !plans.is_empty() {
            announce(&plans, everywhere, out);
            // Names are looked up once all hosts are known.
            let streaming = !self.names && (context.streaming || (self.lists_all() && summary.is_large()));
            let mut results = ResultStream::new(&names, summary, streaming, resume, out);
            let mut tally = earlier;
            for (number, plan) in plans.into_iter().map(Arc::new).enumerate() {
                let run = match Run::start(&plan, context.cancel.child()) {
                    Ok(run) => run,
                    Err(error) if number == 0 => return Err(error),
                    // Earlier results are still valid.
                    Err(error) => {
                        tally.unbegun += plan.probes();
                        faults.push(PartialError::from(&error));
                        continue;
                    }
                };

                let more = results.take_all(&plan, &run, out).await;
                tally.add(&run.tally()?);
                // The reason that ended one plan early ends the later plans too.
                if !more || tally.stop.is_some() {
                    break;
                }
            }

            let resume = results.resume.take();
            let resumed = resume.map(|resume| resume.finish(summary.probes.saturating_sub(tally.absent))).transpose();
            if self.names {
                faults.extend(self.add_names(&mut results, context).await);
            }
            results.finish(out);
            for note in summary::notes_on_uniform_hosts(&results.hosts) {
                out.note(note);
            }
            let _ = out.accept(ListItem::Hosts(std::mem::take(&mut results.hosts)));
            let _ = out.accept(ListItem::AbsentHosts(tally.absent_hosts));
            out.note(summary.sentence(&tally));
            reached = tally.known() > tally.of(PortState::Unreachable);
            faults.extend(summary.faults(&tally));
            match resumed {
                Ok(hint) => hint.flatten().into_iter().for_each(|hint| out.note(hint)),
                Err(fault) => faults.push(fault),
            }
        }

        if let Some(limit) = limit {
            out.missing_permission(limit);
        }

        let completeness = if faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
        for fault in faults {
            out.partial_error(fault);
        }

        Ok((completeness, reached))
    }
}

impl Scan {
    /// Looks up the names of the addresses that were found; returns the error if that failed for some.
    async fn add_names(&self, results: &mut ResultStream<'_>, context: &ListContext) -> Option<PartialError> {
        let (addresses, servers) = (results.addresses(), self.resolver.clone());
        if addresses.is_empty() {
            return None;
        }

        let cancel = context.cancel.child();
        let looked_up = run_blocking(move || {
            let runtime = runtime(1)?;
            Ok(runtime.block_on(reverse_names::look_up(addresses, &servers, &cancel)))
        });
        match looked_up.await {
            Ok((names, fault)) => {
                results.reverse_names = names;
                fault
            }
            Err(error) => Some(PartialError::from(&error)),
        }
    }
}

/// Reports the addresses and ports that this scan covers.
fn announce(plans: &[ScanPlan], everywhere: bool, out: &mut dyn ItemSink) {
    for plan in plans {
        let other = plan.namespace.as_ref().map(|namespace| NamespaceScope::Other(namespace.identity.clone()));
        let own = Coverage {
            scope: other.unwrap_or(NamespaceScope::Own),
            transport: if plan.lists_hosts { Transport::Ip } else { plan.transport },
            half_open: plan.syn && plan.transport == Transport::Tcp,
            addresses: plan.addresses.clone(),
            ports: plan.ports.clone(),
        };
        let gone = (everywhere && plan.namespace.is_none()).then(|| Coverage {
            scope: NamespaceScope::Gone,
            addresses: Addresses::all(),
            ..own.clone()
        });
        for coverage in std::iter::once(own).chain(gone) {
            let _ = out.accept(ListItem::Coverage(coverage));
        }
    }
}

impl TypedSource for Scan {
    type Detail = ScanDetail;
}

impl Source for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    fn columns(&self) -> &'static [Column] {
        if self.reason { columns::COLUMNS_WITH_REASON } else { columns::COLUMNS }
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<ScanDetail>()
    }

    fn reports_coverage(&self) -> bool {
        true
    }

    fn sorts_by_address(&self) -> bool {
        true
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move { Ok(self.list_into(context, out).await?.0) })
    }

    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, interval.unwrap_or_else(|| self.interval()), feed))
    }
}
