//! The metrics, as Prometheus reads them.

use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;

/// Show the metrics, in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "showMetrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    // Some of them are labelled with the names of services.
    access.require_everything("GET /metrics")?;
    let app = access.app();
    let mut response = Response::new(app.metrics_text().into());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
