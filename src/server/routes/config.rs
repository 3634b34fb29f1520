//! Configurations with versions: read, wait for a change, write, compare, roll back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::service::{PathName, named, no_content};
use crate::clean::clean;
use crate::model::json_fields::JsonFields;
use crate::model::parse_duration;
use crate::registry::{
    Command, CommandRejection, ConfigCommand, ConfigEntry, ConfigValue, ConfigVersion, MAX_CONFIG_BYTES,
};
use crate::server::access::Permission;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::body::{self, BodyKind};
use crate::server::line_diff::line_diff;
use crate::server::live_overrides::{LiveOverrides, SERVER_CONFIG};
use crate::server::params::{self, Params};
use crate::server::reply;
use crate::server::ring::Filter;
use crate::server::schemas::{ConfigBody, ConfigDiffAnswer, ConfigHistoryAnswer, ConfigListAnswer, RollbackBody};

/// How long a client that waits for a change waits by default.
const WAIT: Duration = Duration::from_mins(5);
/// How long it may wait.
const MAX_WAIT: Duration = Duration::from_mins(10);
/// A longer value is compared as it was written.
const MAX_PRETTY_BYTES: usize = 4 * MAX_CONFIG_BYTES;

/// List the configurations
#[utoipa::path(get, path = "/api/v1/config", operation_id = "listConfigs", tag = "config",
    responses((status = 200, body = ConfigListAnswer), (status = 400, body = ErrorBody)))]
pub(in crate::server) async fn list(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    let view = access.view();
    let configs: Vec<Value> = view.configs().filter_map(|entry| Some(entry.current()?.to_head())).collect();
    Ok(reply::data(view.index(), &json!({ "configs": configs })))
}

/// Read a configuration, at once or when it has changed
#[utoipa::path(get, path = "/api/v1/config/{name}", operation_id = "readConfig", tag = "config",
    params(("name" = String, Path, description = "The name of a configuration"),
        ("version" = Option<u64>, Query, description = "An older version that is still kept", minimum = 1),
        ("index" = Option<u64>, Query, description = "Wait until its index is higher than this one, which the last reply had"),
        ("wait" = Option<String>, Query, description = "Wait at most this long, such as 30s; 5m by default, 10m at most"),
        ("raw" = Option<bool>, Query, description = "The value alone, with its own content type")),
    responses((status = 200, body = ConfigBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["version", "index", "wait", "raw"], &[])?;
    let version = params.number("version", 1, u64::MAX)?;
    let since = params.number("index", 0, u64::MAX)?;
    let wait = params.get("wait").map(wait_of).transpose()?;
    let raw = params.flag("raw")?;
    if let Some(since) = since {
        changed(&access, &name, since, wait.unwrap_or(WAIT)).await?;
    }

    let view = access.view();
    let entry = view.config(&name).ok_or_else(|| unknown(&name))?;
    let found = match version {
        Some(version) => entry.version(version).ok_or_else(|| unknown_version(&name, version, entry))?,
        None => entry.current().ok_or_else(|| unknown(&name))?,
    };
    let response = match (&found.value, raw) {
        (Some(value), true) => raw_value(view.index(), value),
        _ => reply::data(view.index(), &found.to_item()),
    };
    Ok(with_tag(response, found.version))
}

fn wait_of(text: &str) -> ApiResult<Duration> {
    let parsed = parse_duration(text);
    let wait = parsed.map_err(|error| params::invalid("wait", text, &error.to_string(), error.hint()))?;
    Ok(wait.min(MAX_WAIT))
}

/// Waits until a configuration has changed, the time is over, or the server stops.
///
/// # Errors
/// The caller's key ended meanwhile.
async fn changed(access: &Access, name: &str, since: u64, wait: Duration) -> ApiResult<()> {
    let mut wake = access.app().ring.subscribe(&Filter::of_config(name));
    let deadline = Instant::now() + wait;
    loop {
        wake.mark_unchanged();
        let index = access.view().config(name).and_then(|entry| entry.newest()).map_or(0, |newest| newest.index);
        if index > since {
            break;
        }
        let is_woken = tokio::select! {
            biased;
            () = access.app().shutdown.stopping() => false,
            changed = wake.changed() => changed.is_ok(),
            () = sleep_until(deadline) => false,
        };
        if !is_woken {
            break;
        }
    }

    let error = || ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "the key is no longer valid");
    if access.is_current() { Ok(()) } else { Err(error()) }
}

/// Store a new version of a configuration
///
/// The body is the value itself: JSON, or any other text with a content type such as text/plain. With `cas` or the header
/// If-Match, only if that version is the current one; `cas=0` or `If-None-Match: *`, only if there is none.
#[utoipa::path(put, path = "/api/v1/config/{name}", operation_id = "writeConfig", tag = "config",
    params(("name" = String, Path, description = "The name of the configuration; `portolan` holds settings of the server",
            max_length = 128, pattern = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"),
        ("cas" = Option<u64>, Query, description = "Only if this version is the current one; 0: only if there is none")),
    request_body(content = serde_json::Value, description = "The value"),
    responses((status = 200, body = ConfigBody), (status = 201, body = ConfigBody), (status = 400, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 412, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn put(access: Access, path: PathName, request: Request) -> ApiResult {
    let name: Arc<str> = named(path)?.into();
    let expected = expected(request.uri().query(), request.headers())?;
    let limit = access.app().settings.time_limits.body;
    let (body, kind) = body::read_value(request, MAX_CONFIG_BYTES, limit).await.map_err(too_long)?;
    let text: Arc<str> = String::from_utf8(body)
        .map_err(|_| ApiError::bad_request("invalid_body", "the body is not UTF-8").hint("encode binary data as text"))?
        .into();

    let value = match kind {
        BodyKind::Json => ConfigValue::Json(text),
        BodyKind::Text => ConfigValue::Text(text),
    };
    if &*name == SERVER_CONFIG {
        access.require(Permission::Administer)?;
        LiveOverrides::parse(&value)?;
    }
    let author = access.author();
    write(&access, ConfigCommand::Put { name, value, expected, author }).await
}

fn too_long(error: ApiError) -> ApiError {
    if error.code == "body_too_long" { error.hint("keep large data elsewhere, and its location here") } else { error }
}

/// Delete a configuration
///
/// Its versions stay for a while: it can be rolled back to one of them.
#[utoipa::path(delete, path = "/api/v1/config/{name}", operation_id = "deleteConfig", tag = "config",
    params(("name" = String, Path, description = "The name of a configuration"),
        ("cas" = Option<u64>, Query, description = "Only if this version is the current one")),
    responses((status = 204, description = "It is deleted"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 412, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn delete(access: Access, path: PathName, request: Request) -> ApiResult {
    let name: Arc<str> = named(path)?.into();
    let expected = expected(request.uri().query(), request.headers())?;
    if &*name == SERVER_CONFIG {
        access.require(Permission::Administer)?;
    }
    let author = access.author();
    access.write(Command::Config(ConfigCommand::Delete { name, expected, author })).await?;
    Ok(no_content(access.view().index()))
}

/// List the versions of a configuration that are kept
#[utoipa::path(get, path = "/api/v1/config/{name}/history", operation_id = "readConfigHistory", tag = "config",
    params(("name" = String, Path, description = "The name of a configuration")),
    responses((status = 200, body = ConfigHistoryAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn history(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    Params::read(request.uri().query(), &[], &[])?;
    let view = access.view();
    let entry = view.config(&name).ok_or_else(|| unknown(&name))?;
    let versions: Vec<Value> = entry.versions().iter().rev().map(|version| version.to_head()).collect();
    Ok(reply::data(view.index(), &json!({ "name": name, "versions": versions })))
}

/// Compare two versions of a configuration, line by line
#[utoipa::path(get, path = "/api/v1/config/{name}/diff", operation_id = "compareConfigVersions", tag = "config",
    params(("name" = String, Path, description = "The name of a configuration"),
        ("from" = Option<u64>, Query, description = "The older version; the one before `to` without it", minimum = 1),
        ("to" = Option<u64>, Query, description = "The newer version; the newest without it", minimum = 1)),
    responses((status = 200, body = ConfigDiffAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(in crate::server) async fn diff(access: Access, path: PathName, request: Request) -> ApiResult {
    let name = named(path)?;
    let params = Params::read(request.uri().query(), &["from", "to"], &[])?;
    let view = access.view();
    let entry = view.config(&name).ok_or_else(|| unknown(&name))?;

    let newest = entry.newest().map_or(0, |newest| newest.version);
    let to = params.number("to", 1, u64::MAX)?.unwrap_or(newest);
    let from = params.number("from", 1, u64::MAX)?.unwrap_or(to.saturating_sub(1));
    let [old, new] =
        [from, to].map(|version| entry.version(version).ok_or_else(|| unknown_version(&name, version, entry)));
    let diff = line_diff(&lines_of(old?), &lines_of(new?));
    Ok(reply::data(view.index(), &json!({ "name": name, "from": from, "to": to, "diff": diff })))
}

/// A value as it is compared: JSON with a field on each line, so that its spaces make no difference.
fn lines_of(version: &ConfigVersion) -> String {
    match &version.value {
        None => String::new(),
        Some(ConfigValue::Text(text)) => text.to_string(),
        Some(ConfigValue::Json(text)) => pretty(text).unwrap_or_else(|| text.to_string()),
    }
}

/// JSON with a field on each line; `None` if that is too long: each line of a deep value begins with hundreds of blanks.
fn pretty(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut lines = BoundedText(Vec::new());
    serde_json::to_writer_pretty(&mut lines, &value).ok()?;
    String::from_utf8(lines.0).ok()
}

/// A text of at most [`MAX_PRETTY_BYTES`].
struct BoundedText(Vec<u8>);

impl io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PRETTY_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Make an older version of a configuration the newest
///
/// The rollback is a new version: after version 2, a rollback to version 1 is version 3.
#[utoipa::path(post, path = "/api/v1/config/{name}/rollback", operation_id = "rollBackConfig", tag = "config",
    params(("name" = String, Path, description = "The name of a configuration"),
        ("cas" = Option<u64>, Query, description = "Only if this version is the current one")),
    request_body = RollbackBody,
    responses((status = 200, body = ConfigBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 408, body = ErrorBody),
        (status = 412, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(in crate::server) async fn rollback(access: Access, path: PathName, request: Request) -> ApiResult {
    let name: Arc<str> = named(path)?.into();
    let expected = expected(request.uri().query(), request.headers())?;
    let (size, time) = (access.app().settings.size_limits.body_bytes, access.app().settings.time_limits.body);
    let body = body::read(request, size, time).await?;
    let mut fields = JsonFields::parse(&body)?;
    let to = fields.number(&["version"], 1, u64::MAX)?;
    fields.finish()?;
    let to = to.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_body", "the field version is missing").field("version");
        error.hint("send the version to go back to, as in {\"version\": 1}")
    })?;

    if &*name == SERVER_CONFIG {
        access.require(Permission::Administer)?;
        let view = access.view();
        let old = view.config(&name).and_then(|entry| entry.version(to)?.value.clone());
        old.as_ref().map(LiveOverrides::parse).transpose()?;
    }
    let author = access.author();
    write(&access, ConfigCommand::Rollback { name, to, expected, author }).await
}

async fn write(access: &Access, command: ConfigCommand) -> ApiResult {
    let name = Arc::clone(command.name());
    let written = access.write(Command::Config(command)).await?;
    let version = written.config.ok_or_else(|| unknown(&name))?;
    let status = if version.version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    let response = reply::data(access.view().index(), &version.to_item());
    Ok((status, with_tag(response, version.version)).into_response())
}

/// The version that a client expects: from `cas`, If-Match or If-None-Match.
fn expected(query: Option<&str>, headers: &HeaderMap) -> ApiResult<Option<u64>> {
    let cas = Params::read(query, &["cas"], &[])?.number("cas", 0, u64::MAX)?;
    let matching = headers.get(IF_MATCH).map(tag_of).transpose()?;
    let is_new = headers.get(IF_NONE_MATCH).map(|value| value.as_bytes() == b"*");
    if is_new == Some(false) {
        let error = ApiError::bad_request("invalid_header", "If-None-Match can only be *");
        return Err(error.hint("send If-Match with the version that you read"));
    }

    let given: Vec<u64> = cas.into_iter().chain(matching).chain(is_new.map(|_| 0)).collect();
    if given.windows(2).any(|pair| pair[0] != pair[1]) {
        let error = ApiError::bad_request("invalid_header", "cas and the headers expect different versions");
        return Err(error.hint("send one of cas, If-Match and If-None-Match"));
    }
    Ok(given.first().copied())
}

/// The version in an entity tag: `"3"`.
fn tag_of(value: &HeaderValue) -> ApiResult<u64> {
    let number = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    number.ok_or_else(|| {
        let error = ApiError::bad_request("invalid_header", "If-Match is not a version");
        error.hint("send back the header ETag of the version that you read, as in If-Match: \"3\"")
    })
}

fn with_tag(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn raw_value(index: u64, value: &ConfigValue) -> Response {
    let mut response = reply::json(index, value.as_str().to_owned());
    if let ConfigValue::Text(_) = value {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

fn unknown(name: &str) -> ApiError {
    CommandRejection::UnknownConfig { name: clean(name).into() }.into()
}

fn unknown_version(name: &str, version: u64, entry: &ConfigEntry) -> ApiError {
    let kept = entry.versions();
    let message = format!("the configuration {} has no version {version}", clean(name));
    let range = kept.first().zip(kept.last());
    let hint = range
        .map_or_else(String::new, |(first, last)| format!("versions {} to {} are kept", first.version, last.version));
    ApiError::new(StatusCode::NOT_FOUND, "unknown_version", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_value_is_not_written_with_more_blanks_than_it_is_long() {
        assert_eq!(pretty("{\"a\":[1]}").unwrap(), "{\n  \"a\": [\n    1\n  ]\n}");
        let depth = 100;
        let deep = format!("{}{}0{}", "[".repeat(depth), "0,".repeat(60_000), "]".repeat(depth));
        assert!(deep.len() < MAX_CONFIG_BYTES);
        assert_eq!(pretty(&deep), None);
    }
}
