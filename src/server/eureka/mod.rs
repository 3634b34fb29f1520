//! Eureka's HTTP API: the registry as programs know it that were written for Netflix's Eureka.
//!
//! Everything comes from the same memory, and follows the same rules, as the REST API. Only the namespace `default` is seen. An
//! application is a service whose name is written in capitals; an instance has the id `APP:INSTANCE` in the registry.

mod applications;
mod body;
mod call;
mod format;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod instance;
mod status;
mod writes;
mod xml;

use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::VARY;
use http::{HeaderValue, StatusCode};
use tracing::Instrument;

use self::applications::Applications;
use self::call::{Call, Operation};
use self::format::Format;
use super::api_error::{ApiError, ApiResult};
use super::authorize::{count_request, refusal, unauthenticated};
use super::authorized::Access;
use super::freshness::Freshness;
use super::request_context::RequestContext;
use super::routes::Routes;
use super::scoped_view::ScopedView;
use super::shared::App;
use super::trace;

/// The service that answers every request of Eureka's API.
pub(super) fn routes(app: &App) -> Routes {
    Routes::answered_by(app, |app, request| Box::pin(answer(app, request)))
}

/// The paths of its requests in the metrics.
pub(super) fn paths() -> impl Iterator<Item = &'static &'static str> {
    call::PATHS.iter()
}

async fn answer(app: App, request: Request) -> Response {
    let call = call::parse(request.method(), request.uri().path());
    let stats = call.as_ref().ok().and_then(|call| app.metrics.route(call.operation.path()));
    let (method, start) = (request.method().clone(), Instant::now());
    let route = stats.as_ref().map_or("unmatched", |stats| stats.path());
    let span = trace::request(&method, route);
    let handled = handle(&app, call, request).instrument(span.clone()).await;
    let mut response = handled.unwrap_or_else(refusal);

    trace::answered(&span, response.status());
    if let Some(stats) = stats {
        stats.add(&method, response.status(), start.elapsed());
    }
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    Freshness::of(&app).mark(headers);
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
        _ => read(access, call, Format::wanted(request.headers())).await,
    }
}

fn done((): ()) -> Response {
    StatusCode::OK.into_response()
}

async fn read(access: &Access, call: &Call, format: Format) -> ApiResult {
    let (view, scope, lists) = (access.view(), access.scope(), &access.app().lists);
    let (own, call, seen) = (access.clone(), call.clone(), view.clone());
    // What many clients fetch again and again is written once for all of them.
    let name = match call.operation {
        Operation::Applications => Some(format!("eureka {}", format.as_str())),
        Operation::Delta => Some(format!("eureka {} of {:?}", format.as_str(), access.app().eureka_changes.version())),
        _ => None,
    };

    let document = match name {
        Some(name) => lists.get((view.registry(), &scope), name, move || written(&own, &seen, &call, format)).await?,
        None => lists.write(move || written(&own, &seen, &call, format)).await??.into(),
    };
    Ok(format.reply(document))
}

/// The document that a read asks for.
///
/// # Errors
/// 404: there is none.
fn written(access: &Access, view: &ScopedView, call: &Call, format: Format) -> ApiResult<Vec<u8>> {
    let found = match call.operation {
        Operation::Delta => Some(applications::changes(view, &access.app().eureka_changes, format)),
        Operation::Application => Applications::named(view, &call.app).document(&call.app, format),
        Operation::Instance => Some(format.write("instance", &writes::known(access, call)?.to_value())),
        Operation::AnyInstance => {
            applications::instance(view, &call.instance).map(|found| format.write("instance", &found.to_value()))
        }
        Operation::Vip => with_vip(view, "vipAddress", &call.app, format),
        Operation::SecureVip => with_vip(view, "secureVipAddress", &call.app, format),
        _ => Some(Applications::all(view).list(format)),
    };

    found.ok_or_else(|| unknown(call))
}

fn with_vip(view: &ScopedView, field: &str, vip: &str, format: Format) -> Option<Vec<u8>> {
    let found = Applications::with_vip(view, field, vip);
    (!found.is_empty()).then(|| found.list(format))
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
