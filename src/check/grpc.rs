//! Whether a gRPC server says that it is serving, by the health protocol (grpc.health.v1).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peers_fault};
use super::{findings, scale};
use crate::model::{Finding, Group};
use crate::net::http::h2_exchange;
use crate::net::{ConnectionError, Deadline};

findings! { Group::App;
    NOT_SERVING = "grpc-not-serving", cap 30, "The server's own health check says that it is not serving.",
        "look at the service's own log";
    UNKNOWN_SERVICE = "grpc-unknown-service", 15, cap 60, "The server's health check does not know the service, or there is none.",
        "look at the service's name (--grpc-service), and whether the server registers its health";
    TIMEOUT = "grpc-timeout", cap 20, "The server's health check does not answer.",
        "look whether gRPC is spoken on that port, and at the service's own log";
}

/// What asking for the health of a service showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// The service; empty asks for the server as a whole.
    pub(crate) service: String,
    /// How long the answer took, in microseconds.
    pub(crate) us: u64,
    pub(crate) answer: GrpcOutcome,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GrpcOutcome {
    /// It is serving.
    Serving,
    /// It is not; the text is its word for that.
    NotServing(String),
    /// It does not know such a service.
    UnknownService,
    /// It has no health check.
    Unimplemented,
    /// It failed to say; the text says how.
    Failed(String),
    /// Nothing.
    TimedOut,
}

/// Asks once.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let service = aim.ask.grpc_service.clone().unwrap_or_default();
    let begun = Instant::now();
    let answer = match ask(aim, &service, Deadline::after(kit.timeout)).await {
        Ok(answer) => answer,
        Err(error) => match peers_fault(error)? {
            ConnectionError::TimedOut => GrpcOutcome::TimedOut,
            error => GrpcOutcome::Failed(error.to_string()),
        },
    };
    Ok(Observation { service, us: scale::micros(begun.elapsed()), answer })
}

/// The longest answer that is read: a health check's has 7 bytes.
const MAX_BYTES: usize = 4096;

async fn ask(aim: &CheckTarget, service: &str, deadline: Deadline) -> Result<GrpcOutcome, ConnectionError> {
    let line = aim.line(&[b"h2"], deadline).await?;
    let scheme = if aim.layer == Layer::Plain { "http" } else { "https" };
    let request = http::Request::post(format!("{scheme}://{}/grpc.health.v1.Health/Check", aim.host()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("portolan/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|_| ConnectionError::Declined("cannot be asked by that name"))?;
    let answer = h2_exchange(line.stream, request, Some(question(service)), MAX_BYTES, deadline).await?;
    let field = |name: &str| answer.trailers.iter().chain([&answer.fields]).find_map(|fields| fields.get(name));
    let text = |name: &str| field(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    Ok(match text("grpc-status").as_deref() {
        Some("0") => meaning(&answer.body),
        Some("4") => GrpcOutcome::TimedOut,
        Some("5") => GrpcOutcome::UnknownService,
        Some("12") => GrpcOutcome::Unimplemented,
        Some(code) => GrpcOutcome::Failed(format!("gRPC status {code}: {}", text("grpc-message").unwrap_or_default())),
        None if answer.status != http::StatusCode::OK => {
            GrpcOutcome::Failed(format!("HTTP status {}", answer.status.as_u16()))
        }
        None => GrpcOutcome::Failed("the answer has no gRPC status".to_owned()),
    })
}

/// A HealthCheckRequest, whose field 1 is the service's name, as one uncompressed message.
fn question(service: &str) -> Bytes {
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

/// What a HealthCheckResponse says, whose field 1 is a ServingStatus; left out it is 0.
pub(super) fn meaning(body: &[u8]) -> GrpcOutcome {
    let status = match body {
        [0, 0, 0, 0, 0] => 0,
        [0, 0, 0, 0, length, 0x08, status, ..] if *length >= 2 => *status,
        _ => return GrpcOutcome::Failed("the answer is no HealthCheckResponse".to_owned()),
    };
    match status {
        1 => GrpcOutcome::Serving,
        2 => GrpcOutcome::NotServing("NOT_SERVING".to_owned()),
        3 => GrpcOutcome::UnknownService,
        _ => GrpcOutcome::NotServing("UNKNOWN".to_owned()),
    }
}

impl Observation {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let service = if self.service.is_empty() { "the server" } else { &self.service };
        let finding = match &self.answer {
            GrpcOutcome::Serving => None,
            GrpcOutcome::NotServing(word) => Some(Finding::new(&NOT_SERVING, format!("health of {service}: {word}"))),
            GrpcOutcome::UnknownService => {
                Some(Finding::new(&UNKNOWN_SERVICE, format!("health of {service}: no such service")))
            }
            GrpcOutcome::Unimplemented => Some(Finding::new(&UNKNOWN_SERVICE, "the server has no health service")),
            GrpcOutcome::Failed(why) => Some(Finding::new(&TIMEOUT, format!("health of {service}: {why}"))),
            GrpcOutcome::TimedOut => Some(Finding::new(&TIMEOUT, format!("health of {service}: no answer in time"))),
        };
        finding.into_iter().collect()
    }

    /// Whether no answer came at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answer == GrpcOutcome::TimedOut
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    #[test]
    fn answers_by_their_meaning() {
        let judged = |answer| codes(&Observation { service: "shop".into(), us: 1, answer }.judge());
        assert_eq!(judged(GrpcOutcome::Serving), [""; 0]);
        assert_eq!(judged(GrpcOutcome::NotServing("NOT_SERVING".into())), ["grpc-not-serving"]);
        assert_eq!(judged(GrpcOutcome::UnknownService), ["grpc-unknown-service"]);
        assert_eq!(judged(GrpcOutcome::Unimplemented), ["grpc-unknown-service"]);
        assert_eq!(judged(GrpcOutcome::TimedOut), ["grpc-timeout"]);
        assert_eq!(judged(GrpcOutcome::Failed("it is HTTP/1.1".into())), ["grpc-timeout"]);
    }
}
