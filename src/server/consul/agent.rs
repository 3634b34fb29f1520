//! `agent/self`, `agent/metrics` and `agent/maintenance`: the agent itself.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::ConsulRequest;
use super::agent_checks::own_node_record;
use super::agent_services::{enabled, maintain};
use super::error::ConsulResult;
use super::registry_view::RegistryView;
use super::services::API_VERSION;
use super::writes::own_node_id;
use super::{members, reply, status};
use crate::model::CheckKind;
use crate::server::authorized::Access;
use crate::server::metrics::resident_bytes;

/// Consul's text for maintenance without a reason.
const NO_REASON: &str =
    "Maintenance mode is enabled for this node, but no reason was provided. This is a default message.";

/// What the agent is, and what it does.
pub(super) fn this(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let own = &*access.app().own_node;
    let view = RegistryView::of(access);
    let meta = view.node(&own.name).and_then(|node| node.meta).unwrap_or_default();
    let body = json!({
        "Config": { "Datacenter": own.datacenter, "NodeName": own.name, "NodeID": own.id, "Revision": "", "Server": true,
            "Version": API_VERSION },
        "DebugConfig": { "Datacenter": own.datacenter, "NodeName": own.name, "NodeID": own.id, "ServerMode": true,
            "AdvertiseAddrLAN": own.address, "ACLsEnabled": access.app().access.is_on(), "ConnectEnabled": false },
        "Coord": { "Vec": [0, 0, 0, 0, 0, 0, 0, 0], "Error": 1.5, "Adjustment": 0, "Height": 0.000_01 },
        "Member": members::member(own),
        "Stats": stats(access, &view),
        "Meta": meta,
    });

    Ok(reply::json(request, &body))
}

/// The figures of `consul info`, as far as they mean anything here.
fn stats(access: &Access, view: &RegistryView) -> BTreeMap<&'static str, BTreeMap<&'static str, String>> {
    let members = view.agent_members();
    let definitions = members.iter().filter_map(|member| member.instance.as_ref());
    let definitions = definitions.flat_map(|instance| &instance.instance.registration.checks);
    let ttls = definitions.filter(|check| check.kind == CheckKind::Ttl).count();
    let checks: usize = members.iter().map(|member| view.service_checks(member).len()).sum();
    let index = view.view.index().to_string();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).to_string();

    let text = str::to_owned;
    let sections = [
        (
            "agent",
            vec![
                ("check_monitors", text("0")),
                ("check_ttls", ttls.to_string()),
                ("checks", checks.to_string()),
                ("services", members.len().to_string()),
            ],
        ),
        ("build", vec![("prerelease", text("")), ("revision", text("")), ("version", text(API_VERSION))]),
        (
            "consul",
            vec![
                ("acl", text("disabled")),
                ("bootstrap", text("true")),
                ("known_datacenters", text("1")),
                ("leader", text("true")),
                ("leader_addr", status::place_of(&access.app().own_node)),
                ("server", text("true")),
            ],
        ),
        (
            "portolan",
            vec![
                ("version", text(env!("CARGO_PKG_VERSION"))),
                ("store", access.app().store.clone()),
                ("store_healthy", access.app().is_store_well.load(Ordering::Relaxed).to_string()),
                ("uptime_seconds", access.app().started.elapsed().as_secs().to_string()),
            ],
        ),
        (
            "raft",
            vec![
                ("applied_index", index.clone()),
                ("commit_index", index),
                ("num_peers", text("0")),
                ("state", text("Leader")),
            ],
        ),
        (
            "runtime",
            vec![("arch", text(std::env::consts::ARCH)), ("cpu_count", threads), ("os", text(std::env::consts::OS))],
        ),
        ("serf_lan", vec![("failed", text("0")), ("left", text("0")), ("members", text("1"))]),
    ];
    sections.into_iter().map(|(name, figures)| (name, figures.into_iter().collect())).collect()
}

/// The server's metrics: as Prometheus reads them if the request says so, otherwise in Consul's form.
pub(super) fn metrics(access: &Access, request: &ConsulRequest) -> ConsulResult {
    // They count what is outside a scope, and name it.
    access.require_everything("GET /v1/agent/metrics")?;
    let accept = request.accept.as_str();
    let wants_prometheus = request.query.get("format") == Some("prometheus")
        || accept.contains("application/openmetrics-text")
        || (accept.contains("text/plain") && accept.contains("version=0.0.4"));
    if wants_prometheus {
        return Ok(prometheus(access));
    }

    let gauges = access.app().gauges();
    let list: Vec<Value> = [
        ("connections", gauges.connections),
        ("index", gauges.index),
        ("instances", gauges.instances.iter().sum()),
        ("queued_writes", gauges.queued_writes),
        ("services", gauges.services),
    ]
    .map(|(name, value)| gauge(&format!("portolan.{name}"), value))
    .into_iter()
    // Under the name by which programs that watch Consul know it.
    .chain(resident_bytes().map(|bytes| gauge("consul.runtime.alloc_bytes", bytes)))
    .collect();

    let counters = [
        counter("writes", access.app().metrics.writes.load(Ordering::Relaxed)),
        counter("heartbeats", access.app().metrics.heartbeats.load(Ordering::Relaxed)),
    ];
    let body = json!({ "Timestamp": crate::server::times::written(jiff::Timestamp::now()), "Gauges": list, "Points": [],
        "Counters": counters, "Samples": [] });
    Ok(reply::json(request, &body))
}

fn gauge(name: &str, value: u64) -> Value {
    json!({ "Name": name, "Value": value, "Labels": {} })
}

fn counter(name: &str, count: u64) -> Value {
    json!({ "Name": format!("portolan.{name}"), "Count": count, "Rate": 0.0, "Sum": count, "Min": 0, "Max": 0,
        "Mean": 0, "Stddev": 0, "Labels": {} })
}

fn prometheus(access: &Access) -> Response {
    if access.app().settings.metrics_path.is_none() {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "metrics are off (monitoring.metrics.enabled)").into_response();
    }
    let mut response = Response::new(access.app().metrics_text().into());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Takes this server's node out of service with all its services, or back.
pub(super) async fn maintenance(access: &Access, request: &ConsulRequest) -> ConsulResult {
    let enable = enabled(request)?;
    let view = RegistryView::of(access);
    let reason = request.query.text("reason").unwrap_or(NO_REASON);
    let has_record = view.view.node(&access.app().own_node.name).is_some();
    if !enable && !has_record {
        return Ok(reply::empty());
    }

    let begin = own_node_record(&view, &access.app().own_node);
    let commands = begin.into_iter().chain([maintain(own_node_id(access), enable, reason)]).collect();
    for written in access.write_together(commands).await? {
        written?;
    }
    Ok(reply::empty())
}
