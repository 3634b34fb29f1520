//! The services of a Kubernetes cluster, with all their endpoints.

mod api;
mod certificate;
mod columns;
mod failure;
mod findings;
mod gather;
mod join;
mod kubeconfig;
mod options;
mod pod;
mod runtime;
mod watch;
mod watched;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use options::{K8s, K8sEnvironment};

use self::api::Api;
pub(crate) use self::findings::KINDS as FINDINGS;
use self::gather::Gathered;
use crate::error::Result;
use crate::model::{Column, Completeness, Fault, Feed, K8sDetail, Listing};
use crate::source::{ListFuture, Sink, Source, WatchFuture};

impl K8s {
    /// Everything that fits the options, typed. Runs in tokio's runtime, or without one in a runtime of its own.
    ///
    /// ```no_run
    /// # async fn doc() -> portolan::Result<()> {
    /// let cluster = portolan::K8s { all_namespaces: true, kubeconfig: vec!["config".into()], ..Default::default() };
    /// let listing = cluster.listing().await?;
    /// for service in &listing.services {
    ///     let ready = service.endpoints.iter().filter(|endpoint| endpoint.ready).count();
    ///     println!("{}: {} of {} ready", service.id, ready, service.endpoints.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A kubeconfig that cannot be used; a server that cannot be asked, or refuses everything; a namespace that is not there.
    pub async fn listing(&self) -> Result<Listing<K8sDetail>> {
        let mut unheard = Listing::default();
        let gathered = self.gather(Arc::default(), &mut unheard).await?;
        let mut listing = Listing { errors: gathered.faults, ..Listing::default() };
        let found = findings::judge(&gathered.services);
        listing.services = gathered.services.into_services(found).collect();
        listing.completeness = completeness(listing.errors.is_empty());
        Ok(listing)
    }

    async fn gather(&self, closed: Arc<AtomicBool>, out: &mut dyn Sink) -> Result<Gathered> {
        runtime::with_runtime(async {
            let config = self.config().await?;
            let home = config.default_namespace.clone();
            let api = Api::new(config, self, closed)?;
            gather::gather(&api, self, &home, out).await
        })
        .await
    }

    async fn list_into(&self, out: &mut dyn Sink) -> Result<Completeness> {
        let closed = out.closed();
        let Gathered { services, faults, notes, .. } = match self.gather(Arc::clone(&closed), out).await {
            // Nothing came until somebody wanted an end: that is no failure of the server's.
            Err(error) if closed.load(Ordering::Relaxed) => {
                out.fault(Fault::from(&error));
                return Ok(Completeness::Incomplete);
            }
            gathered => gathered?,
        };
        let whole = faults.is_empty();
        if services.not_ip > 0 {
            out.note(format!("{} addresses of slices are names, and were left out", services.not_ip));
        }
        for fault in faults {
            out.fault(fault);
        }
        for note in notes {
            out.note(note);
        }
        let found = findings::judge(&services);
        if let Some(summary) = findings::summary(&found) {
            out.note(summary);
        }
        // What is said by `Break` is heard; there is nothing more to stop.
        let _ = services.into_services(found).try_for_each(|service| out.service(service.erase()));
        Ok(completeness(whole))
    }
}

fn completeness(whole: bool) -> Completeness {
    if whole { Completeness::Complete } else { Completeness::Incomplete }
}

impl Source for K8s {
    fn name(&self) -> &'static str {
        "k8s"
    }

    fn columns(&self) -> &'static [Column] {
        columns::COLUMNS
    }

    fn take_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
        self.environment = K8sEnvironment::read(variable);
    }

    fn list<'a>(&'a self, out: &'a mut dyn Sink) -> ListFuture<'a> {
        Box::pin(self.list_into(out))
    }

    /// By the server's own word; nothing is asked every so often.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn Feed) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
