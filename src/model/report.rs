//! What a check says of an endpoint.

use super::Finding;

/// What one check found at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The check's word: `tcp`.
    pub check: &'static str,
    /// Whether it looked.
    pub ran: CheckStatus,
    /// What is wrong; empty where all is well or nothing could be looked at.
    pub findings: Vec<Finding>,
}

/// Whether a check looked at its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckStatus {
    /// It did, and its findings are all that it found.
    Yes,
    /// It does not apply, or nobody wants it.
    NotWanted,
    /// It is wanted and could not: something on this side was in the way, never the endpoint. The text says what.
    Hindered(String),
}
