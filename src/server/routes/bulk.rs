//! `bulk`: many writes in one call, each with a result of its own.

use std::sync::Arc;

use axum::extract::Request;
use serde::Serialize;
use serde_json::Value;

use super::service::{LeaseLine, renewal};
use super::services::identified;
use crate::model::json_fields::{JsonFields, object_of};
use crate::model::{Problem, Registration};
use crate::registry::Command;
use crate::server::access::Permission;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::limits::RequestKind;
use crate::server::params::Params;
use crate::server::schemas::{BulkAnswer, BulkBody};
use crate::server::scoped_view::ScopedView;
use crate::server::write_queue::WriteResult;
use crate::server::{body, reply};

/// The most operations of a call.
const MAX_OPERATIONS: usize = 1_000;
/// A bulk body is this many times as long as the body of one registration.
const LENGTH_FACTOR: usize = 16;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Register,
    Deregister,
    Heartbeat,
}

/// An operation that can be carried out.
struct PreparedOperation {
    operation: Operation,
    id: Arc<str>,
    command: Command,
}

/// The result of one operation.
#[derive(Serialize)]
struct OperationResult {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ApiError>,
    /// JSON that is written already: a thousand instances as values take ten times its memory.
    #[serde(skip)]
    data: Option<Vec<u8>>,
}

impl OperationResult {
    fn failed(error: ApiError, id: Option<Arc<str>>) -> Self {
        Self { status: error.status.as_u16(), id, data: None, error: Some(error) }
    }

    /// Appends it to a list.
    fn write(&self, list: &mut Vec<u8>) {
        // Texts and numbers always serialise.
        let _ = serde_json::to_writer(&mut *list, self);
        if let Some(data) = &self.data {
            list.pop();
            list.extend_from_slice(b",\"data\":");
            list.extend_from_slice(data);
            list.push(b'}');
        }
    }
}

/// Carry out many writes in one call
///
/// Every operation has its own result, in the order of the operations. They are kept together, in one commit. Each counts as
/// a request of its own for the limits; heartbeats also need the permission `heartbeat`.
#[utoipa::path(post, path = "/api/v1/bulk", operation_id = "bulk", tag = "services", request_body = BulkBody,
    responses((status = 200, body = BulkAnswer), (status = 400, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn post(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let max = access.app().settings.size_limits.body_bytes.saturating_mul(LENGTH_FACTOR);
    let body = body::read(request, max, access.app().settings.time_limits.body).await?;
    let operations = operations(&body)?;
    // What waits for the store need not hold it.
    drop(body);
    if operations.is_empty() || operations.len() > MAX_OPERATIONS {
        let message = format!("there are {} operations, 1 to {MAX_OPERATIONS} are carried out", operations.len());
        let error = ApiError::bad_request("invalid_body", message).field("operations");
        return Err(error.hint("send {\"operations\":[{\"register\":{…}},{\"deregister\":{\"id\":…}}]}, in several calls if there are more"));
    }

    let prepared: Vec<Result<PreparedOperation, ApiError>> =
        operations.into_iter().map(|operation| prepare(operation).map_err(ApiError::from)).collect();
    count(&access, &prepared)?;
    let commands = prepared.iter().filter_map(|prepared| prepared.as_ref().ok()).map(|one| one.command.clone());
    let commands: Vec<Command> = commands.collect();
    let mut written = if commands.is_empty() { Vec::new() } else { access.write_all(commands).await? }.into_iter();

    let view = access.view();
    let mut reply = b"{\"data\":{\"results\":[".to_vec();
    for (at, prepared) in prepared.into_iter().enumerate() {
        if at > 0 {
            reply.push(b',');
        }
        result(prepared, &mut written, &view).write(&mut reply);
    }
    reply.extend_from_slice(b"]}}");
    Ok(reply::json(view.index(), reply))
}

/// The result of an operation. If it could be carried out, the next of `written` is what became of it.
fn result(
    prepared: Result<PreparedOperation, ApiError>,
    written: &mut impl Iterator<Item = Result<WriteResult, ApiError>>,
    view: &ScopedView,
) -> OperationResult {
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return OperationResult::failed(error, None),
    };
    match written.next() {
        Some(Ok(written)) => done(&prepared, written, view),
        Some(Err(error)) => OperationResult::failed(error, Some(prepared.id)),
        None => OperationResult::failed(ApiError::unavailable("stopping", "the server stops"), Some(prepared.id)),
    }
}

/// The operations of a body.
fn operations(body: &[u8]) -> Result<Vec<Value>, Problem> {
    let mut fields = JsonFields::parse(body)?;
    let operations = fields.list(&["operations"], Ok)?;
    fields.finish()?;
    Ok(operations.unwrap_or_default())
}

/// The commands of a body, without those that cannot be carried out.
#[cfg(any(fuzzing, test))]
pub(in crate::server) fn commands(body: &[u8]) -> Vec<Command> {
    let operations = operations(body).unwrap_or_default().into_iter().take(MAX_OPERATIONS);
    operations.filter_map(|operation| prepare(operation).ok()).map(|prepared| prepared.command).collect()
}

/// Counts the operations as if each were a request, and holds the caller to what its heartbeats need.
///
/// # Errors
/// 403: there are heartbeats, and the caller may send none. 429: there are too many operations.
fn count(access: &Access, prepared: &[Result<PreparedOperation, ApiError>]) -> ApiResult<()> {
    let valid = prepared.iter().filter_map(|prepared| prepared.as_ref().ok());
    let heartbeats = valid.filter(|prepared| prepared.operation == Operation::Heartbeat).count();
    if heartbeats > 0 {
        access.require(Permission::Heartbeat)?;
    }

    // The request itself was counted.
    let others = (prepared.len() - heartbeats).saturating_sub(1);
    access.count_operations(RequestKind::Request, others)?;
    access.count_operations(RequestKind::Heartbeat, heartbeats)
}

fn done(prepared: &PreparedOperation, written: WriteResult, view: &ScopedView) -> OperationResult {
    let (status, data) = match (prepared.operation, written.instance) {
        (Operation::Deregister, _) | (_, None) => (204, None),
        (Operation::Register, Some(instance)) => {
            (if written.is_new { 201 } else { 200 }, Some(view.written(instance).to_json()))
        }
        (Operation::Heartbeat, Some(instance)) => (200, serde_json::to_vec(&LeaseLine::of(&instance)).ok()),
    };
    OperationResult { status, id: Some(Arc::clone(&prepared.id)), data, error: None }
}

fn prepare(operation: Value) -> Result<PreparedOperation, Problem> {
    object_of(operation, |mut fields| {
        let register = fields.read(&["register"], Ok)?;
        let deregister = fields.read(&["deregister"], Ok)?;
        let heartbeat = fields.read(&["heartbeat"], Ok)?;
        fields.finish()?;
        match (register, deregister, heartbeat) {
            (Some(value), None, None) => registration(&value).map_err(|problem| problem.within("register")),
            (None, Some(value), None) => {
                object_of(value, deregistration).map_err(|problem| problem.within("deregister"))
            }
            (None, None, Some(value)) => object_of(value, heartbeat_of).map_err(|problem| problem.within("heartbeat")),
            _ => Err(Problem::new("", "it is not one operation", "write one of register, deregister and heartbeat")),
        }
    })
}

fn registration(value: &Value) -> Result<PreparedOperation, Problem> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let registration = identified(Registration::from_json(&text)?);
    let id: Arc<str> = registration.id.as_deref().unwrap_or_default().into();
    Ok(PreparedOperation { operation: Operation::Register, id, command: Command::Register(Arc::new(registration)) })
}

fn deregistration(mut fields: JsonFields) -> Result<PreparedOperation, Problem> {
    let id = required_id(&mut fields)?;
    let generation = fields.number(&["generation"], 1, u64::MAX)?;
    fields.finish()?;
    let command = Command::Deregister { id: Arc::clone(&id), generation };
    Ok(PreparedOperation { operation: Operation::Deregister, id, command })
}

fn heartbeat_of(mut fields: JsonFields) -> Result<PreparedOperation, Problem> {
    let id = required_id(&mut fields)?;
    let command = renewal(&id, fields)?;
    Ok(PreparedOperation { operation: Operation::Heartbeat, id, command })
}

fn required_id(fields: &mut JsonFields) -> Result<Arc<str>, Problem> {
    let id = fields.text(&["id", "service_id"])?;
    id.map(Arc::from).ok_or_else(|| Problem::new("id", "it is missing", "give the id of an instance"))
}
