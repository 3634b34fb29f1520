//! Why a command was refused.

use std::sync::Arc;

use crate::model::Problem;

/// Why a command was refused. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The registration is invalid.
    #[error("{0}")]
    Invalid(Problem),
    /// No instance has this id. It was never registered, or it was removed.
    #[error("no instance has the id {id}")]
    UnknownInstance {
        /// The id.
        id: Arc<str>,
    },
    /// The id belongs to another generation by now.
    #[error("the instance {id} was removed and registered again: generation {given} is over, {current} is current")]
    StaleGeneration {
        /// The id.
        id: Arc<str>,
        /// The generation of the command.
        given: u64,
        /// The current one.
        current: u64,
    },
    /// The id belongs to an instance of another service.
    #[error("the id {id} belongs to an instance of {service}")]
    IdTaken {
        /// The id.
        id: Arc<str>,
        /// `NAMESPACE/NAME` of the service that it belongs to.
        service: Arc<str>,
    },
    /// The service has as many instances as are allowed.
    #[error("{service} has {limit} instances, which is the limit")]
    InstanceLimit {
        /// `NAMESPACE/NAME` of the service.
        service: Arc<str>,
        /// The limit.
        limit: usize,
    },
    /// The registry has as many instances as are allowed.
    #[error("the registry has {limit} instances, which is the limit")]
    RegistryFull {
        /// The limit.
        limit: usize,
    },
    /// The instance has no check by report with this id.
    #[error("the instance {id} has no check {check} that reports itself")]
    UnknownReport {
        /// The id.
        id: Arc<str>,
        /// The id of the check.
        check: Arc<str>,
    },
    /// The registration has no such check.
    #[error("the instance {id} has {checks} checks, none of them at position {check}")]
    UnknownCheck {
        /// The id.
        id: Arc<str>,
        /// The position of the command.
        check: usize,
        /// The number of checks.
        checks: usize,
    },
}

impl Rejected {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::UnknownInstance { .. } => "unknown_instance",
            Self::StaleGeneration { .. } => "stale_generation",
            Self::IdTaken { .. } => "id_taken",
            Self::InstanceLimit { .. } => "instance_limit",
            Self::RegistryFull { .. } => "registry_full",
            Self::UnknownCheck { .. } | Self::UnknownReport { .. } => "unknown_check",
        }
    }

    /// What to try.
    pub fn hint(&self) -> &str {
        match self {
            Self::Invalid(problem) => &problem.hint,
            Self::UnknownInstance { .. } | Self::StaleGeneration { .. } => "register the instance again",
            Self::IdTaken { .. } => "use another id, best a new UUID, or deregister the other instance first",
            Self::InstanceLimit { .. } => "deregister instances that are gone, or raise the limit of the server",
            Self::RegistryFull { .. } => "deregister instances that are gone, or raise the limit of the server",
            Self::UnknownReport { .. } => "register the check with a TTL",
            Self::UnknownCheck { .. } => "give the position of a check, counted from 0",
        }
    }

    /// The field of the registration, if it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid(problem) => Some(problem.field.as_str()).filter(|field| !field.is_empty()),
            Self::IdTaken { .. } => Some("id"),
            Self::InstanceLimit { .. } => Some("name"),
            _ => None,
        }
    }
}

impl From<Problem> for Rejected {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
    }
}
