//! `sd/prometheus`: the instances as targets, for Prometheus' `http_sd_configs`.
//!
//! Labels have the names of Prometheus' own discovery by Consul where it has one, so that its relabelling rules apply. There
//! is no `ETag`: Prometheus asks for the whole list each time.

use std::collections::BTreeMap;

use axum::extract::Request;
use serde::Serialize;
use url::form_urlencoded;

use crate::clean::clean;
use crate::error::nearest;
use crate::model::{HealthState, OperatorStatus, Query, RegisteredInstance};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::ring::Filter;
use crate::server::scoped_view::ScopedView;

const KNOWN: [&str; 11] =
    ["service", "namespace", "version", "tag", "tags", "health", "node", "zone", "metadata", "metadata.", "usable"];
/// The values of `__meta_consul_health` that are no health of [`Query`].
const LABEL_VALUES: [&str; 4] = ["passing", "warning", "critical", "maintenance"];
const REPEATED: [&str; 4] = ["service", "tag", "tags", "metadata"];

/// A target and its labels.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::server) struct TargetGroup {
    targets: [String; 1],
    labels: Labels,
}

/// Labels by name. All of them are dropped after relabelling.
#[derive(Default, Serialize, utoipa::ToSchema)]
pub(in crate::server) struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Adds a label, unless its value is empty.
    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.insert(format!("__meta_{name}"), value.to_owned());
        }
    }
}

/// List the instances as targets for Prometheus
///
/// For `http_sd_configs`. All instances are listed, whatever their health, unless a parameter says otherwise.
#[utoipa::path(get, path = "/sd/prometheus", operation_id = "listTargets", tag = "discovery",
    params(
        ("service" = Option<Vec<String>>, Query,
            description = "Any of these services. A name that no service has or had gives 400, so that Prometheus keeps its targets"),
        ("namespace" = Option<String>, Query),
        ("version" = Option<String>, Query, description = "An exact version, or a range such as ^1.2"),
        ("tag" = Option<Vec<String>>, Query, description = "All of these tags"),
        ("health" = Option<String>, Query,
            description = "healthy, degraded, unhealthy or unknown; or a value of __meta_consul_health: passing, warning, critical or maintenance"),
        ("node" = Option<String>, Query), ("zone" = Option<String>, Query),
        ("metadata" = Option<Vec<String>>, Query, description = "KEY=VALUE; also metadata.KEY=VALUE"),
        ("usable" = Option<bool>, Query, description = "Only instances that take calls"),
    ),
    responses(
        (status = 200, body = Vec<TargetGroup>), (status = 400, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "Nothing was ever registered")))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    let params = Params::read(request.uri().query(), &KNOWN, &REPEATED)?;
    let mut query = Query { usable: params.flag("usable")?, ..Query::default() };
    let (mut services, mut label): (Vec<String>, Option<String>) = (Vec::new(), None);
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match &*name {
            "service" => services.push(value.into_owned()),
            "usable" => {}
            "health" if LABEL_VALUES.contains(&&*value) => label = Some(value.into_owned()),
            name => drop(query.set_parameter(name, &value)?),
        }
    }

    let view = access.view();
    // Prometheus keeps its targets when it gets an error, and drops them all when it gets an empty list.
    if view.index() == 0 {
        let error = ApiError::unavailable("nothing_registered", "nothing was ever registered here");
        return Err(error.hint("register a service; an empty list would make Prometheus drop its targets"));
    }

    // Several Prometheus servers ask the same, and each asks again and again.
    let name = format!("targets {}", request.uri().query().unwrap_or_default());
    let (scope, seen) = (access.scope(), view.clone());
    let lists = &access.app().lists;
    let own = access.clone();
    let write = move || targets(&own, &seen, &services, label.as_deref(), &query);
    Ok(reply::json(view.index(), lists.get((view.registry(), &scope), name, write).await?))
}

/// The list of the targets that were asked for. `label` is their health in Consul's words.
///
/// # Errors
/// 400: there is no such service.
fn targets(
    access: &Access,
    view: &ScopedView,
    services: &[String],
    label: Option<&str>,
    query: &Query,
) -> ApiResult<Vec<u8>> {
    services.iter().try_for_each(|name| refuse_unknown(access, view, name))?;

    let all = view.instances();
    let wanted = all.iter().map(|instance| &instance.instance).filter(|&instance| {
        (services.is_empty() || services.iter().any(|name| name == instance.name()))
            && label.is_none_or(|label| label == health(instance))
            && query.matches(instance)
    });
    let groups: Vec<TargetGroup> = wanted.map(|instance| group(instance, &access.app().settings.cluster)).collect();
    // Texts always serialise.
    Ok(serde_json::to_vec(&groups).unwrap_or_default())
}

/// A name that no service has, and none had since the oldest kept event, is most likely misspelt. Prometheus keeps its targets
/// when it gets an error; the targets of a service whose last instance has gone must go.
fn refuse_unknown(access: &Access, view: &ScopedView, name: &str) -> ApiResult<()> {
    if view.services().any(|service| &*service.key.name == name) || had_service(access, name) {
        return Ok(());
    }
    if name.contains(['*', '?']) {
        let error = ApiError::bad_request("invalid_parameter", format!("service '{}' is a pattern", clean(name)));
        return Err(error.field("service").hint("name each service; a relabelling rule of Prometheus takes patterns"));
    }

    let names: Vec<&str> = view.services().map(|service| &*service.key.name).collect();
    let hint = nearest(name, &names).map(|near| format!("did you mean {}?", clean(near)));
    let error = ApiError::bad_request("unknown_service", format!("no service has the name '{}'", clean(name)));
    let none = "`portolan services list` shows the names; an empty list would make Prometheus drop its targets";
    Err(error.field("service").hint(hint.unwrap_or_else(|| none.to_owned())))
}

/// Whether the kept events are about a service of this name that the caller may see.
fn had_service(access: &Access, name: &str) -> bool {
    let filter = Filter { service: Some(name.to_owned()), scope: access.scope(), ..Filter::default() };
    access.app().ring.has_event(&filter)
}

fn group(instance: &RegisteredInstance, cluster: &str) -> TargetGroup {
    let registration = &*instance.registration;
    let mut labels = Labels::default();
    labels.add("consul_service", &registration.name);
    labels.add("consul_service_id", &instance.id);
    labels.add("consul_service_address", &registration.address);
    labels.add("consul_service_port", &registration.port.to_string());
    labels.add("consul_address", &registration.address);
    labels.add("consul_node", registration.node.as_deref().unwrap_or_default());
    labels.add("consul_dc", cluster);
    labels.add("consul_namespace", instance.namespace());
    labels.add("consul_health", health(instance));
    // A tag stands between two commas, also the first and the last, so that a rule can match `,api,`.
    let tags = registration.tags.join(",");
    labels.add("consul_tags", &if tags.is_empty() { tags } else { format!(",{tags},") });
    for (key, value) in &registration.metadata {
        labels.add(&format!("consul_service_metadata_{}", label_name(key)), value);
    }

    labels.add("portolan_version", registration.version.as_deref().unwrap_or_default());
    labels.add("portolan_protocol", registration.protocol.as_deref().unwrap_or_default());
    labels.add("portolan_zone", registration.zone.as_deref().unwrap_or_default());
    labels.add("portolan_status", instance.status.as_str());
    TargetGroup { targets: [registration.place()], labels }
}

/// The health in Consul's words. An instance that nothing judges is taken at its word, as Consul does. One that drains is in
/// maintenance, as in Consul's API here.
fn health(instance: &RegisteredInstance) -> &'static str {
    match (instance.status, instance.health) {
        (OperatorStatus::Maintenance | OperatorStatus::Draining, _) => "maintenance",
        (_, HealthState::Healthy) => "passing",
        (_, HealthState::Degraded) => "warning",
        (_, HealthState::Unhealthy) => "critical",
        (_, HealthState::Unknown) if instance.checks.is_empty() => "passing",
        (_, HealthState::Unknown) => "unknown",
    }
}

/// A text as part of a label's name: letters, digits and underscores.
fn label_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
