//! The traffic of a service: all of it to some instances at once, or step by step.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use serde_json::{Value, json};

use super::service::{PathName, named};
use crate::clean::clean;
use crate::model::json_fields::{JsonFields, object_of};
use crate::model::{DEFAULT_NAMESPACE, ParseError, Problem};
use crate::registry::{Command, CommandRejection, Selector, ServiceTraffic, ShiftPlan, TrafficCommand};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::body;
use crate::server::instance_view::InstanceView;
use crate::server::params::Params;
use crate::server::reply;
use crate::server::schemas::{ShiftActionBody, ShiftBody, SwitchBody, TrafficAnswer};
use crate::server::shift_scores::target_score;

/// How long a step lasts by default.
const EVERY: Duration = Duration::from_mins(5);

/// A service of a request.
struct TrafficPath {
    namespace: String,
    name: String,
}

impl TrafficPath {
    fn of(path: PathName, request: &Request) -> ApiResult<Self> {
        let name = named(path)?;
        let params = Params::read(request.uri().query(), &["namespace"], &[])?;
        Ok(Self { namespace: params.get("namespace").unwrap_or(DEFAULT_NAMESPACE).to_owned(), name })
    }

    fn key(&self) -> Arc<str> {
        format!("{}/{}", self.namespace, self.name).into()
    }
}

/// Show how a service splits its traffic
#[utoipa::path(get, path = "/api/v1/services/{id}/traffic", operation_id = "readTraffic", tag = "traffic",
    params(("id" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = TrafficAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, path: PathName, request: Request) -> ApiResult {
    let path = TrafficPath::of(path, &request)?;
    answer(&access, &path)
}

/// Send all calls of a service to some of its instances, in one change
#[utoipa::path(put, path = "/api/v1/services/{id}/traffic", operation_id = "switchTraffic", tag = "traffic",
    params(("id" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    request_body = SwitchBody,
    responses((status = 200, body = TrafficAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn switch(access: Access, path: PathName, request: Request) -> ApiResult {
    let path = TrafficPath::of(path, &request)?;
    let mut fields = read(&access, request).await?;
    let to = selector(&mut fields)?;
    fields.finish()?;
    carry_out(&access, &path, TrafficCommand::Switch(to)).await
}

/// Give all instances of a service their own weights again
#[utoipa::path(delete, path = "/api/v1/services/{id}/traffic", operation_id = "resetTraffic", tag = "traffic",
    params(("id" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    responses((status = 200, body = TrafficAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn reset(access: Access, path: PathName, request: Request) -> ApiResult {
    let path = TrafficPath::of(path, &request)?;
    carry_out(&access, &path, TrafficCommand::Reset).await
}

/// Start to move calls of a service to some of its instances, step by step
#[utoipa::path(post, path = "/api/v1/services/{id}/shift", operation_id = "startShift", tag = "traffic",
    params(("id" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    request_body = ShiftBody,
    responses((status = 200, body = TrafficAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn start(access: Access, path: PathName, request: Request) -> ApiResult {
    let path = TrafficPath::of(path, &request)?;
    let mut fields = read(&access, request).await?;
    let to = selector(&mut fields)?;
    let steps = fields.list(&["steps"], |value| percentage(&value))?.unwrap_or_default();
    let every = fields.duration(&["every"])?.unwrap_or(EVERY);
    let abort_below = fields.number(&["abort_below"], 1, 100)?.and_then(|score| u8::try_from(score).ok());
    fields.finish()?;
    carry_out(&access, &path, TrafficCommand::Start(ShiftPlan { to, steps, every, abort_below })).await
}

/// Pause, resume, abort or finish a shift
#[utoipa::path(put, path = "/api/v1/services/{id}/shift", operation_id = "controlShift", tag = "traffic",
    params(("id" = String, Path, description = "The name of a service"), ("namespace" = Option<String>, Query, description = "Its namespace")),
    request_body = ShiftActionBody,
    responses((status = 200, body = TrafficAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn control(access: Access, path: PathName, request: Request) -> ApiResult {
    let path = TrafficPath::of(path, &request)?;
    let mut fields = read(&access, request).await?;
    let command = fields.read(&["action"], |value| action(&value))?;
    fields.finish()?;
    let command = command.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_body", "the field action is missing").field("action");
        error.hint("send pause, resume, abort or finish")
    })?;
    carry_out(&access, &path, command).await
}

async fn read(access: &Access, request: Request) -> ApiResult<JsonFields> {
    let settings = &access.app().settings;
    let body = body::read(request, settings.size_limits.body_bytes, settings.time_limits.body).await?;
    Ok(JsonFields::parse(&body)?)
}

/// `{"to": {"version": "1.3"}}` or `{"to": {"tag": "green"}}`
fn selector(fields: &mut JsonFields) -> ApiResult<Selector> {
    let to = fields.read(&["to"], |value| {
        object_of(value, |mut fields| {
            let (version, tag) = (fields.text(&["version"])?, fields.text(&["tag"])?);
            fields.finish()?;
            match (version, tag) {
                (Some(version), None) => {
                    let parsed = version.parse().map(Selector::Version);
                    parsed.map_err(|error: ParseError| Problem::new("version", error.to_string(), error.hint()))
                }
                (None, Some(tag)) => Ok(Selector::Tag(tag)),
                _ => Err(Problem::new("", "it needs a version or a tag, and not both", "write {\"version\": \"1.3\"}")),
            }
        })
    })?;

    to.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_body", "the field to is missing").field("to");
        error.hint("say where the calls go, as in {\"to\": {\"version\": \"1.3\"}}")
    })
}

fn percentage(value: &Value) -> Result<u8, Problem> {
    let number = value.as_u64().and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= 100);
    number.ok_or_else(|| Problem::new("", "it is not a percentage", "write whole numbers from 1 to 100"))
}

fn action(value: &Value) -> Result<TrafficCommand, Problem> {
    match value.as_str().unwrap_or_default() {
        "pause" => Ok(TrafficCommand::Pause),
        "resume" => Ok(TrafficCommand::Resume),
        "abort" => Ok(TrafficCommand::Abort("an operator aborted it".to_owned())),
        "finish" => Ok(TrafficCommand::Finish),
        _ => Err(Problem::new("", "it is not an action", "write pause, resume, abort or finish")),
    }
}

async fn carry_out(access: &Access, path: &TrafficPath, command: TrafficCommand) -> ApiResult {
    access.write(Command::Traffic { service: path.key(), command }).await?;
    answer(access, path)
}

fn answer(access: &Access, path: &TrafficPath) -> ApiResult {
    let view = access.view();
    let traffic = view.traffic(&path.namespace, &path.name);
    let service = view.service(&path.namespace, &path.name);
    if service.is_none() && traffic.is_none() {
        return Err(CommandRejection::UnknownService { service: clean(&path.key()).into() }.into());
    }

    let list = service.map(|service| service.list()).unwrap_or_default();
    let all: u32 = list.iter().filter(|one| one.instance.is_usable()).map(|one| u32::from(one.instance.weight)).sum();
    let instances: Vec<Value> = list
        .iter()
        .map(|one| {
            let own = view.record(&one.instance.id).map_or(one.instance.weight, |record| record.weight);
            instance_item(one, own, all)
        })
        .collect();
    let mut item = traffic.map_or_else(|| ServiceTraffic::default().to_item(), |traffic| traffic.to_item());
    item["service_name"] = path.name.as_str().into();
    item["namespace"] = path.namespace.as_str().into();
    let shift = traffic.and_then(|traffic| traffic.active_shift());
    if let Some((shift, service)) = shift.zip(service) {
        let own_weight = |id: &str| view.record(id).map(|record| record.weight);
        item["shift"]["score"] = json!(target_score(access.app(), service, own_weight, &shift.plan.to));
    }
    item["instances"] = instances.into();
    Ok(reply::data(view.index(), &item))
}

/// An instance with its own weight, the weight in force, and the share of the calls that this makes.
fn instance_item(one: &InstanceView, own: u16, all: u32) -> Value {
    let instance = &one.instance;
    let share = (all > 0 && instance.is_usable()).then(|| f64::from(instance.weight) * 100.0 / f64::from(all));

    json!({
        "id": &*instance.id,
        "address": instance.registration.place(),
        "version": instance.registration.version,
        "tags": instance.registration.tags,
        "health": instance.health,
        "usable": instance.is_usable(),
        "own_weight": own,
        "weight": instance.weight,
        "percent": share.map(|share| (share * 100.0).round() / 100.0),
    })
}
