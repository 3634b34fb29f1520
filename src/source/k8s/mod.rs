//! The services of a Kubernetes cluster, with all their endpoints.

mod access;
mod api;
mod certificate;
mod checked;
mod columns;
mod conditions;
mod config_files;
mod credentials;
mod declared_protocol;
mod detail;
mod exchange;
mod exec;
mod failure;
mod finding_kinds;
mod findings;
mod gateway;
mod gateway_rows;
mod in_cluster;
mod ingress;
mod interner;
mod join;
mod kubeconfig;
mod names;
mod namespaces;
mod object_key;
mod options;
mod outage;
mod page;
mod pod_rows;
mod pods;
mod pods_list;
mod proxy;
mod proxy_environment;
mod reader;
mod route_findings;
mod route_rows;
mod routes;
mod selector;
mod selector_index;
mod server_url;
mod service_state;
mod shared_client;
mod slices;
mod slim_metadata;
mod slim_pod;
mod streams;
mod watch;
mod watch_lines;
mod watch_scope;
mod watch_state;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

pub use options::{K8s, K8sEnvironment, K8sVia};

use self::api::Api;
use self::checked::checked;
use self::failure::ApiFailure;
use self::finding_kinds::KINDS;
use self::reader::{ClusterObjects, ReadMode};
use crate::error::Result;
use crate::model::{
    Column, Completeness, Detail, FindingKind, K8sDetail, K8sPodDetail, K8sRouteDetail, Listing, PartialError,
    RawDetail, Service, UpdateSink,
};
use crate::net::Deadline;
use crate::source::{CheckProxy, ItemSink, ListContext, ListFuture, Source, TypedSource, Variable, WatchFuture};

impl K8s {
    /// The services that the options select, typed; [`collect`](crate::source::collect) adds pods and routes, if requested. Runs in the
    /// current tokio runtime, or in a new one if there is none.
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
    /// An unusable kubeconfig; a server that is unreachable or refuses every request; a namespace that does not exist.
    pub async fn listing(&self) -> Result<Listing<K8sDetail>> {
        let gathered = self.gather(&ListContext::default(), &mut Listing::default()).await?;

        let mut listing = Listing { errors: gathered.faults, limits: gathered.limits, ..Listing::default() };
        let found = findings::findings(&gathered.services);
        listing.services = gathered.services.into_services(found).collect();
        listing.completeness = completeness(listing.errors.is_empty());
        Ok(listing)
    }

    async fn gather(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<ClusterObjects> {
        self.check()?;
        crate::source::runtime::with_runtime(async {
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
        let gathered = match self.gather(context, out).await {
            // Cancelled before the first object: this is not a failure of the server.
            Err(error) if context.cancel.is_set() => {
                out.partial_error(PartialError::from(&error));
                return Ok(Completeness::Incomplete);
            }
            gathered => gathered?,
        };
        let ClusterObjects { services, pods, routes, faults, limits, notes, .. } = gathered;

        let completeness = completeness(faults.is_empty());
        if services.not_ip > 0 {
            out.note(format!("ignored {} addresses of slices that are names", services.not_ip));
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

        let found = findings::findings(&services);
        let of_routes = routes.values().flat_map(|route| &route.findings);
        if let Some(summary) = findings::summary(found.values().flatten().chain(of_routes)) {
            out.note(summary);
        }
        if let Some(note) = findings::filter_note(&services, self) {
            out.note(note);
        }

        // After a `Break` there is nothing more to stop.
        let services = services.into_services(found).map(Service::erase);
        let others = pods.into_values().map(Service::erase).chain(routes.into_values().map(Service::erase));
        let _ = services.chain(others).try_for_each(|service| out.service(service));

        Ok(completeness)
    }
}

fn completeness(is_complete: bool) -> Completeness {
    if is_complete { Completeness::Complete } else { Completeness::Incomplete }
}

impl TypedSource for K8s {
    type Detail = K8sDetail;
}

impl Source for K8s {
    fn name(&self) -> &'static str {
        "k8s"
    }

    fn columns(&self) -> &'static [Column] {
        columns::COLUMNS
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<K8sDetail>().or_else(|| detail.read::<K8sPodDetail>()).or_else(|| detail.read::<K8sRouteDetail>())
    }

    fn read_environment(&mut self, variable: Variable) {
        self.environment = K8sEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(self.list_into(context, out))
    }

    fn proxy(&self) -> Option<CheckProxy> {
        self.via().map(CheckProxy)
    }

    fn select(&mut self, name: &str) {
        self.select_name(name);
    }

    fn after_check(service: &mut Service) -> Option<&'static str> {
        checked(service)
    }

    fn findings() -> &'static [&'static FindingKind] {
        KINDS
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The server reports changes; there is no polling.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
