//! Reads the objects of a cluster, within the permissions of the credentials.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Endpoints, Service};
use kube::api::ListParams;

use super::K8s;
use super::api::Api;
use super::failure::ApiFailure;
use super::join::Services;
use super::object_key::ObjectKey;
use super::slices::Slice;
use crate::clean::clean;
use crate::error::Result;
use crate::model::{DetailLevel, EndpointsFrom, K8sPodDetail, K8sRouteDetail, PartialError, Service as Row, ServiceId};
use crate::net::Deadline;
use crate::source::{ItemSink, Progress};

/// The objects of a cluster, and the failures.
#[derive(Default)]
pub(super) struct ClusterObjects {
    pub(super) services: Services,
    /// Pods as rows, if requested.
    pub(super) pods: BTreeMap<ObjectKey, Row<K8sPodDetail>>,
    /// Ingresses and routes, if requested.
    pub(super) routes: BTreeMap<ServiceId, Row<K8sRouteDetail>>,
    pub(super) faults: Vec<PartialError>,
    /// Those of them that are about the services of a namespace, which a watch may see later.
    pub(super) namespace_faults: BTreeMap<String, NamespaceFault>,
    /// Missing permissions.
    pub(super) limits: Vec<PartialError>,
    pub(super) notes: Vec<String>,
    /// The scopes whose services were read.
    pub(super) scopes: Vec<ListScope>,
    /// The named namespaces whose services could not be read: a watch tries them again.
    pub(super) unread: Vec<String>,
    /// The scopes whose endpoints were read; for a watch, those that are not refused.
    pub(super) with_endpoints: BTreeSet<ListScope>,
    /// The scopes whose pods were read; for a watch, those that are not refused.
    pub(super) with_pods: BTreeSet<ListScope>,
    /// Those of them whose endpoints come from Endpoints: without EndpointSlices, or without the permission to read them.
    pub(super) without_slices: BTreeSet<ListScope>,
    /// The server has no EndpointSlices.
    pub(super) is_old: bool,
}

/// A namespace, or `None` for the whole cluster.
pub(super) type ListScope = Option<String>;

/// Why the services of a namespace are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamespaceFault {
    /// The operation of the error that was reported; several namespaces may share one.
    pub(super) operation: String,
    /// The namespace does not exist. The server lists no services there, as in one that is empty.
    pub(super) is_absent: bool,
}

pub(super) struct ClusterReader<'a> {
    pub(super) api: &'a Api,
    pub(super) options: &'a K8s,
    /// The parameters for services and other objects that the selectors apply to.
    pub(super) params: ListParams,
    /// The parameters for all other objects.
    pub(super) all: ListParams,
    pub(super) detail_level: DetailLevel,
    pub(super) out: &'a mut dyn ItemSink,
    pub(super) gathered: ClusterObjects,
}

/// The extent of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    Everything,
    /// One object of each kind, to test the permissions.
    Permissions,
}

/// Reads the services that `options` select; `home` is the default namespace.
///
/// # Errors
/// Nothing is readable.
pub(super) async fn gather(
    api: &Api,
    options: &K8s,
    (home, mode): (&str, ReadMode),
    deadline: Deadline,
    (detail_level, out): (DetailLevel, &mut dyn ItemSink),
) -> Result<ClusterObjects> {
    let all = ListParams {
        limit: (mode == ReadMode::Permissions).then_some(1),
        field_selector: options.selector_of_all(),
        ..ListParams::default()
    };
    let params = ListParams {
        label_selector: options.selector.clone(),
        field_selector: options.selector_of_services(),
        ..all.clone()
    };

    let mut reader =
        ClusterReader { api, options, params, all, detail_level, out, gathered: ClusterObjects::default() };
    let scopes = if options.all_namespaces {
        reader.whole_cluster(home).await?
    } else if options.namespace.is_empty() {
        reader.gathered.notes.push(format!("in namespace {}; -A for all", clean(home)));
        reader.namespaces(&[home.to_owned()]).await?
    } else {
        reader.selected().await?
    };

    for scope in &scopes {
        reader.endpoints(scope.as_deref()).await;
    }
    reader.pods(&scopes).await;
    if options.ingress {
        reader.routes(&scopes).await;
    }
    if mode == ReadMode::Everything {
        reader.names(deadline).await;
    }

    reader.gathered.scopes = scopes;
    Ok(reader.gathered)
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

    /// Notes that the services of namespaces cannot be read.
    pub(super) fn add_namespace_fault(&mut self, namespaces: &[String], is_absent: bool, fault: PartialError) {
        let of_namespace = NamespaceFault { operation: fault.operation.clone(), is_absent };
        let faults = namespaces.iter().map(|namespace| (namespace.clone(), of_namespace.clone()));
        self.gathered.namespace_faults.extend(faults);
        self.gathered.faults.push(fault);
    }

    /// Whether only the permissions of a watch are tested.
    pub(super) fn is_watch(&self) -> bool {
        self.all.limit.is_some()
    }

    /// Reads the endpoints of the services in a scope. After a failure the services have none.
    async fn endpoints(&mut self, namespace: Option<&str>) {
        match self.slices_or_endpoints(namespace).await {
            Ok(from) => {
                let scope = namespace.map(ToOwned::to_owned);
                if from == EndpointsFrom::Endpoints {
                    self.gathered.without_slices.insert(scope.clone());
                }
                self.gathered.with_endpoints.insert(scope);
                self.gathered.services.set_endpoints_from(namespace, from);
            }
            // A watch requests them again until they come.
            Err(failure) if self.is_watch() && failure.code() != Some(403) => {
                self.gathered.with_endpoints.insert(namespace.map(ToOwned::to_owned));
            }
            Err(failure) => {
                self.gathered.services.set_endpoints_from(namespace, EndpointsFrom::Unknown);
                let what = format!("list all endpoints{}", within(namespace));
                self.gathered.faults.push(failure.into_fault(what));
            }
        }
    }

    /// Reads the EndpointSlices of a scope; the older Endpoints, if there are none or they may not be read.
    async fn slices_or_endpoints(&mut self, namespace: Option<&str>) -> Result<EndpointsFrom, ApiFailure> {
        if self.gathered.is_old {
            return self.old_endpoints(namespace).await.map(|()| EndpointsFrom::Endpoints);
        }

        let failure = match self.slices(namespace).await {
            Ok(()) => return Ok(EndpointsFrom::Slices),
            Err(failure) => failure,
        };

        match failure.code() {
            Some(404) => {
                self.gathered.is_old = true;
                self.gathered.notes.push("the server has no EndpointSlices; portolan read its Endpoints".to_owned());
                self.old_endpoints(namespace).await.map(|()| EndpointsFrom::Endpoints)
            }
            Some(403) => match self.old_endpoints(namespace).await {
                Ok(()) => {
                    let scope = within(namespace);
                    let note = format!("no permission to list EndpointSlices{scope}; portolan read Endpoints instead");
                    self.gathered.notes.push(note);
                    Ok(EndpointsFrom::Endpoints)
                }
                Err(_) => Err(failure),
            },
            _ => Err(failure),
        }
    }

    async fn slices(&mut self, namespace: Option<&str>) -> Result<(), ApiFailure> {
        let Self { api, all, out, gathered, .. } = self;
        let found = gathered.services.len() as u64;
        let mut done = 0;
        api.list::<Slice>(namespace, all, &mut |page, left| {
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
