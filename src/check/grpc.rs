//! Whether a gRPC server reports that it is serving (grpc.health.v1).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, Layer};
use super::tls::peer_failure_or_limit;
use super::{BuiltInCheck, findings, scale};
use crate::model::{Figures, Finding, Group};
use crate::net::http::h2_exchange;
use crate::net::{ConnectionError, Deadline};

findings! { Group::App;
    NOT_SERVING = "grpc-not-serving", cap 30, "The server's health check reports that it is not serving.",
        "check the service's log";
    UNKNOWN_SERVICE = "grpc-unknown-service", 15, cap 60, "The server's health check does not know the service, or the server has no health check.",
        "check the service name (--grpc-service), and that the server registers the health service";
    NO_H2 = "grpc-no-h2", cap 20, "The server does not negotiate h2 by ALPN, and gRPC clients refuse that.",
        "let the server offer h2 in ALPN";
    UNAUTHENTICATED = "grpc-unauthenticated", 15, cap 60, "The server's health check requires credentials, or different ones (UNAUTHENTICATED).",
        "configure credentials (--header 'Authorization: ...')";
    PERMISSION_DENIED = "grpc-permission-denied", 15, cap 60, "These credentials may not call the server's health check (PERMISSION_DENIED).",
        "configure other credentials (--header 'Authorization: ...')";
    UNAVAILABLE = "grpc-unavailable", cap 40, "The server is temporarily unavailable (UNAVAILABLE).",
        "check for maintenance or overload, and the backends of a proxy";
    INTERNAL = "grpc-internal", cap 30, "The server's health check reports an internal error (INTERNAL).",
        "check the service's log";
    UNEXPECTED_STATUS = "grpc-unexpected-status", 20, cap 60, "The server's health check fails with another gRPC status.",
        "check the service's log";
    INVALID = "grpc-invalid", cap 20, "The reply is not gRPC, or it breaks off.",
        "check that the port speaks gRPC, and whether it expects TLS";
    TIMEOUT = "grpc-timeout", cap 20, "The server's health check does not reply.",
        "check that the port speaks gRPC, and the service's log";
}

/// Evidence of a gRPC health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrpcObservation {
    /// The service; empty means the whole server.
    pub(crate) service: String,
    /// The response time, in microseconds.
    pub(crate) us: u64,
    #[serde(rename = "answer")]
    pub(crate) outcome: GrpcOutcome,
}

/// The result of a gRPC health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GrpcOutcome {
    Serving,
    /// The status that the server reports instead.
    NotServing(String),
    UnknownService,
    /// The server has no health service.
    Unimplemented,
    /// The server does not negotiate HTTP/2, which gRPC clients require inside TLS.
    NoH2,
    /// The call fails with this gRPC status and message.
    Status {
        code: u32,
        message: String,
    },
    /// The reply is not gRPC, or breaks off.
    Invalid(String),
    /// The request failed, for this reason. Only in evidence of earlier versions.
    Failed(String),
    TimedOut,
}

impl BuiltInCheck for GrpcObservation {
    /// Calls the health service once.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let service = target.spec.grpc_service.clone().unwrap_or_default();
        let start = Instant::now();
        let outcome = match call(target, &service, Deadline::after(context.timeout)).await {
            Ok(outcome) => outcome,
            Err(error) => match peer_failure_or_limit(error, target, context).await? {
                ConnectionError::TimedOut => GrpcOutcome::TimedOut,
                error => GrpcOutcome::Invalid(error.to_string()),
            },
        };

        Ok(Self { service, us: scale::micros(start.elapsed()), outcome })
    }

    fn findings(&self) -> Vec<Finding> {
        let service = if self.service.is_empty() { "the server" } else { &self.service };
        let finding = match &self.outcome {
            GrpcOutcome::Serving => None,
            GrpcOutcome::NotServing(status) => {
                Some(Finding::new(&NOT_SERVING, format!("health of {service}: {status}")))
            }
            GrpcOutcome::UnknownService => {
                Some(Finding::new(&UNKNOWN_SERVICE, format!("health of {service}: unknown service")))
            }
            GrpcOutcome::Unimplemented => Some(Finding::new(&UNKNOWN_SERVICE, "the server has no health service")),
            GrpcOutcome::NoH2 => Some(Finding::new(&NO_H2, "ALPN does not negotiate h2, and gRPC clients require it")),
            GrpcOutcome::Status { code, message } => Some(status_finding(service, *code, message)),
            GrpcOutcome::Invalid(cause) => Some(Finding::new(&INVALID, format!("health of {service}: {cause}"))),
            GrpcOutcome::Failed(cause) => Some(Finding::new(&TIMEOUT, format!("health of {service}: {cause}"))),
            GrpcOutcome::TimedOut => Some(Finding::new(&TIMEOUT, format!("health of {service}: no reply in time"))),
        };

        finding.into_iter().collect()
    }

    fn is_silent(&self) -> bool {
        self.outcome == GrpcOutcome::TimedOut
    }

    /// The time of the call includes that of its connection.
    fn add_figures(&self, figures: &mut Figures) {
        let before = figures.latency_us.name.unwrap_or(0);
        figures.latency_us.total = Some(self.us.saturating_add(before));
    }
}

/// Limit for the response: a health check's has 7 bytes.
const MAX_BYTES: usize = 4096;

async fn call(target: &CheckTarget, service: &str, deadline: Deadline) -> Result<GrpcOutcome, ConnectionError> {
    let connection = target.open(&[b"h2"], deadline).await?;
    if target.layer != Layer::Plain && connection.alpn.as_deref() != Some(b"h2") {
        return Ok(GrpcOutcome::NoH2);
    }

    let scheme = if target.layer == Layer::Plain { "http" } else { "https" };
    let headers = &target.spec.header;
    let host =
        headers.iter().find(|header| header.name == "host").map_or_else(|| target.host(), |host| host.value.clone());

    let mut request = http::Request::post(format!("{scheme}://{host}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("portolan/", env!("CARGO_PKG_VERSION")));
    for header in headers.iter().filter(|header| is_metadata(&header.name)) {
        request = request.header(&header.name, &header.value);
    }

    let request = request.body(health_request(service));
    let request = request.map_err(|_| ConnectionError::Declined("has a name that is invalid in a URL"))?;

    let reply = h2_exchange(connection.stream, request, MAX_BYTES, deadline).await?;
    // The status is a trailer, or a header if the response has no body.
    let mut headers = reply.trailers.iter().chain([&reply.fields]);
    let status = headers.clone().find_map(|fields| fields.get("grpc-status")).and_then(|value| value.to_str().ok());
    let message = headers.find_map(|fields| fields.get("grpc-message")).map(|value| decoded(value.as_bytes()));

    Ok(match status.map(str::parse::<u32>) {
        Some(Ok(0)) => serving_status(&reply.body),
        Some(Ok(4)) => GrpcOutcome::TimedOut,
        Some(Ok(5)) => GrpcOutcome::UnknownService,
        Some(Ok(12)) => GrpcOutcome::Unimplemented,
        Some(Ok(code)) => GrpcOutcome::Status { code, message: message.unwrap_or_default() },
        Some(Err(_)) => GrpcOutcome::Invalid("the gRPC status is not a number".to_owned()),
        None if reply.status != http::StatusCode::OK => of_http_status(reply.status.as_u16()),
        None if !reply.whole && deadline.is_over() => GrpcOutcome::TimedOut,
        None => GrpcOutcome::Invalid("the reply has no gRPC status".to_owned()),
    })
}

/// The meaning of an HTTP status without a gRPC status, as proxies send it (gRPC's "HTTP to gRPC Status Code Mapping").
fn of_http_status(status: u16) -> GrpcOutcome {
    let code = match status {
        401 => 16,
        403 => 7,
        429 | 502..=504 => 14,
        _ => return GrpcOutcome::Invalid(format!("HTTP status {status} without a gRPC status")),
    };
    GrpcOutcome::Status { code, message: format!("HTTP status {status}") }
}

/// A status message, which travels percent-encoded (gRPC over HTTP/2, "Responses"), at most 200 characters.
fn decoded(message: &[u8]) -> String {
    const MAX_CHARS: usize = 200;

    let mut bytes = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        // A percent sign without digits stands for itself.
        let byte =
            digits.filter(|digits| !digits.starts_with('+')).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).chars().take(MAX_CHARS).collect()
}

fn status_finding(service: &str, code: u32, message: &str) -> Finding {
    let kind = match code {
        7 => &PERMISSION_DENIED,
        13 => &INTERNAL,
        14 => &UNAVAILABLE,
        16 => &UNAUTHENTICATED,
        _ => &UNEXPECTED_STATUS,
    };
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    Finding::new(kind, format!("health of {service}: {}{message}", status_name(code)))
}

/// The name of a gRPC status.
fn status_name(code: u32) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));

    name.map_or_else(|| format!("status {code}"), |name| (*name).to_owned())
}

/// Whether a custom header may be sent as metadata: not if it belongs to HTTP/2 or to gRPC itself.
fn is_metadata(name: &str) -> bool {
    const RESERVED: [&str; 10] = [
        "host",
        "content-type",
        "content-length",
        "te",
        "user-agent",
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    !RESERVED.contains(&name) && !name.starts_with("grpc-")
}

/// A HealthCheckRequest as one uncompressed message. Field 1 is the name of the service.
fn health_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap_or(0));
        message.extend_from_slice(service.as_bytes());
    }

    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend(message);
    frame.into()
}

/// The ServingStatus of a HealthCheckResponse: field 1, which is 0 if absent.
pub(super) fn serving_status(body: &[u8]) -> GrpcOutcome {
    let status = match body {
        [0, 0, 0, 0, 0] => 0,
        [0, 0, 0, 0, length, 0x08, status, ..] if *length >= 2 => *status,
        _ => return GrpcOutcome::Invalid("the reply is not a HealthCheckResponse".to_owned()),
    };

    match status {
        1 => GrpcOutcome::Serving,
        2 => GrpcOutcome::NotServing("NOT_SERVING".to_owned()),
        3 => GrpcOutcome::UnknownService,
        _ => GrpcOutcome::NotServing("UNKNOWN".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    #[test]
    fn outcomes_map_to_findings() {
        for (outcome, code) in [
            (GrpcOutcome::Serving, None),
            (GrpcOutcome::NotServing("NOT_SERVING".into()), Some("grpc-not-serving")),
            (GrpcOutcome::UnknownService, Some("grpc-unknown-service")),
            (GrpcOutcome::Unimplemented, Some("grpc-unknown-service")),
            (GrpcOutcome::NoH2, Some("grpc-no-h2")),
            (GrpcOutcome::TimedOut, Some("grpc-timeout")),
            (GrpcOutcome::Failed("it is HTTP/1.1".into()), Some("grpc-timeout")),
            (GrpcOutcome::Invalid("it is HTTP/1.1".into()), Some("grpc-invalid")),
            (of_http_status(401), Some("grpc-unauthenticated")),
            (of_http_status(503), Some("grpc-unavailable")),
            (of_http_status(404), Some("grpc-invalid")),
            (GrpcOutcome::Status { code: 99, message: String::new() }, Some("grpc-unexpected-status")),
        ] {
            let observation = GrpcObservation { service: "shop".into(), us: 1, outcome };
            assert_eq!(codes(&observation).first().copied(), code, "{observation:?}");
        }
    }

    /// X7: a status message is decoded before anyone reads it.
    #[test]
    fn status_messages_are_decoded() {
        for (sent, read) in [
            ("", ""),
            ("plain", "plain"),
            ("caf%C3%A9", "café"),
            ("a%20b%0Ac", "a b\nc"),
            ("100%", "100%"),
            ("%zz %4", "%zz %4"),
            ("%+1", "%+1"),
            ("%25%32%35", "%25"),
            ("%FF", "\u{fffd}"),
        ] {
            assert_eq!(decoded(sent.as_bytes()), read, "{sent}");
        }
        assert_eq!(decoded("%41".repeat(1000).as_bytes()), "A".repeat(200));
    }
}
