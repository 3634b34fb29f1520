//! Chooses the namespaces to read: the whole cluster or single namespaces, and reports those that are not readable.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::ListParams;

use super::api::Api;
use super::failure::ApiFailure;
use super::options::{SELECTORS, is_pattern, matches_pattern};
use super::reader::{ClusterReader, ListScope};
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::model::PartialError;

/// The number of namespaces that an error names.
const MAX_NAMED: usize = 20;

impl ClusterReader<'_> {
    /// Reads the services of the whole cluster; without permission, of every readable namespace.
    pub(super) async fn whole_cluster(&mut self, home: &str) -> Result<Vec<ListScope>> {
        let refusal = match self.services(None).await {
            Ok(()) => return Ok(vec![None]),
            Err(failure) if failure.code() == Some(403) => failure,
            Err(failure) => {
                self.partial(None, failure)?;
                return Ok(vec![None]);
            }
        };

        let mut names = Vec::new();
        match namespace_names(self.api).await {
            Ok(all) => names = all,
            Err(failure) if failure.code() == Some(403) => {
                let hint = format!("only {} was listed; name others with -n", clean(home));
                self.gathered.faults.push(PartialError {
                    operation: "list the services of all namespaces".to_owned(),
                    cause: refusal.why(),
                    hint,
                });
                names = vec![home.to_owned()];
            }
            Err(failure) => self.gathered.faults.push(failure.into_fault("list all namespaces")),
        }

        names.retain(|name| self.options.selects(name));
        let mut scopes = Vec::new();
        let mut refused = Vec::new();

        for name in names {
            match self.services(Some(&name)).await {
                Ok(()) => scopes.push(Some(name)),
                Err(failure) if failure.code() == Some(403) => refused.push(name),
                Err(failure) => {
                    let is_final =
                        matches!(failure, ApiFailure::Deadline(_) | ApiFailure::Stopped | ApiFailure::CircuitOpen);
                    let fault = failure.into_fault(list_in(Some(&name)));
                    self.add_namespace_fault(&[name], false, fault);
                    if is_final {
                        break;
                    }
                }
            }
        }

        if scopes.is_empty() {
            return Err(refusal.into_error("list the services of all namespaces"));
        }

        self.report_refused(&refused);
        Ok(scopes)
    }

    fn report_refused(&mut self, refused: &[String]) {
        if refused.is_empty() {
            return;
        }

        let names: Vec<String> = refused.iter().take(MAX_NAMED).map(|name| clean(name)).collect();
        let more = refused.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };

        let fault = PartialError {
            operation: format!("list services in {}", counted(refused.len(), "namespace")),
            cause: format!("no permission in {}{more} (403)", names.join(", ")),
            hint: "`kubectl auth can-i list services -n NAMESPACE` checks one of them".to_owned(),
        };
        self.add_namespace_fault(refused, false, fault);
    }

    /// Reads the services of the namespaces that `-n` selects.
    ///
    /// # Errors
    /// Nothing is readable, or a pattern matches no namespace and there is nothing else.
    pub(super) async fn selected(&mut self) -> Result<Vec<ListScope>> {
        let (patterns, names): (Vec<String>, Vec<String>) =
            self.options.namespace.iter().cloned().partition(|name| is_pattern(name));
        if patterns.is_empty() {
            return self.namespaces(&names).await;
        }

        let mut selected: BTreeSet<String> = names.into_iter().collect();
        if let Err(error) = self.add_matching(&patterns, &mut selected).await {
            if selected.is_empty() {
                return Err(error);
            }
            self.gathered.faults.push(PartialError::from(&error));
        }
        self.namespaces(&selected.into_iter().collect::<Vec<_>>()).await
    }

    /// Adds the namespaces of the cluster that match.
    ///
    /// # Errors
    /// The namespaces cannot be listed, or a pattern matches none of them.
    async fn add_matching(&mut self, patterns: &[String], selected: &mut BTreeSet<String>) -> Result<()> {
        let words = patterns.iter().map(|pattern| format!("'{}'", clean(pattern))).collect::<Vec<_>>().join(", ");
        let operation = format!("list the namespaces that match {words}");
        let all = namespace_names(self.api).await.map_err(|failure| match failure.code() {
            Some(403) => Error::Refused {
                what: operation.clone(),
                why: failure.why(),
                hint: "name the namespaces without wildcards".to_owned(),
            },
            _ => failure.into_error(operation.clone()),
        })?;

        let mut unmatched = Vec::new();
        for pattern in patterns {
            let matching: Vec<&String> = all.iter().filter(|name| matches_pattern(pattern, name)).collect();
            if matching.is_empty() {
                unmatched.push(format!("'{}'", clean(pattern)));
            }
            selected.extend(matching.into_iter().cloned());
        }

        if unmatched.is_empty() {
            return Ok(());
        }
        Err(Error::NotFound {
            what: format!("a namespace that matches {}", unmatched.join(" or ")),
            why: "there is none".to_owned(),
            hint: "`kubectl get namespaces` lists the existing ones".to_owned(),
        })
    }

    /// Reads the services of these namespaces, and reports those that do not exist or cannot be read.
    pub(super) async fn namespaces(&mut self, names: &[String]) -> Result<Vec<ListScope>> {
        let mut scopes = Vec::new();
        let mut first = None;
        for name in names {
            let mut is_absent = false;
            let failure = match self.services(Some(name)).await {
                Ok(()) if self.gathered.services.count_in(name) > 0 => {
                    scopes.push(Some(name.clone()));
                    continue;
                }
                Ok(()) => match self.api.get::<Namespace>(&format!("/api/v1/namespaces/{name}")).await {
                    Err(failure) if failure.code() == Some(404) => {
                        is_absent = true;
                        absent(self.api, name).await
                    }
                    // It exists without services, or its existence may not be checked.
                    _ => {
                        scopes.push(Some(name.clone()));
                        continue;
                    }
                },
                // A part of it was read.
                Err(failure) if self.gathered.services.count_in(name) > 0 => {
                    scopes.push(Some(name.clone()));
                    self.error(Some(name), failure)
                }
                Err(failure) => self.error(Some(name), failure),
            };

            self.add_namespace_fault(std::slice::from_ref(name), is_absent, PartialError::from(&failure));
            if scopes.last().is_none_or(|scope| scope.as_ref() != Some(name)) {
                self.gathered.unread.push(name.clone());
            }
            first.get_or_insert(failure);
        }

        match first {
            Some(error) if scopes.is_empty() => Err(error),
            _ => Ok(scopes),
        }
    }

    /// Records the failure of a list that was read in part; otherwise returns it.
    fn partial(&mut self, namespace: Option<&str>, failure: ApiFailure) -> Result<()> {
        if self.gathered.services.len() == 0 {
            return Err(self.error(namespace, failure));
        }
        self.gathered.faults.push(failure.into_fault(list_in(namespace)));
        Ok(())
    }

    fn error(&self, namespace: Option<&str>, failure: ApiFailure) -> Error {
        // The server parses selectors, and explains what is wrong.
        if failure.code() == Some(400) {
            let labels = self.params.label_selector.as_ref().map(|labels| format!("--selector '{}'", clean(labels)));
            let fields =
                self.options.field_selector.as_ref().map(|fields| format!("--field-selector '{}'", clean(fields)));

            let options: Vec<String> = labels.into_iter().chain(fields).collect();
            if !options.is_empty() {
                return Error::usage(options.join(" and "), failure.why(), SELECTORS);
            }
        }
        failure.into_error(list_in(namespace))
    }
}

/// The names of all namespaces.
async fn namespace_names(api: &Api) -> Result<Vec<String>, ApiFailure> {
    let mut names = Vec::new();
    let params = ListParams::default();
    api.list::<Namespace>(None, &params, &mut |page, _| names.extend(page.iter().map(ResourceExt::name_any))).await?;
    Ok(names)
}

/// The error of a namespace that does not exist.
async fn absent(api: &Api, name: &str) -> Error {
    let names = namespace_names(api).await.unwrap_or_default();
    let hint = match nearest(name, &names.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => format!("did you mean '{}'? `kubectl get namespaces` lists them", clean(near)),
        None => "`kubectl get namespaces` lists the existing ones".to_owned(),
    };
    Error::NotFound { what: format!("namespace '{}'", clean(name)), why: "it does not exist".to_owned(), hint }
}

fn list_in(namespace: Option<&str>) -> String {
    match namespace {
        Some(name) => format!("list the services in namespace '{}'", clean(name)),
        None => "list the services of all namespaces".to_owned(),
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
