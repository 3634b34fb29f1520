//! `health/…`: services and nodes with their checks.

use serde::Serialize;

use super::ConsulRequest;
use super::blocking::{WatchScope, answer, changed};
use super::catalog::{tags_of, wanted_members};
use super::error::{ConsulError, ConsulResult};
use super::filter::{CHECK, HEALTH_ENTRY, filtered};
use super::go;
use super::index::shown_index;
use super::query::ReadOptions;
use super::registry_view::RegistryView;
use super::reply;
use super::services::{CONSUL, HealthEntry, NodeService};
use crate::model::DEFAULT_NAMESPACE;
use crate::server::answer_cache::WrittenAnswer;
use crate::server::authorized::Access;

/// The checks of a node and of its services.
pub(super) async fn node(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(CHECK), "Missing node name")?;
    let name = request.rest.as_str();
    answer(access, request, &options, WatchScope::All, |view| {
        filtered(view.checks_of_node(name), options.filter.as_ref())
    })
    .await
}

/// The checks of a service, without those of its nodes.
pub(super) async fn checks(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(CHECK), "Missing service name")?;
    let name = request.rest.as_str();
    answer(access, request, &options, WatchScope::Service(name), |view| {
        let members = wanted_members(view, name, &[], &options).into_iter();
        let checks = members.flat_map(|(member, _)| view.service_checks(&member)).collect();
        filtered(checks, options.filter.as_ref())
    })
    .await
}

/// The instances of a service with their nodes and all checks.
pub(super) async fn service(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(HEALTH_ENTRY), "Missing service name")?;
    let name = request.rest.as_str();
    let passing = match request.query.get("passing") {
        None => false,
        Some("") => true,
        Some(value) => go::parse_bool(value)
            .ok_or_else(|| ConsulError::bad_request("Invalid value for ?passing: write true or false"))?,
    };

    let tags = tags_of(request);
    let is_usual = tags.is_empty() && options.node_meta.is_empty() && options.filter.is_none();
    if is_usual && name != CONSUL && !request.query.has("pretty") {
        return usual(access, request, &options, passing).await;
    }
    Ok(reply::with_cache(
        answer(access, request, &options, WatchScope::Service(name), |view| {
            entries(view, name, &tags, passing, &options)
        })
        .await?,
        request,
    ))
}

/// The answer that most clients want: it is written once, until the service or a node changes.
async fn usual(access: &Access, request: &ConsulRequest, options: &ReadOptions, passing: bool) -> ConsulResult {
    let name = request.rest.as_str();
    let view = changed(access, options, WatchScope::Service(name)).await?;
    let answer = match view.view.service(DEFAULT_NAMESPACE, name) {
        Some(service) => {
            let cache = service.health_answer(passing);
            cache.get(view.view.nodes_version(), || written(&view, request, options, passing))
        }
        None => written(&view, request, options, passing),
    };

    let index = view.view.service_index(DEFAULT_NAMESPACE, name).max(answer.newest_node);
    let response = reply::with_meta(reply::body(answer.json), shown_index(index), options);
    Ok(reply::with_cache(response, request))
}

fn written(view: &RegistryView, request: &ConsulRequest, options: &ReadOptions, passing: bool) -> WrittenAnswer {
    let name = request.rest.as_str();
    let entries = entries(view, name, &[], passing, options);

    WrittenAnswer {
        json: reply::to_bytes(request, &entries).into(),
        newest_node: view.newest_node(name),
        nodes_version: view.view.nodes_version(),
    }
}

fn entries(
    view: &RegistryView,
    name: &str,
    tags: &[&str],
    passing: bool,
    options: &ReadOptions,
) -> Vec<impl Serialize + use<>> {
    let members = wanted_members(view, name, tags, options).into_iter();
    let entries = members.map(|(member, node)| {
        let mut checks = view.node_checks(&member.node);
        checks.extend(view.service_checks(&member));
        HealthEntry { node, service: NodeService::from(view.facts(&member)), checks }
    });

    let entries = entries.filter(|entry| !passing || entry.is_passing()).collect();
    filtered(entries, options.filter.as_ref())
}

/// All checks in a state, or in any.
pub(super) async fn state(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(CHECK), "Missing check state")?;
    let state = request.rest.as_str();
    answer(access, request, &options, WatchScope::All, |view| {
        let mut checks = view.all_checks();
        checks.retain(|check| {
            (state == "any" || check.status == state) && view.node_has_meta(&check.node, &options.node_meta)
        });

        filtered(checks, options.filter.as_ref())
    })
    .await
}
