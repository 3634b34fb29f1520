//! The description of the API.

use std::sync::OnceLock;

use axum::extract::{Request, State};
use bytes::Bytes;
use utoipa::OpenApi;

use super::{
    bulk, discover, events, health, instance_health, instances, load_balancer, metrics, monitor, monitoring,
    prometheus, query, service, services, status,
};
use crate::server::Strategy;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::checks::MonitorStats;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{
    BulkAnswer, BulkBody, BulkResult, ChangeBody, CheckAllAnswer, CheckConfig, CheckReport, HealthAnswer, HealthCheck,
    HealthReportBody, HealthValue, HealthView, HeartbeatAnswer, HeartbeatBody, Instance, InstanceBody, InstanceList,
    MonitorAnswer, MonitoringAnswer, PicksAnswer, RegistrationBody, ServiceList, StatusAnswer, StatusValue,
};
use crate::server::shared::App;

/// The whole description.
fn description() -> utoipa::openapi::OpenApi {
    ApiDescription::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "portolan",
        description = "A registry of services. Every answer has the header X-Portolan-Index.",
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
        monitor::get,
        monitor::check_all,
        status::get,
        health::get,
        metrics::get,
        prometheus::get,
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
        MonitorAnswer,
        MonitorStats,
        CheckAllAnswer,
        HealthReportBody,
        HealthView,
        CheckReport,
        MonitoringAnswer,
        StatusAnswer,
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
    let text = TEXT.get_or_init(|| description().to_json().unwrap_or_default().into());
    Ok(reply::json(app.view.load().index(), text.clone()))
}

/// `/`: where to go on.
pub(in crate::server) async fn root(State(app): State<App>) -> ApiResult {
    let body = serde_json::json!({
        "portolan": env!("CARGO_PKG_VERSION"),
        "links": ["/openapi.json", "/api/v1/services", "/api/v1/status", "/health"],
    });
    Ok(reply::json(app.view.load().index(), body.to_string()))
}
