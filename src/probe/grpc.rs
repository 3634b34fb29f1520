//! gRPC: HTTP/2 with prior knowledge, and the health service that most servers have (grpc.io, "GRPC Health Checking
//! Protocol").

use bytes::Bytes;
use http::Request;

use super::{PortTarget, Probe, ProbeFuture, ServerBytes, Talk};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};
use crate::net::ConnectionError;
use crate::net::http::{H2Answer, h2_exchange};

/// gRPC, or plain HTTP/2 without TLS.
pub(super) struct Grpc;

/// The preface of HTTP/2 with prior knowledge, and empty settings (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// An empty uncompressed message: requests the health of the whole server.
const EMPTY: &[u8] = &[0; 5];
/// The longest health response that is read.
const MAX_BYTES: usize = 1024;

impl Probe for Grpc {
    fn protocol(&self) -> &'static str {
        "grpc"
    }

    fn ports(&self) -> &'static [u16] {
        &[50051]
    }

    fn likelihood(&self) -> u8 {
        // A server that only speaks HTTP/2 may close the connection on HTTP/1.
        3
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(PREFACE.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // A server that only speaks HTTP/2 starts with SETTINGS on stream 0 (RFC 9113, 3.4), whatever the request.
        let [0, 0, length, 4, 0, 0, 0, 0, 0, ..] = received.bytes else { return None };
        let is_settings = received.transport == Transport::Tcp && length % 6 == 0;
        is_settings.then(|| Identity::of("http").fact("http_version", "2"))
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(check(talk))
    }
}

/// Requests the health of the server.
pub(super) async fn check(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let target = talk.target();
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    let uri = format!("{scheme}://{}/grpc.health.v1.Health/Check", target.authority());
    let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    let request = request.body(Bytes::from_static(EMPTY));
    let request = request.map_err(|_| ConnectionError::Garbled("has a name that is invalid in a URL"))?;

    let (stream, deadline) = talk.stream();
    let response = h2_exchange(stream, request, MAX_BYTES, deadline).await?;
    Ok(Some(identity(&response)))
}

fn identity(response: &H2Answer) -> Identity {
    let status = field(response, "grpc-status");
    let server = field(response, "server");
    let is_grpc = field(response, "content-type").is_some_and(|kind| kind.as_raw().starts_with("application/grpc"));
    if status.is_none() && !is_grpc {
        return Identity::of("http")
            .fact("http_version", "2")
            .fact("status", response.status.as_u16())
            .fact_if("server", server);
    }

    // HealthCheckResponse: field 1 is the status, an enumeration.
    let health = match response.body.as_slice() {
        [0, 0, 0, 0, 2, 0x08, 1, ..] => Some("serving"),
        [0, 0, 0, 0, 2, 0x08, 2, ..] => Some("not-serving"),
        [0, 0, 0, 0, ..] => Some("unknown"),
        _ => None,
    };

    let status = status.and_then(|status| status.as_raw().parse::<i64>().ok());
    Identity::of("grpc").fact_if("health", health).fact_if("grpc_status", status).fact_if("server", server)
}

/// A trailer, or the header of that name.
fn field(response: &H2Answer, name: &str) -> Option<Untrusted> {
    let trailer = response.trailers.as_ref().and_then(|trailers| trailers.get(name));
    trailer.or_else(|| response.fields.get(name)).map(|value| Untrusted::from_bytes(value.as_bytes()))
}
