//! What to read where, and what instead where that may not be read.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Endpoints, Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::ListParams;

use super::K8s;
use super::api::Api;
use super::failure::Failure;
use super::join::{Key, Services};
use super::options::SELECTORS;
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::model::{EndpointsFrom, Fault, K8sPodDetail, K8sRouteDetail, Service as Row};
use crate::net::Deadline;
use crate::source::{Progress, Sink};

/// Everything that was read, and what was not.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) services: Services,
    /// Pods, where they are asked for.
    pub(super) pods: BTreeMap<Key, Row<K8sPodDetail>>,
    /// What leads in from outside, where that is asked for.
    pub(super) routes: BTreeMap<String, Row<K8sRouteDetail>>,
    pub(super) faults: Vec<Fault>,
    /// What could not be seen of the services, for want of rights.
    pub(super) limits: Vec<Fault>,
    pub(super) notes: Vec<String>,
    /// Where services were read.
    pub(super) places: Vec<Place>,
    /// Those of them where endpoints may be read.
    pub(super) with_endpoints: BTreeSet<Place>,
    /// Those of them where pods may be read.
    pub(super) with_pods: BTreeSet<Place>,
    /// The server knows no slices.
    pub(super) is_old: bool,
}

/// A namespace, or the whole cluster.
pub(super) type Place = Option<String>;

pub(super) struct Gatherer<'a> {
    pub(super) api: &'a Api,
    pub(super) options: &'a K8s,
    /// How services are listed, and what is listed like them.
    pub(super) params: ListParams,
    /// How all the rest is.
    pub(super) all: ListParams,
    pub(super) out: &'a mut dyn Sink,
    pub(super) gathered: Gathered,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
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
    (home, reading): (&str, Reading),
    deadline: Deadline,
    out: &mut dyn Sink,
) -> Result<Gathered> {
    let all = ListParams { limit: (reading == Reading::Rights).then_some(1), ..ListParams::default() };
    let params = ListParams {
        label_selector: options.selector.clone(),
        field_selector: options.field_selector.clone(),
        ..all.clone()
    };
    let mut gatherer = Gatherer { api, options, params, all, out, gathered: Gathered::default() };
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
    if reading == Reading::Everything {
        gatherer.names(deadline).await;
    }
    gatherer.gathered.places = places;
    Ok(gatherer.gathered)
}

impl Gatherer<'_> {
    /// The services of everywhere; if that is not allowed, of every namespace that may be read.
    async fn whole_cluster(&mut self, home: &str) -> Result<Vec<Place>> {
        let refusal = match self.services(None).await {
            Ok(()) => return Ok(vec![None]),
            Err(failure) if failure.code() == Some(403) => failure,
            Err(failure) => {
                self.part_of(None, failure)?;
                return Ok(vec![None]);
            }
        };
        let mut names = Vec::new();
        match namespace_names(self.api).await {
            Ok(there) => names = there,
            Err(failure) if failure.code() == Some(403) => {
                let hint = format!("only {} was asked; name others with -n", clean(home));
                let why = refusal.why();
                self.gathered.faults.push(Fault { what: "list the services of all namespaces".to_owned(), why, hint });
                names = vec![home.to_owned()];
            }
            Err(failure) => self.gathered.faults.push(failure.into_fault("list all namespaces")),
        }
        let mut places = Vec::new();
        let mut refused = Vec::new();
        for name in names {
            match self.services(Some(&name)).await {
                Ok(()) => places.push(Some(name)),
                Err(failure) if failure.code() == Some(403) => refused.push(name),
                Err(failure) => {
                    let stop = matches!(failure, Failure::Deadline(_) | Failure::Stopped | Failure::LeftAlone);
                    self.gathered.faults.push(failure.into_fault(list_in(Some(&name))));
                    if stop {
                        break;
                    }
                }
            }
        }
        if places.is_empty() {
            return Err(refusal.into_error("list the services of all namespaces"));
        }
        self.say_refused(&refused);
        Ok(places)
    }

    fn say_refused(&mut self, refused: &[String]) {
        if refused.is_empty() {
            return;
        }
        let names: Vec<String> = refused.iter().map(|name| clean(name)).collect();
        self.gathered.faults.push(Fault {
            what: format!("list services in {}", counted(names.len(), "namespace")),
            why: format!("not allowed in {} (403)", names.join(", ")),
            hint: "`kubectl auth can-i list services -n NAMESPACE` asks for one of them".to_owned(),
        });
    }

    /// The services of these namespaces. One that is not there has none either, and that is said.
    async fn namespaces(&mut self, names: &[String]) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        let mut first = None;
        for name in names {
            let failure = match self.services(Some(name)).await {
                Ok(()) if self.gathered.services.count_in(name) > 0 => {
                    places.push(Some(name.clone()));
                    continue;
                }
                Ok(()) => match self.api.get::<Namespace>(None, name).await {
                    Err(failure) if failure.code() == Some(404) => absent(self.api, name).await,
                    // It is there and has none, or whether it is there may not be known.
                    _ => {
                        places.push(Some(name.clone()));
                        continue;
                    }
                },
                // Part of it was read.
                Err(failure) if self.gathered.services.count_in(name) > 0 => {
                    places.push(Some(name.clone()));
                    self.error(Some(name), failure)
                }
                Err(failure) => self.error(Some(name), failure),
            };
            self.gathered.faults.push(Fault::from(&failure));
            first.get_or_insert(failure);
        }
        match first {
            Some(error) if places.is_empty() => Err(error),
            _ => Ok(places),
        }
    }

    async fn services(&mut self, namespace: Option<&str>) -> Result<(), Failure> {
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

    async fn slices(&mut self, namespace: Option<&str>) -> Result<(), Failure> {
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

    async fn old_endpoints(&mut self, namespace: Option<&str>) -> Result<(), Failure> {
        let Self { api, all, gathered, .. } = self;
        api.list::<Endpoints>(namespace, all, &mut |page, _| {
            for endpoints in page {
                gathered.services.add_endpoints(endpoints);
            }
        })
        .await
    }

    /// A failure of something that was read in part is a fault; otherwise there is nothing to tell.
    fn part_of(&mut self, namespace: Option<&str>, failure: Failure) -> Result<()> {
        if self.gathered.services.len() == 0 {
            return Err(self.error(namespace, failure));
        }
        self.gathered.faults.push(failure.into_fault(list_in(namespace)));
        Ok(())
    }

    fn error(&self, namespace: Option<&str>, failure: Failure) -> Error {
        // The server parses selectors, and says what it does not like about them.
        if failure.code() == Some(400) {
            let labels = self.params.label_selector.as_ref().map(|labels| format!("--selector '{}'", clean(labels)));
            let fields =
                self.params.field_selector.as_ref().map(|fields| format!("--field-selector '{}'", clean(fields)));
            let given: Vec<String> = labels.into_iter().chain(fields).collect();
            if !given.is_empty() {
                return Error::usage(given.join(" and "), failure.why(), SELECTORS);
            }
        }
        failure.into_error(list_in(namespace))
    }
}

/// The names of all namespaces.
async fn namespace_names(api: &Api) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut each = |page: Vec<Namespace>, _| names.extend(page.iter().map(ResourceExt::name_any));
    api.list(None, &ListParams::default(), &mut each).await?;
    Ok(names)
}

/// A namespace that is not there.
async fn absent(api: &Api, name: &str) -> Error {
    let names = namespace_names(api).await.unwrap_or_default();
    let hint = match nearest(name, &names.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => format!("did you mean '{}'? `kubectl get namespaces` lists them", clean(near)),
        None => "`kubectl get namespaces` lists those that are there".to_owned(),
    };
    Error::usage(format!("namespace '{}'", clean(name)), "it does not exist", hint)
}

pub(super) fn within(namespace: Option<&str>) -> String {
    namespace.map(|name| format!(" in namespace '{}'", clean(name))).unwrap_or_default()
}

fn list_in(namespace: Option<&str>) -> String {
    match namespace {
        Some(name) => format!("list the services in namespace '{}'", clean(name)),
        None => "list the services of all namespaces".to_owned(),
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
