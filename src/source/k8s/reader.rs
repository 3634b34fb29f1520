//! What to read where, and what instead where that may not be read.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;

use super::K8s;
use super::api::Api;
use super::failure::ApiFailure;
use super::join::{ObjectKey, Services};
use crate::clean::clean;
use crate::error::Result;
use crate::model::{DetailLevel, EndpointsFrom, K8sPodDetail, K8sRouteDetail, PartialError, Service as Row};
use crate::net::Deadline;
use crate::source::{ItemSink, Progress};

/// Everything that was read, and what was not.
#[derive(Default)]
pub(super) struct ClusterObjects {
    pub(super) services: Services,
    /// Pods, where they are asked for.
    pub(super) pods: BTreeMap<ObjectKey, Row<K8sPodDetail>>,
    /// What leads in from outside, where that is asked for.
    pub(super) routes: BTreeMap<String, Row<K8sRouteDetail>>,
    pub(super) faults: Vec<PartialError>,
    /// What could not be seen of the services, for want of rights.
    pub(super) limits: Vec<PartialError>,
    pub(super) notes: Vec<String>,
    /// Where services were read.
    pub(super) places: Vec<Namespaced>,
    /// Those of them where endpoints may be read.
    pub(super) with_endpoints: BTreeSet<Namespaced>,
    /// Those of them where pods may be read.
    pub(super) with_pods: BTreeSet<Namespaced>,
    /// The server knows no slices.
    pub(super) is_old: bool,
}

/// A namespace, or the whole cluster.
pub(super) type Namespaced = Option<String>;

pub(super) struct ClusterReader<'a> {
    pub(super) api: &'a Api,
    pub(super) options: &'a K8s,
    /// How services are listed, and what is listed like them.
    pub(super) params: ListParams,
    /// How all the rest is.
    pub(super) all: ListParams,
    pub(super) detail_level: DetailLevel,
    pub(super) out: &'a mut dyn ItemSink,
    pub(super) gathered: ClusterObjects,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    Everything,
    /// Only whether it may be read: one object of each kind.
    Rights,
}

/// Reads the services that `options` ask for; `home` is the namespace of whoever names none.
///
/// # Errors
/// Where nothing could be read at all.
pub(super) async fn gather(
    api: &Api,
    options: &K8s,
    (home, reading): (&str, ReadMode),
    deadline: Deadline,
    (detail_level, out): (DetailLevel, &mut dyn ItemSink),
) -> Result<ClusterObjects> {
    let all = ListParams { limit: (reading == ReadMode::Rights).then_some(1), ..ListParams::default() };
    let params = ListParams {
        label_selector: options.selector.clone(),
        field_selector: options.field_selector.clone(),
        ..all.clone()
    };
    let mut gatherer =
        ClusterReader { api, options, params, all, detail_level, out, gathered: ClusterObjects::default() };
    let places = if options.all_namespaces {
        gatherer.whole_cluster(home).await?
    } else if options.namespace.is_empty() {
        gatherer.gathered.notes.push(format!("in namespace {}; -A for all", clean(home)));
        gatherer.namespaces(&[home.to_owned()]).await?
    } else {
        gatherer.namespaces(&options.namespace).await?
    };
    for place in &places {
        gatherer.endpoints(place.as_deref()).await;
    }
    gatherer.pods(&places).await;
    if options.ingress {
        gatherer.routes(&places).await;
    }
    if reading == ReadMode::Everything {
        gatherer.names(deadline).await;
    }
    gatherer.gathered.places = places;
    Ok(gatherer.gathered)
}

impl ClusterReader<'_> {
    pub(super) async fn services(&mut self, namespace: Option<&str>) -> Result<(), ApiFailure> {
        let Self { api, params, out, gathered, .. } = self;
        api.list::<Service>(namespace, params, &mut |page, left| {
            for service in page {
                gathered.services.add(service);
            }
            let found = gathered.services.len() as u64;
            out.progress(Progress { done: found, total: found + left, found });
        })
        .await
    }

    /// The endpoints of the services of a place. What cannot be read of them leaves the services without.
    async fn endpoints(&mut self, namespace: Option<&str>) {
        let mut read =
            if self.gathered.is_old { self.old_endpoints(namespace).await } else { self.slices(namespace).await };
        if !self.gathered.is_old && matches!(&read, Err(failure) if failure.code() == Some(404)) {
            self.gathered.is_old = true;
            self.gathered.notes.push("the server has no EndpointSlices; its Endpoints were read".to_owned());
            read = self.old_endpoints(namespace).await;
        }
        match read {
            Ok(()) => {
                self.gathered.with_endpoints.insert(namespace.map(ToOwned::to_owned));
                let from = if self.gathered.is_old { EndpointsFrom::Endpoints } else { EndpointsFrom::Slices };
                self.gathered.services.settle(namespace, from);
            }
            Err(failure) => {
                self.gathered.services.settle(namespace, EndpointsFrom::Unknown);
                let what = format!("list all endpoints{}", within(namespace));
                self.gathered.faults.push(failure.into_fault(what));
            }
        }
    }

    async fn slices(&mut self, namespace: Option<&str>) -> Result<(), ApiFailure> {
        let Self { api, all, out, gathered, .. } = self;
        let found = gathered.services.len() as u64;
        let mut done = 0;
        api.list::<EndpointSlice>(namespace, all, &mut |page, left| {
            done += page.len() as u64;
            for slice in page {
                gathered.services.add_slice(slice);
            }
            out.progress(Progress { done, total: done + left, found });
        })
        .await
    }

    async fn old_endpoints(&mut self, namespace: Option<&str>) -> Result<(), ApiFailure> {
        let Self { api, all, gathered, .. } = self;
        api.list::<Endpoints>(namespace, all, &mut |page, _| {
            for endpoints in page {
                gathered.services.add_endpoints(endpoints);
            }
        })
        .await
    }
}

pub(super) fn within(namespace: Option<&str>) -> String {
    namespace.map(|name| format!(" in namespace '{}'", clean(name))).unwrap_or_default()
}
