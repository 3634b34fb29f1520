//! `catalog/…`: nodes and services, without their health.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ConsulRequest;
use super::blocking::{WatchScope, answer};
use super::error::ConsulResult;
use super::filter::{NODE, SERVICE, SERVICE_NODE, filtered};
use super::nodes::CatalogNode;
use super::query::ReadOptions;
use super::registry_view::{RegistryView, ServiceMember};
use super::reply;
use super::services::{NodeService, ServiceNode};
use crate::server::access::Access;

/// The one datacenter of this server.
pub(super) fn datacenters(access: &Access, request: &ConsulRequest) -> ConsulResult {
    request.query.consistency()?;
    Ok(reply::with_cache(reply::json(request, &[&access.app().own_node.datacenter]), request))
}

/// All nodes.
pub(super) async fn nodes(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(NODE), "")?;
    answer(access, request, &options, WatchScope::Catalog, |view| {
        let nodes = view.nodes().into_iter().filter(|node| node.has_meta(&options.node_meta)).collect();
        filtered(nodes, options.filter.as_ref())
    })
    .await
}

/// The names of all services, with their tags.
pub(super) async fn services(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, None, "")?;
    Ok(reply::with_cache(
        answer(access, request, &options, WatchScope::Catalog, |view| {
            view.service_tags(|node| view.node_has_meta(node, &options.node_meta))
        })
        .await?,
        request,
    ))
}

/// The members of a service that a request asks for, each with its node.
pub(super) fn wanted_members(
    view: &RegistryView,
    name: &str,
    tags: &[&str],
    options: &ReadOptions,
) -> Vec<(ServiceMember, CatalogNode)> {
    let members = view.members(name).into_iter().map(|member| {
        let node = view.node_of(&member);
        (member, node)
    });

    let wanted = members.filter(|(member, node)| {
        node.has_meta(&options.node_meta) && (tags.is_empty() || view.facts(member).has_tags(tags))
    });
    wanted.collect()
}

/// The tags that a request asks for.
pub(super) fn tags_of(request: &ConsulRequest) -> Vec<&str> {
    request.query.all("tag").collect()
}

/// The instances of a service with their nodes.
pub(super) async fn service(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(SERVICE_NODE), "Missing service name")?;
    let name = request.rest.as_str();
    let tags = tags_of(request);
    Ok(reply::with_cache(
        answer(access, request, &options, WatchScope::Service(name), |view| {
            let members = wanted_members(view, name, &tags, &options).into_iter();
            let services = members.map(|(member, node)| ServiceNode::new(node, view.facts(&member))).collect();
            filtered(services, options.filter.as_ref())
        })
        .await?,
        request,
    ))
}

/// A node with its services by their ids.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NodeServices {
    node: CatalogNode,
    services: BTreeMap<String, NodeService>,
}

/// A node with the list of its services.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NodeServiceList {
    node: Option<CatalogNode>,
    services: Option<Vec<NodeService>>,
}

/// A node with its services; null for one that is not there.
pub(super) async fn node(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(SERVICE), "Missing node name")?;
    let name = request.rest.as_str();
    answer(access, request, &options, WatchScope::Catalog, |view| {
        let services = services_of(view, name, &options).into_iter().map(|service| (service.id.clone(), service));
        view.node(name).map(|node| NodeServices { node, services: services.collect() })
    })
    .await
}

/// The same with a list.
pub(super) async fn node_services(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let options = request.options(access, Some(SERVICE), "Missing node name")?;
    let name = request.rest.as_str();
    answer(access, request, &options, WatchScope::Catalog, |view| {
        let node = view.node(name);
        let services = node.as_ref().map(|_| services_of(view, name, &options));
        NodeServiceList { node, services }
    })
    .await
}

fn services_of(view: &RegistryView, node: &str, options: &ReadOptions) -> Vec<NodeService> {
    let members = view.members_of_node(node);
    let services = members.iter().map(|member| NodeService::from(view.facts(member))).collect();
    filtered(services, options.filter.as_ref())
}
