//! A copy of the database of one server, made while it is used.

use std::fs::File;
use std::io::{self, Read};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream::try_unfold;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::error::plain;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::params::Params;
use crate::store::StoreError;

/// How much is read from the copy at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Download a backup of the database
///
/// The database as it is at one moment, as a SQLite file; writes go on meanwhile. Only of a server with a file of its own.
#[utoipa::path(get, path = "/api/v1/backup", operation_id = "downloadBackup", tag = "server",
    responses((status = 200, content_type = "application/vnd.sqlite3", body = Vec<u8>), (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    Params::read(request.uri().query(), &[], &[])?;
    access.require_everything("GET /api/v1/backup")?;
    let store = access.app().probe.store();

    let (file, bytes) = spawn_blocking(move || {
        let file = store.snapshot().map_err(refused)?;
        let bytes = file.metadata().map_err(|error| failed(&plain(&error)))?.len();
        ApiResult::Ok((file, bytes))
    })
    .await
    .map_err(|_| failed("the copy was interrupted"))??;

    access.note("back_up", "", &format!("{bytes} bytes"));
    info!(bytes, caller = access.caller_name(), "backup made");
    let mut response = Response::new(Body::from_stream(try_unfold(file, next_chunk)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3"));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(response)
}

async fn next_chunk(file: File) -> io::Result<Option<(Bytes, File)>> {
    let read = spawn_blocking(move || {
        let (mut file, mut chunk) = (file, vec![0; CHUNK_BYTES]);
        let length = file.read(&mut chunk)?;
        chunk.truncate(length);
        io::Result::Ok((chunk, file))
    });
    let (chunk, file) = read.await.map_err(io::Error::other)??;
    Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), file)))
}

fn refused(error: StoreError) -> ApiError {
    match error {
        StoreError::NoFiles => {
            let why = "the server has no database file of its own";
            let error = ApiError::new(StatusCode::CONFLICT, "no_database_file", why);
            error.hint(
                "`portolan db backup FILE --database postgresql://...` backs up PostgreSQL; a registry in memory has no backup",
            )
        }
        error => failed(&error.to_string()).hint(error.hint()),
    }
}

fn failed(why: &str) -> ApiError {
    ApiError::unavailable("backup_failed", why.to_owned())
}
