//! How many endpoints each filter left, and the error if none is left.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::Error;
use crate::model::PartialError;

/// How many endpoints of a service each step left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EndpointCounts {
    /// All that have the name.
    pub named: usize,
    /// Those of them that match the version.
    pub matching_version: usize,
    /// Those of them that have all tags.
    pub matching_tags: usize,
    /// Those of them that have the metadata.
    pub matching_metadata: usize,
    /// Those of them that are ready, up and not found unhealthy.
    pub usable: usize,
    /// How many of the usable ones get no calls, because their calls failed.
    pub breaker_open: usize,
    /// How many versions could not be compared with a range, because they are not semantic versions. They do not match.
    pub unreadable_versions: usize,
}

impl fmt::Display for EndpointCounts {
    /// `4 registered, 4 usable`: the steps that dropped something, and those at the ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} registered", self.named)?;

        let steps = [
            (self.named, self.matching_version, "of that version"),
            (self.matching_version, self.matching_tags, "with the tags"),
            (self.matching_tags, self.matching_metadata, "with the metadata"),
        ];
        for (before, after, step) in steps {
            if after < before {
                write!(f, ", {after} {step}")?;
            }
        }
        if self.unreadable_versions > 0 {
            write!(f, " ({} without a semantic version)", self.unreadable_versions)?;
        }
        write!(f, ", {} usable", self.usable)?;

        if self.breaker_open > 0 {
            write!(f, ", {} left out after failed calls", self.breaker_open)?;
        }
        Ok(())
    }
}

/// Why there is no endpoint for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickError {
    /// The registry has not replied yet; [`Resolver::pick`](super::Resolver::pick) waits for it.
    NotReady {
        /// The service.
        service: Arc<str>,
    },
    /// The registry never replied. It is asked again in the background.
    Unavailable {
        /// The service.
        service: Arc<str>,
        /// What failed.
        error: Arc<PartialError>,
    },
    /// No endpoint of the service is left.
    NoEndpoint {
        /// The service.
        service: Arc<str>,
        /// What each filter left.
        counts: EndpointCounts,
        /// Whether the registry is unreachable, so that the counts may be out of date.
        is_stale: bool,
    },
}

impl fmt::Display for PickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady { service } => write!(f, "the endpoints of {service} are not known yet"),
            Self::Unavailable { service, error } => {
                write!(f, "cannot resolve {service}: cannot {}: {}", error.operation, error.cause)
            }
            Self::NoEndpoint { service, counts, is_stale } => {
                let age = if *is_stale { "; the registry is unreachable, this is its last reply" } else { "" };
                write!(f, "no endpoint of {service}: {counts}{age}")
            }
        }
    }
}

impl std::error::Error for PickError {}

impl From<PickError> for Error {
    fn from(error: PickError) -> Self {
        match error {
            PickError::NotReady { service } => Self::TimedOut {
                what: format!("resolve {service}"),
                why: "the registry has not replied yet".to_owned(),
                hint: "wait with `pick`".to_owned(),
            },
            PickError::Unavailable { service, error } => Self::Connection {
                what: format!("resolve {service}"),
                why: format!("cannot {}: {}", error.operation, error.cause),
                hint: error.hint.clone(),
            },
            PickError::NoEndpoint { ref service, ref counts, .. } => Self::NotFound {
                what: format!("an endpoint of {service}"),
                why: counts.to_string(),
                hint: hint_of(counts).to_owned(),
            },
        }
    }
}

/// What to try, by the first step that left nothing.
fn hint_of(counts: &EndpointCounts) -> &'static str {
    match counts {
        EndpointCounts { named: 0, .. } => "`portolan services list` shows the names of services",
        EndpointCounts { matching_version: 0, .. } => "request another version, as in ^1.2",
        EndpointCounts { matching_tags: 0, .. } => "an instance must have all of the tags; leave one out",
        EndpointCounts { matching_metadata: 0, .. } => "an instance must have all of the metadata; leave one out",
        _ => {
            "`portolan services get NAME` shows which are unhealthy or draining; --on-all-unhealthy all uses them all the same"
        }
    }
}
