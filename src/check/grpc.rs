//! Whether a gRPC server reports that it is serving (grpc.health.v1).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peer_failure};
use super::{BuiltInCheck, findings, scale};
use crate::model::{Figures, Finding, Group};
use crate::net::http::h2_exchange;
use crate::net::{ConnectionError, Deadline};

findings! { Group::App;
    NOT_SERVING = "grpc-not-serving", cap 30, "The server's health check reports that it is not serving.",
        "check the service's log";
    UNKNOWN_SERVICE = "grpc-unknown-service", 15, cap 60, "The server's health check does not know the service, or the server has no health check.",
        "check the service name (--grpc-service), and that the server registers the health service";
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
    /// The request failed, for this reason.
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
            Err(error) => match peer_failure(error)? {
                ConnectionError::TimedOut => GrpcOutcome::TimedOut,
                error => GrpcOutcome::Failed(error.to_string()),
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
    let message = headers.find_map(|fields| fields.get("grpc-message")).and_then(|value| value.to_str().ok());

    Ok(match status {
        Some("0") => serving_status(&reply.body),
        Some("4") => GrpcOutcome::TimedOut,
        Some("5") => GrpcOutcome::UnknownService,
        Some("12") => GrpcOutcome::Unimplemented,
        Some(code) => GrpcOutcome::Failed(format!("gRPC status {code}: {}", message.unwrap_or_default())),
        None if reply.status != http::StatusCode::OK => {
            GrpcOutcome::Failed(format!("HTTP status {}", reply.status.as_u16()))
        }
        None => GrpcOutcome::Failed("the reply has no gRPC status".to_owned()),
    })
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
        _ => return GrpcOutcome::Failed("the reply is not a HealthCheckResponse".to_owned()),
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
            (GrpcOutcome::TimedOut, Some("grpc-timeout")),
            (GrpcOutcome::Failed("it is HTTP/1.1".into()), Some("grpc-timeout")),
        ] {
            let observation = GrpcObservation { service: "shop".into(), us: 1, outcome };
            assert_eq!(codes(&observation).first().copied(), code, "{observation:?}");
        }
    }
}
