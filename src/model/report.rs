//! The result of a check.

use super::Finding;

/// The result of one check at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The name of the check: `tcp`.
    pub check: &'static str,
    /// Whether it ran.
    pub ran: CheckStatus,
    /// Problems found; empty if there are none or the check did not run.
    pub findings: Vec<Finding>,
}

/// Whether a check ran at its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckStatus {
    /// It ran.
    Yes,
    /// It does not apply or was not requested.
    NotWanted,
    /// It was requested and could not run, for a local reason that is never the endpoint's fault. The text says why.
    Hindered(String),
}
