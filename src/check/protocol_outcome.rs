//! What a health check in the server's own protocol found, as the evidence stores it.

use serde::{Deserialize, Serialize};

/// The result of a health check in the server's own protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProtocolOutcome {
    #[serde(rename = "well")]
    Healthy,
    /// Unhealthy, for this reason.
    #[serde(rename = "unwell")]
    Unhealthy(String),
    TimedOut,
}
