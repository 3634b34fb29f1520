//! The audit log, for admins whose scope is everything.

use axum::extract::Request;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::{AuditEntry, AuditRecord};
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::{Params, invalid};
use crate::server::reply;
use crate::server::schemas::AuditAnswer;
use crate::store::{AuditRange, StoreError, StoredAudit};

/// The most records of an answer.
const MAX_RECORDS: usize = 1_000;
/// The most records that are looked at for an answer; then it says where to go on.
const MAX_SCANNED: usize = 10_000;

/// A part of the audit log.
#[derive(Serialize)]
struct Part {
    records: Vec<AuditRecord>,
    /// The first and the last number of the whole log; 0 if it is empty.
    first: u64,
    last: u64,
    /// What `after` continues with; null at the end of the log.
    next: Option<u64>,
}

/// Which records are meant.
struct RecordSelection {
    limit: usize,
    since: Option<Timestamp>,
    who: Option<String>,
}

/// Read the audit log
///
/// The oldest records come first. `next` is what `after` continues with; without one the log ends here.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "readAudit", tag = "server",
    params(
        ("after" = Option<u64>, Query, description = "Only records with greater numbers"),
        ("last" = Option<u64>, Query, description = "Start this many records before the end", minimum = 1),
        ("limit" = Option<u64>, Query, description = "At most this many records", minimum = 1, maximum = 1000),
        ("since" = Option<String>, Query, description = "Only records from this time on (RFC 3339)", format = DateTime),
        ("who" = Option<String>, Query, description = "Only records whose `who` contains this text"),
    ),
    responses((status = 200, body = AuditAnswer), (status = 400, body = ErrorBody),
        (status = 409, description = "There is no audit log", body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    access.require_everything("GET /api/v1/audit")?;
    let params = Params::read(request.uri().query(), &["after", "last", "limit", "since", "who"], &[])?;
    let limit = params.number("limit", 1, MAX_RECORDS as u64)?.and_then(|limit| usize::try_from(limit).ok());
    let selection = RecordSelection {
        limit: limit.unwrap_or(MAX_RECORDS),
        since: params.get("since").map(time).transpose()?,
        who: params.get("who").map(str::to_lowercase),
    };
    let (after, last) = (params.number("after", 0, u64::MAX)?, params.number("last", 1, u64::MAX)?);

    let log = &access.app().audit;
    if !log.is_on() {
        let error = ApiError::new(StatusCode::CONFLICT, "audit_off", "this server keeps no audit log");
        return Err(error.hint("set monitoring.audit.enabled to true on the server"));
    }
    let part = read(&access, after, last, &selection).await?;
    Ok(reply::data(access.view().index(), &part))
}

fn time(text: &str) -> ApiResult<Timestamp> {
    text.parse().map_err(|_| invalid("since", text, "it is not a time", "write one as 2026-11-29T12:00:00Z"))
}

/// Reads pages until there is enough, or the log ends.
async fn read(access: &Access, after: Option<u64>, last: Option<u64>, selection: &RecordSelection) -> ApiResult<Part> {
    let log = &access.app().audit;
    let whole = log.read(AuditRange { after: 0, max: 0 }).await.map_err(|error| unreadable(&error))?;
    let from_end = last.map_or(0, |last| whole.last.saturating_sub(last));
    let mut after = after.unwrap_or_default().max(from_end).max(whole.first.saturating_sub(1));

    let mut part = Part { records: Vec::new(), first: whole.first, last: whole.last, next: None };
    for _ in 0..MAX_SCANNED / MAX_RECORDS {
        let page = log.read(AuditRange { after, max: MAX_RECORDS }).await.map_err(|error| unreadable(&error))?;
        part.last = page.last;
        if page.records.is_empty() {
            return Ok(part);
        }
        for stored in page.records {
            after = stored.number;
            let record = record(stored)?;
            if selection.contains(&record) {
                part.records.push(record);
            }
            if part.records.len() == selection.limit {
                part.next = Some(after).filter(|after| *after < part.last);
                return Ok(part);
            }
        }
    }
    part.next = Some(after).filter(|after| *after < part.last);
    Ok(part)
}

impl RecordSelection {
    fn contains(&self, record: &AuditRecord) -> bool {
        let AuditEntry { time, who, .. } = &record.entry;
        self.since.is_none_or(|since| *time >= since)
            && self.who.as_ref().is_none_or(|wanted| who.to_lowercase().contains(wanted))
    }
}

fn record(stored: StoredAudit) -> ApiResult<AuditRecord> {
    let StoredAudit { number, previous, hash, body } = stored;
    let entry = serde_json::from_slice(&body).map_err(|_| {
        let message = format!("record {number} of the audit log was changed: it can no longer be read");
        let error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "audit_damaged", message);
        error.hint("restore the database from a backup, and look for who can write its file")
    })?;
    Ok(AuditRecord { number, entry, previous, hash })
}

fn unreadable(error: &StoreError) -> ApiError {
    ApiError::unavailable("store_failed", format!("the audit log cannot be read: {error}")).hint(error.hint())
}
