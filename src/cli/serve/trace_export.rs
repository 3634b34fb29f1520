//! Whether and where the server exports its spans.

use super::given::GivenValues;
use super::values::{flag, number, wrong};
use crate::error::Result;
use crate::net::registry_http::RegistryAddress;

/// Where spans go.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only the exporter reads it"))]
pub(super) struct TraceExport {
    /// The OTLP address of a collector, without `/v1/traces`.
    pub(super) endpoint: String,
    /// The same, parsed.
    pub(super) address: RegistryAddress,
    /// The share of the traces that are exported, unless a client decides.
    pub(super) sample_percent: u8,
}

const ENDPOINT: &str = "monitoring.tracing.endpoint";
/// The address of a collector on this machine (OTLP over HTTP).
const LOCAL_COLLECTOR: &str = "http://127.0.0.1:4318";

/// An endpoint turns the export on; `enabled` alone exports to this machine.
///
/// # Errors
/// The endpoint is not a URL.
pub(super) fn choose(given: &GivenValues, off: &mut Vec<String>) -> Result<Option<TraceExport>> {
    let enabled = given.get("monitoring.tracing.enabled").map(|_| flag(given, "monitoring.tracing.enabled"));
    let endpoint = given.text(ENDPOINT);
    if !enabled.unwrap_or(endpoint.is_some()) {
        return Ok(None);
    }
    if endpoint.is_none() && given.get("monitoring.tracing.jaeger_endpoint").is_some() {
        off.push(
            "trace export (Jaeger's own protocol is not supported: set monitoring.tracing.endpoint to its OTLP address, \
             as in http://jaeger:4318)"
                .to_owned(),
        );
        return Ok(None);
    }

    let endpoint = endpoint.unwrap_or(LOCAL_COLLECTOR).trim_end_matches('/');
    let endpoint = endpoint.strip_suffix("/v1/traces").unwrap_or(endpoint).to_owned();
    let address: RegistryAddress = endpoint
        .parse()
        .map_err(|error: crate::model::ParseError| wrong(given, ENDPOINT, &error.to_string(), error.hint()))?;
    if cfg!(not(feature = "otel")) {
        off.push("trace export (this portolan was built without the feature otel)".to_owned());
        return Ok(None);
    }

    let percent = number(given, "monitoring.tracing.sample_percent").and_then(|percent| u8::try_from(percent).ok());
    Ok(Some(TraceExport { endpoint, address, sample_percent: percent.unwrap_or(100) }))
}
