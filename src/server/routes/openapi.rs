//! The description of the API.

use std::sync::OnceLock;

use axum::extract::{Request, State};
use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{
    audit, backup, bulk, config, discover, drift, envoy, events, health, instance_health, instances, load_balancer,
    log_level, metrics, monitor, monitoring, prometheus, query, service, services, status, traffic,
};
use crate::server::Strategy;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::checks::MonitorStats;
use crate::server::fleet_drift::{FindingLine, FleetDrift, HostLine, UnseenLine};
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{
    AuditAnswer, BulkAnswer, BulkBody, BulkResult, ChangeBody, CheckAllAnswer, CheckConfig, CheckReport, ConfigBody,
    ConfigDiffAnswer, ConfigHistoryAnswer, ConfigListAnswer, DriftAnswer, DriftReportBody, HealthAnswer, HealthCheck,
    HealthReportBody, HealthValue, HealthView, HeartbeatAnswer, HeartbeatBody, Instance, InstanceBody, InstanceList,
    LogLevelAnswer, LogLevelBody, MonitorAnswer, MonitoringAnswer, PicksAnswer, RegistrationBody, ReportedFindingBody,
    RollbackBody, ServiceList, ShiftActionBody, ShiftBody, StatusAnswer, StatusValue, StrategyAnswer, StrategyBody,
    SwitchBody, TrafficAnswer, TrafficTarget,
};
use crate::server::shared::App;

/// The whole description: with the permission that each operation needs, from the table of the routes.
fn description() -> Value {
    // What was derived always serialises.
    let mut description = serde_json::to_value(ApiDescription::openapi()).unwrap_or_default();
    description["components"]["securitySchemes"]["key"] = json!({
        "type": "http", "scheme": "bearer",
        "description": "An API key or a JSON Web Token. A server without authentication needs none.",
    });

    widen(&mut description);
    for (path, method, needs) in super::needs() {
        let operation =
            description["paths"].get_mut(path).and_then(|path| path.get_mut(method.as_str().to_lowercase()));
        if let (Some(operation), Some(needs)) = (operation, needs) {
            operation["x-permission"] = needs.as_str().into();
            operation["security"] = json!([{ "key": [] }, {}]);
            for (status, meaning) in [("401", "No valid key or token"), ("403", "The permission is missing")] {
                let mut response = operation["responses"]["400"].clone();
                response["description"] = meaning.into();
                operation["responses"][status] = response;
            }
        }
    }
    description
}

/// Whole numbers from 0 on have 64 bits here; what is derived says 63.
fn widen(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            if fields.get("format").is_some_and(|format| format == "int64") && fields.contains_key("minimum") {
                fields.insert("format".to_owned(), "uint64".into());
                fields.entry("maximum").or_insert(u64::MAX.into());
            }
            fields.values_mut().for_each(widen);
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        _ => {}
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "portolan",
        description = "A registry of services. Every reply has the header X-Portolan-Index.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        services::list,
        services::register,
        service::get,
        service::update,
        service::deregister,
        service::heartbeat,
        instance_health::get,
        instance_health::check,
        monitoring::start,
        monitoring::stop,
        instances::of_service,
        instances::by_name,
        discover::get,
        query::get,
        bulk::post,
        events::get,
        load_balancer::get,
        load_balancer::reset,
        load_balancer::strategy,
        load_balancer::set_strategy,
        load_balancer::reset_strategy,
        traffic::get,
        traffic::switch,
        traffic::reset,
        traffic::start,
        traffic::control,
        config::list,
        config::get,
        config::put,
        config::delete,
        config::history,
        config::diff,
        config::rollback,
        monitor::get,
        monitor::check_all,
        status::get,
        audit::get,
        drift::get,
        drift::report,
        drift::forget,
        backup::get,
        log_level::get,
        log_level::set,
        health::get,
        metrics::get,
        prometheus::get,
        envoy::post,
    ),
    components(schemas(
        RegistrationBody,
        HealthCheck,
        CheckConfig,
        Instance,
        InstanceBody,
        InstanceList,
        ServiceList,
        ChangeBody,
        StatusValue,
        HealthValue,
        HeartbeatBody,
        HeartbeatAnswer,
        BulkBody,
        BulkAnswer,
        BulkResult,
        PicksAnswer,
        StrategyBody,
        StrategyAnswer,
        SwitchBody,
        TrafficTarget,
        ShiftBody,
        ShiftActionBody,
        TrafficAnswer,
        ConfigBody,
        ConfigListAnswer,
        ConfigHistoryAnswer,
        ConfigDiffAnswer,
        RollbackBody,
        MonitorAnswer,
        MonitorStats,
        CheckAllAnswer,
        HealthReportBody,
        HealthView,
        CheckReport,
        LogLevelBody,
        LogLevelAnswer,
        MonitoringAnswer,
        StatusAnswer,
        AuditAnswer,
        DriftAnswer,
        DriftReportBody,
        FindingLine,
        FleetDrift,
        HostLine,
        ReportedFindingBody,
        UnseenLine,
        HealthAnswer,
        prometheus::TargetGroup,
        Strategy,
        ApiError,
        ErrorBody,
    ))
)]
struct ApiDescription;

/// `/openapi.json`
pub(in crate::server) async fn get(State(app): State<App>, request: Request) -> ApiResult {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    Params::read(request.uri().query(), &[], &[])?;
    let text = TEXT.get_or_init(|| description().to_string().into());
    Ok(reply::json(app.index(), text.clone()))
}

/// `/`: where to go on.
pub(in crate::server) async fn root(State(app): State<App>) -> ApiResult {
    let body = json!({
        "portolan": env!("CARGO_PKG_VERSION"),
        "links": ["/openapi.json", "/api/v1/services", "/api/v1/status", "/health"],
    });
    Ok(reply::json(app.index(), body.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::access::Permission;

    /// Row N8: no route can be reached that the description, and so the test of every route and role, does not know.
    #[test]
    fn every_route_is_described_with_what_it_needs() {
        let description = description();
        let described: BTreeSet<(String, String, Option<String>)> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, operations)| {
                let operations = operations.as_object().unwrap().iter();
                operations.map(|(method, operation)| {
                    let permission = operation["x-permission"].as_str().map(str::to_owned);
                    (path.clone(), method.to_uppercase(), permission)
                })
            })
            .collect();
        let served: BTreeSet<(String, String, Option<String>)> = super::super::needs()
            .into_iter()
            // These two describe the API themselves.
            .filter(|(path, ..)| !matches!(*path, "/" | "/openapi.json"))
            .map(|(path, method, needs)| {
                (path.to_owned(), method.to_string(), needs.map(|needs| needs.as_str().to_owned()))
            })
            .collect();

        assert_eq!(described, served);
    }

    /// A client that is generated from the description refuses what is outside of its limits.
    #[test]
    fn the_times_of_a_check_are_those_that_the_server_takes() {
        let description = description();
        let fields = &description["components"]["schemas"]["HealthCheck"]["properties"];
        let (interval, timeout) = (&fields["interval"], &fields["timeout"]);
        assert_eq!([&interval["maximum"], &timeout["maximum"]].map(Value::as_f64), [Some(86_400.0); 2]);

        for (interval, timeout, is_taken) in [
            (interval["minimum"].as_f64(), timeout["minimum"].as_f64(), true),
            (Some(0.9), timeout["minimum"].as_f64(), false),
            (interval["minimum"].as_f64(), Some(0.009), false),
        ] {
            let check = json!({ "check_type": "tcp", "interval": interval, "timeout": timeout });
            let body = json!({ "name": "web", "address": "10.0.0.1", "port": 80, "health_check": check });
            let read = serde_json::from_value::<crate::model::Registration>(body);
            assert_eq!(read.is_ok_and(|read| read.problem().is_none()), is_taken, "{check}");
        }
    }

    #[test]
    fn only_what_tells_nothing_of_services_needs_no_key() {
        let open: Vec<_> = super::super::needs().into_iter().filter(|(.., needs)| needs.is_none()).collect();
        assert_eq!(open.iter().map(|(path, ..)| *path).collect::<Vec<_>>(), ["/health", "/openapi.json", "/"]);
        // Envoy reads by POST.
        let mut others = super::super::needs().into_iter().filter(|(path, ..)| !path.starts_with("/v3/discovery"));
        assert!(others.all(|(_, method, needs)| {
            // Nothing is changed by a caller who may only read.
            method == http::Method::GET || !matches!(needs, None | Some(Permission::Discover | Permission::ReadStatus))
        }));
    }
}
