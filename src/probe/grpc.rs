//! gRPC: HTTP/2 with prior knowledge, and the health service that most servers have (grpc.io, "GRPC Health Checking
//! Protocol").

use bytes::Bytes;
use http::Request;

use super::http::Page;
use super::{Probe, ServerBytes, Speaking, Talk};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};
use crate::net::ConnectionError;
use crate::net::http::{H2Answer, h2_exchange};

/// gRPC, or else plain HTTP/2 in the clear.
pub(super) struct Grpc;

/// A message of no bytes, not compressed: the health of the whole server.
const EMPTY: &[u8] = &[0; 5];
/// A health answer has a few bytes.
const MAX_BYTES: usize = 1024;

impl Probe for Grpc {
    fn word(&self) -> &'static str {
        "grpc"
    }

    fn ports(&self) -> &'static [u16] {
        &[50051]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        // A server that only has HTTP/2 begins with SETTINGS on stream 0 (RFC 9113, 3.4), whatever it was asked.
        let [0, 0, length, 4, 0, 0, 0, 0, 0, ..] = said.bytes else { return None };
        (said.transport == Transport::Tcp && length % 6 == 0).then(|| Identity::of("http").fact("http_version", "2"))
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> Speaking<'a> {
        Box::pin(check(talk))
    }
}

/// Whether a page comes from a gRPC server that was asked for a web page.
pub(super) fn is_grpc(page: &Page) -> bool {
    page.field("grpc-status").is_some() || page.field_begins("content-type", "application/grpc")
}

/// Asks for the server's health.
pub(super) async fn check(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let asked = talk.asked();
    let scheme = if asked.inside.is_some() { "https" } else { "http" };
    let target = format!("{scheme}://{}/grpc.health.v1.Health/Check", asked.authority());
    let request = Request::post(target).header("content-type", "application/grpc").header("te", "trailers").body(());
    let request = request.map_err(|_| ConnectionError::Garbled("has no name to ask for"))?;
    let (stream, deadline) = talk.stream();
    let answer = h2_exchange(stream, request, Some(Bytes::from_static(EMPTY)), MAX_BYTES, deadline).await?;
    Ok(Some(identity(&answer)))
}

fn identity(answer: &H2Answer) -> Identity {
    let field = |name: &str| {
        let trailer = answer.trailers.as_ref().and_then(|trailers| trailers.get(name));
        trailer.or_else(|| answer.fields.get(name)).map(|value| Untrusted::from_bytes(value.as_bytes()))
    };
    let status = field("grpc-status");
    let spoken = field("content-type").is_some_and(|kind| kind.as_raw().starts_with("application/grpc"));
    if status.is_none() && !spoken {
        let server = field("server");
        return Identity::of("http")
            .fact("http_version", "2")
            .fact("status", answer.status.as_u16())
            .fact_if("server", server);
    }
    // HealthCheckResponse: field 1 is the status, an enumeration.
    let health = match answer.body.as_slice() {
        [0, 0, 0, 0, 2, 0x08, 1, ..] => Some("serving"),
        [0, 0, 0, 0, 2, 0x08, 2, ..] => Some("not-serving"),
        [0, 0, 0, 0, ..] => Some("unknown"),
        _ => None,
    };
    let status = status.and_then(|status| status.as_raw().parse::<i64>().ok());
    Identity::of("grpc").fact_if("health", health).fact_if("grpc_status", status).fact_if("server", field("server"))
}
