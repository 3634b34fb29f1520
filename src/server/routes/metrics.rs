//! The metrics, as Prometheus reads them.

use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::server::api_error::{ApiResult, ErrorBody};
use crate::server::params::Params;
use crate::server::shared::App;

/// Show the metrics, in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "showMetrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn get(State(app): State<App>, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let mut response = Response::new(app.metrics.text(app.gauges()).into());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
