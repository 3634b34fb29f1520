//! Eureka's HTTP API: the registry as programs know it that were written for Netflix's Eureka.
//!
//! Everything comes from the same memory, and follows the same rules, as the REST API. Only the namespace `default` is seen. An
//! application is a service whose name is written in capitals; an instance has the id `APP:INSTANCE` in the registry.

mod applications;
mod body;
mod call;
mod instance;
mod status;
mod writes;
mod xml;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tracing::Instrument;

use self::applications::Applications;
use self::call::{Call, Operation};
use super::api_error::{ApiError, ApiResult};
use super::authorize::{count_request, refusal, unauthenticated};
use super::authorized::Access;
use super::request_context::RequestContext;
use super::routes::Routes;
use super::shared::App;
use super::trace;

/// The service that answers every request of Eureka's API.
pub(super) fn routes(app: &App) -> Routes {
    Routes::with_compression(axum::Router::new().fallback(answer).with_state(Arc::clone(app)))
}

/// The paths of its requests in the metrics.
pub(super) fn paths() -> impl Iterator<Item = &'static &'static str> {
    call::PATHS.iter()
}

async fn answer(State(app): State<App>, request: Request) -> Response {
    let call = call::parse(request.method(), request.uri().path());
    let stats = call.as_ref().ok().and_then(|call| app.metrics.route(call.operation.path()));
    let (method, start) = (request.method().clone(), Instant::now());
    let route = stats.as_ref().map_or("unmatched", |stats| stats.path());
    let span = trace::request(&method, route, request.headers());
    let handled = handle(&app, call, request).instrument(span.clone()).await;
    let mut response = handled.unwrap_or_else(refusal);

    trace::answered(&span, response.status());
    if let Some(stats) = stats {
        stats.add(&method, response.status(), start.elapsed());
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

async fn handle(app: &App, call: ApiResult<Call>, request: Request) -> ApiResult {
    let (head, body) = request.into_parts();
    let call = match call {
        Ok(call) => call,
        Err(error) => {
            count_request(app, &head.extensions)?;
            return Err(error);
        }
    };
    let context = head.extensions.get::<RequestContext>().ok_or_else(unauthenticated)?;
    let line = (&head.method, head.uri.path());
    let access = Access::admit(app, line, &head.headers, context, call.operation.permission())?;
    let request = Request::from_parts(head, body);
    dispatch(&access, &call, request).await
}

async fn dispatch(access: &Access, call: &Call, request: Request<Body>) -> ApiResult {
    let query = request.uri().query().unwrap_or_default().to_owned();
    match call.operation {
        Operation::Register => {
            writes::register(access, &call.app, request).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Operation::Cancel => writes::cancel(access, call).await.map(done),
        Operation::Renew => writes::renew(access, call, &query).await.map(done),
        Operation::OverrideStatus => writes::override_status(access, call, &query).await.map(done),
        Operation::ReleaseStatus => writes::release_status(access, call).await.map(done),
        Operation::PutMetadata => writes::put_metadata(access, call, &query).await.map(done),
        _ => read(access, call, request.headers()),
    }
}

fn done((): ()) -> Response {
    StatusCode::OK.into_response()
}

fn read(access: &Access, call: &Call, headers: &HeaderMap) -> ApiResult {
    let view = access.view();
    let (name, value) = match call.operation {
        Operation::Delta => ("applications", Applications::changed(&view, &access.app().eureka_changes)),
        Operation::Application => {
            ("application", Applications::all(&view).named(&call.app).ok_or_else(|| unknown(call))?)
        }
        Operation::Instance => ("instance", writes::known(access, call)?.to_value()),
        Operation::AnyInstance => {
            let found = Applications::all(&view).instance(&call.instance).ok_or_else(|| unknown(call))?;
            ("instance", found)
        }
        Operation::Vip => {
            ("applications", Applications::all(&view).with_vip("vipAddress", &call.app).or_unknown(call)?)
        }
        Operation::SecureVip => {
            ("applications", Applications::all(&view).with_vip("secureVipAddress", &call.app).or_unknown(call)?)
        }
        _ => ("applications", Applications::all(&view).to_value()),
    };
    Ok(document(name, &value, headers))
}

/// 404: what a client takes as the sign to register again.
fn unknown(call: &Call) -> ApiError {
    let message = match (call.app.as_str(), call.instance.as_str()) {
        (app, "") => format!("there is no {app}"),
        ("", instance) => format!("there is no instance {instance}"),
        (app, instance) => format!("{app} has no instance {instance}"),
    };
    ApiError::not_found(crate::clean::clean(&message)).hint("register the instance again")
}

/// A document as the client wants it: XML unless it asks for JSON, as Eureka's server decides.
fn document(name: &str, value: &Value, headers: &HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wants_json = accepted.into_iter().any(|accepted| accepted.contains("json"));
    let (kind, bytes) = if wants_json {
        // Texts, numbers and lists of them always serialise.
        ("application/json", serde_json::to_vec(&serde_json::json!({ name: value })).unwrap_or_default())
    } else {
        ("application/xml", xml::write(name, value))
    };

    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
