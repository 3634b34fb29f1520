//! Reads pods, and resolves external names.

use kube::Resource;
use kube::api::ListParams;

use super::failure::ApiFailure;
use super::finding_kinds::{NO_POD, TARGET_PORT};
use super::names::look_up;
use super::object_key::key;
use super::pod_rows;
use super::pods::Pod;
use super::reader::{ClusterObjects, ClusterReader, ListScope, within};
use super::selector_index::SelectorIndex;
use super::slim_pod::SlimPod;
use crate::clean::clean;
use crate::model::{DetailLevel, PartialError};
use crate::net::Deadline;
use crate::source::Progress;

impl ClusterReader<'_> {
    /// Reads the pods of services for findings, and pods as rows if requested. Without permission some findings are missing.
    pub(super) async fn pods(&mut self, scopes: &[ListScope]) {
        let wants_rows = self.options.pods;
        // A list of names has no findings.
        let wants_findings = self.detail_level > DetailLevel::Names;
        let mut refused = Vec::new();

        for scope in scopes {
            let namespace = scope.as_deref();
            // A watch will see services that do not exist yet.
            let for_findings = wants_findings && (self.is_watch() || self.gathered.services.any_selects(namespace));
            if !for_findings && !wants_rows {
                continue;
            }

            self.gathered.services.expect_pods(namespace, for_findings);
            let Err(failure) = self.read_pods(namespace, for_findings, wants_rows).await else {
                self.gathered.with_pods.insert(scope.clone());
                continue;
            };

            self.gathered.services.expect_pods(namespace, false);
            if self.is_watch() && failure.code() != Some(403) {
                // A watch requests them again until they come.
                self.gathered.with_pods.insert(scope.clone());
            } else if failure.code() == Some(403) && !wants_rows {
                refused.push((scope, failure));
            } else {
                self.gathered.faults.push(failure.into_fault(format!("list all pods{}", within(namespace))));
            }
        }

        self.report_missing_findings(&refused);
    }

    /// Findings need all pods; rows follow the selectors. Without selectors one list serves both.
    async fn read_pods(
        &mut self,
        namespace: Option<&str>,
        for_findings: bool,
        wants_rows: bool,
    ) -> Result<(), ApiFailure> {
        let one_list = self.options.selector.is_none() && self.options.field_selector.is_none();
        if for_findings || one_list {
            let all = self.all.clone();
            self.list_pods(namespace, &all, for_findings, wants_rows && one_list).await?;
        }
        if wants_rows && !one_list {
            let params = self.params.clone();
            self.list_pods(namespace, &params, false, true).await?;
        }
        Ok(())
    }

    async fn list_pods(
        &mut self,
        namespace: Option<&str>,
        params: &ListParams,
        for_findings: bool,
        wants_rows: bool,
    ) -> Result<(), ApiFailure> {
        let Self { api, gathered: ClusterObjects { services, pods, .. }, out, .. } = self;
        let index = if for_findings { services.selector_index(namespace) } else { SelectorIndex::default() };
        let found = services.len() as u64;
        let mut done = 0;
        let mut count = |page: usize, left: u64| {
            done += page as u64;
            out.progress(Progress { done, total: done + left, found });
        };

        if !wants_rows {
            let path = Pod::url_path(&(), namespace);
            return api
                .list_at::<SlimPod>(&path, params, &mut |page, left| {
                    for pod in &page {
                        services.add_pod(&pod.0, &index);
                    }
                    count(page.len(), left);
                })
                .await;
        }
        api.list::<Pod>(namespace, params, &mut |page, left| {
            let length = page.len();
            for pod in page {
                if for_findings {
                    services.add_pod(&pod, &index);
                }
                let selecting = services.selecting(&pod).map(|(_, name)| name.as_str().into()).collect();
                pods.insert(key(&pod.metadata), pod_rows::row(&pod, selecting));
            }
            count(length, left);
        })
        .await
    }

    fn report_missing_findings(&mut self, refused: &[(&ListScope, ApiFailure)]) {
        let Some((_, failure)) = refused.first() else { return };
        let namespaces: Vec<String> = refused.iter().filter_map(|(scope, _)| scope.as_deref().map(clean)).collect();
        let namespaces = if namespaces.is_empty() { "all namespaces".to_owned() } else { namespaces.join(", ") };
        let kinds = [&NO_POD, &TARGET_PORT].map(|kind| kind.code).join(" and ");

        self.gathered.limits.push(PartialError {
            operation: format!("read the pods of {namespaces}"),
            cause: failure.why(),
            hint: format!("{kinds} are missing there; `kubectl auth can-i list pods` checks the permission"),
        });
    }

    /// Resolves external names.
    pub(super) async fn names(&mut self, deadline: Deadline) {
        let names = self.gathered.services.external_names();
        if names.is_empty() || self.detail_level == DetailLevel::Names {
            return;
        }

        let resolved = look_up(self.options, names, deadline).await;
        let names: Vec<String> = resolved.failed.iter().map(|name| clean(name)).collect();
        let names = names.join(", ");
        if resolved.is_cut_off {
            let failure = ApiFailure::Deadline(self.options.whole());
            self.gathered.faults.push(failure.into_fault(format!("resolve {names}")));
        } else if let Some(why) = &resolved.why {
            self.gathered.notes.push(format!("cannot resolve {names}: {}", clean(why)));
        }
        self.gathered.services.set_names(&resolved.names);
    }
}
