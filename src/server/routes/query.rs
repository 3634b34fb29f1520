//! `query`: instances by any of their properties, and why there are none.

use std::borrow::Cow;

use axum::extract::Request;
use url::form_urlencoded;

use crate::model::Query;
use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{HealthValue, InstanceList};

const KNOWN: [&str; 18] = [
    "name",
    "service_name",
    "namespace",
    "version",
    "tag",
    "tags",
    "capability",
    "capabilities",
    "health",
    "health_status",
    "node",
    "node_id",
    "zone",
    "metadata",
    "metadata.",
    "usable",
    "limit",
    "explain",
];
const REPEATED: [&str; 5] = ["tag", "tags", "capability", "capabilities", "metadata"];
/// The parameters that are not part of the query.
const OWN: [&str; 3] = ["usable", "limit", "explain"];

/// Find instances by any of their properties
///
/// Everything that is given must match. `explain=true` adds how many instances each filter left.
#[utoipa::path(get, path = "/api/v1/query", operation_id = "query", tag = "discovery",
    params(
        ("name" = Option<String>, Query), ("namespace" = Option<String>, Query),
        ("version" = Option<String>, Query, description = "An exact version, or a range such as ^1.2"),
        ("tag" = Option<Vec<String>>, Query, description = "All of these tags"),
        ("capability" = Option<Vec<String>>, Query, description = "All of these capabilities"),
        ("health" = Option<HealthValue>, Query),
        ("node" = Option<String>, Query), ("zone" = Option<String>, Query),
        ("metadata" = Option<Vec<String>>, Query, description = "KEY=VALUE; also metadata.KEY=VALUE"),
        ("usable" = Option<bool>, Query, description = "Only instances that take calls"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100_000),
        ("explain" = Option<bool>, Query, description = "How many instances each filter left"),
    ),
    responses((status = 200, body = InstanceList), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    let params = Params::read(request.uri().query(), &KNOWN, &REPEATED)?;
    let mut query = Query { usable: params.flag("usable")?, ..Query::default() };
    for (name, value) in pairs(&request).filter(|(name, _)| !OWN.contains(&&**name)) {
        query.set_parameter(&name, &value)?;
    }
    let limit = params.number("limit", 1, 100_000)?.and_then(|limit| usize::try_from(limit).ok());

    let view = access.view();
    let all = view.instances();
    let matching = all.iter().filter(|instance| query.matches(&instance.instance));
    let found: Vec<_> = matching.take(limit.unwrap_or(usize::MAX)).collect();
    let tail = if params.flag("explain")? {
        let explanation = query.explain(all.iter().map(|instance| &instance.instance));
        // Texts and numbers always serialise.
        let mut value = serde_json::to_value(&explanation).unwrap_or_default();
        value["removed_last"] = explanation.removed_last().into();
        value["text"] = explanation.to_string().into();
        format!(",\"explain\":{value}")
    } else {
        String::new()
    };
    Ok(reply::list(view.index(), "", &found, &(tail + &access.stale_tail())))
}

fn pairs(request: &Request) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
}
