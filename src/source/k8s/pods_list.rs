//! What is read beside services and their endpoints: pods, and where external names lead.

use kube::api::ListParams;

use super::failure::ApiFailure;
use super::finding_kinds::{NO_POD, TARGET_PORT};
use super::names::look_up;
use super::pod_rows;
use super::pods::Pod;
use super::reader::{ClusterObjects, ClusterReader, Namespaced, within};
use crate::clean::clean;
use crate::model::{DetailLevel, PartialError};
use crate::net::Deadline;
use crate::source::Progress;

impl ClusterReader<'_> {
    /// The pods of the services, and those that are asked for. Without rights to them what only they tell is not judged.
    pub(super) async fn pods(&mut self, places: &[Namespaced]) {
        let wants_rows = self.options.pods;
        // Who only wants names sees no findings.
        let judges = self.out.depth() > DetailLevel::Names;
        let mut refused = Vec::new();
        for place in places {
            let namespace = place.as_deref();
            // Whoever watches will see services that are not there yet.
            let glances = self.all.limit.is_some();
            let judges = judges && (glances || self.gathered.services.any_selects(namespace));
            if !judges && !wants_rows {
                continue;
            }
            self.gathered.services.expect_pods(namespace, judges);
            let mut read = Ok(());
            let in_one = self.params.label_selector.is_none() && self.params.field_selector.is_none();
            if judges || in_one {
                let all = self.all.clone();
                read = self.list_pods(namespace, &all, judges, wants_rows && in_one).await;
            }
            if wants_rows && !in_one && read.is_ok() {
                let params = self.params.clone();
                read = self.list_pods(namespace, &params, false, true).await;
            }
            let Err(failure) = read else {
                self.gathered.with_pods.insert(place.clone());
                continue;
            };
            self.gathered.services.expect_pods(namespace, false);
            if failure.code() == Some(403) && !wants_rows {
                refused.push((place, failure));
            } else {
                self.gathered.faults.push(failure.into_fault(format!("list all pods{}", within(namespace))));
            }
        }
        self.say_unjudged(&refused);
    }

    async fn list_pods(
        &mut self,
        namespace: Option<&str>,
        params: &ListParams,
        judges: bool,
        wants_rows: bool,
    ) -> Result<(), ApiFailure> {
        let Self { api, gathered: ClusterObjects { services, pods, .. }, out, .. } = self;
        let found = services.len() as u64;
        let mut done = 0;
        api.list::<Pod>(namespace, params, &mut |page, left| {
            done += page.len() as u64;
            for pod in page {
                if judges {
                    services.see_pod(&pod);
                }
                if wants_rows {
                    let choosers = services.choosers(&pod).map(|(_, name)| name.as_str().into()).collect();
                    pods.insert(super::join::key(&pod.metadata), pod_rows::row(&pod, choosers));
                }
            }
            out.progress(Progress { done, total: done + left, found });
        })
        .await
    }

    fn say_unjudged(&mut self, refused: &[(&Namespaced, ApiFailure)]) {
        let Some((_, failure)) = refused.first() else { return };
        let places: Vec<String> = refused.iter().filter_map(|(place, _)| place.as_deref().map(clean)).collect();
        let places = if places.is_empty() { "all namespaces".to_owned() } else { places.join(", ") };
        let kinds = [&NO_POD, &TARGET_PORT].map(|kind| kind.code).join(" and ");
        self.gathered.limits.push(PartialError {
            operation: format!("read the pods of {places}"),
            cause: failure.why(),
            hint: format!("{kinds} are not judged there; `kubectl auth can-i list pods` asks for the right"),
        });
    }

    /// Whether external names lead anywhere.
    pub(super) async fn names(&mut self, deadline: Deadline) {
        let names = self.gathered.services.external_names();
        if names.is_empty() || self.out.depth() == DetailLevel::Names {
            return;
        }
        let looked = look_up(self.options, names, deadline).await;
        if let Some(why) = &looked.why {
            let names: Vec<String> = looked.failed.iter().map(|name| clean(name)).collect();
            self.gathered.notes.push(format!("cannot look up {}: {}", names.join(", "), clean(why)));
        }
        self.gathered.services.name(&looked.names);
    }
}
