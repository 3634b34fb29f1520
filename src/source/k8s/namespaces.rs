//! Where services are read: everywhere, or namespace by namespace, and what is said of those that cannot be.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::ListParams;

use super::api::Api;
use super::failure::ApiFailure;
use super::options::SELECTORS;
use super::reader::{ClusterReader, Namespaced};
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::model::PartialError;

/// So many namespaces are named.
const MAX_NAMED: usize = 20;

impl ClusterReader<'_> {
    /// The services of everywhere; if that is not allowed, of every namespace that may be read.
    pub(super) async fn whole_cluster(&mut self, home: &str) -> Result<Vec<Namespaced>> {
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
                self.gathered.faults.push(PartialError {
                    operation: "list the services of all namespaces".to_owned(),
                    cause: why,
                    hint,
                });
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
                    let stop = matches!(failure, ApiFailure::Deadline(_) | ApiFailure::Stopped | ApiFailure::LeftAlone);
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
        let names: Vec<String> = refused.iter().take(MAX_NAMED).map(|name| clean(name)).collect();
        let more = refused.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.gathered.faults.push(PartialError {
            operation: format!("list services in {}", counted(refused.len(), "namespace")),
            cause: format!("not allowed in {}{more} (403)", names.join(", ")),
            hint: "`kubectl auth can-i list services -n NAMESPACE` asks for one of them".to_owned(),
        });
    }

    /// The services of these namespaces. One that is not there has none either, and that is said.
    pub(super) async fn namespaces(&mut self, names: &[String]) -> Result<Vec<Namespaced>> {
        let mut places = Vec::new();
        let mut first = None;
        for name in names {
            let failure = match self.services(Some(name)).await {
                Ok(()) if self.gathered.services.count_in(name) > 0 => {
                    places.push(Some(name.clone()));
                    continue;
                }
                Ok(()) => match self.api.get::<Namespace>(&format!("/api/v1/namespaces/{name}")).await {
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
            self.gathered.faults.push(PartialError::from(&failure));
            first.get_or_insert(failure);
        }
        match first {
            Some(error) if places.is_empty() => Err(error),
            _ => Ok(places),
        }
    }

    /// A failure of something that was read in part is a fault; otherwise there is nothing to tell.
    fn part_of(&mut self, namespace: Option<&str>, failure: ApiFailure) -> Result<()> {
        if self.gathered.services.len() == 0 {
            return Err(self.error(namespace, failure));
        }
        self.gathered.faults.push(failure.into_fault(list_in(namespace)));
        Ok(())
    }

    fn error(&self, namespace: Option<&str>, failure: ApiFailure) -> Error {
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
async fn namespace_names(api: &Api) -> Result<Vec<String>, ApiFailure> {
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

fn list_in(namespace: Option<&str>) -> String {
    match namespace {
        Some(name) => format!("list the services in namespace '{}'", clean(name)),
        None => "list the services of all namespaces".to_owned(),
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
