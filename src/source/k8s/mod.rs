//! The services of a Kubernetes cluster, with all their endpoints.

mod access;
mod api;
mod certificate;
mod checked;
mod columns;
mod conditions;
mod detail;
mod exec;
mod failure;
mod finding_kinds;
mod findings;
mod gateway;
mod gateway_rows;
mod in_cluster;
mod ingress;
mod join;
mod kubeconfig;
mod names;
mod namespaces;
mod options;
mod pod_rows;
mod pods;
mod pods_list;
mod proxy;
mod reader;
mod routes;
mod runtime;
mod selector;
mod service_state;
mod watch;
mod watch_scope;
mod watched;

use std::ffi::OsString;
use std::time::Duration;

pub use options::{K8s, K8sEnvironment, K8sVia};

use self::api::Api;
use self::checked::checked;
use self::failure::ApiFailure;
use self::finding_kinds::KINDS;
use self::reader::{ClusterObjects, ReadMode};
use crate::error::Result;
use crate::model::{Column, Completeness, FindingKind, K8sDetail, Listing, PartialError, Service, UpdateSink};
use crate::net::Deadline;
use crate::source::{AfterCheck, CheckProxy, ItemSink, ListContext, ListFuture, Source, WatchFuture};

impl K8s {
    /// The services that fit the options, typed; [`collect`](crate::source::collect) has pods and routes beside them, where they are
    /// asked for. Runs in tokio's runtime, or without one in a runtime of its own.
    ///
    /// ```no_run
    /// # async fn doc() -> portolan::Result<()> {
    /// let cluster = portolan::source::K8s { all_namespaces: true, kubeconfig: vec!["config".into()], ..Default::default() };
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
        let gathered = self.gather(&ListContext::default(), &mut unheard).await?;
        let mut listing = Listing { errors: gathered.faults, limits: gathered.limits, ..Listing::default() };
        let found = findings::judge(&gathered.services);
        listing.services = gathered.services.into_services(found).collect();
        listing.completeness = completeness(listing.errors.is_empty());
        Ok(listing)
    }

    async fn gather(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<ClusterObjects> {
        self.check()?;
        runtime::with_runtime(async {
            let deadline = Deadline::after(self.whole());
            let config = tokio::select! {
                config = self.config(deadline) => config?,
                () = context.cancel.cancelled() => return Err(ApiFailure::Stopped.into_error("get the credentials")),
            };
            let home = config.default_namespace.clone();
            let api = Api::new(config, self, deadline, context.cancel.clone())?;
            reader::gather(&api, self, (&home, ReadMode::Everything), deadline, (context.detail_level, out)).await
        })
        .await
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let ClusterObjects { services, pods, routes, faults, limits, notes, .. } = match self.gather(context, out).await
        {
            // Nothing came until somebody wanted an end: that is no failure of the server's.
            Err(error) if context.cancel.is_set() => {
                out.partial_error(PartialError::from(&error));
                return Ok(Completeness::Incomplete);
            }
            gathered => gathered?,
        };
        let whole = faults.is_empty();
        if services.not_ip > 0 {
            out.note(format!("{} addresses of slices are names, and were left out", services.not_ip));
        }
        for fault in faults {
            out.partial_error(fault);
        }
        for limit in limits {
            out.missing_permission(limit);
        }
        for note in notes {
            out.note(note);
        }
        let found = findings::judge(&services);
        if let Some(summary) = findings::summary(&found) {
            out.note(summary);
        }
        // What is said by `Break` is heard; there is nothing more to stop.
        let services = services.into_services(found).map(Service::erase);
        let beside = pods.into_values().map(Service::erase).chain(routes.into_values().map(Service::erase));
        let _ = services.chain(beside).try_for_each(|service| out.service(service));
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

    fn read_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
        self.environment = K8sEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(self.list_into(context, out))
    }

    fn proxy(&self) -> Option<CheckProxy> {
        self.via().map(CheckProxy)
    }

    fn after_check(&self) -> Option<AfterCheck> {
        Some(checked)
    }

    fn findings() -> &'static [&'static FindingKind] {
        KINDS
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// By the server's own word; nothing is asked every so often.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
