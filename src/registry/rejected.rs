//! Why a command was refused.

use std::sync::Arc;

use crate::model::Problem;

/// Why a command was refused. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandRejection {
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
    /// The instance is imported from another registry.
    #[error("the instance {id} is imported from {from}, and read-only here")]
    Imported {
        /// The id.
        id: Arc<str>,
        /// The name of the import.
        from: Arc<str>,
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
    #[error("the instance {id} has no TTL check {check}")]
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
    /// No configuration has this name.
    #[error("there is no configuration {name}")]
    UnknownConfig {
        /// The name.
        name: Arc<str>,
    },
    /// The configuration has no such version, or the version has no value.
    #[error("the configuration {name} has no version {version} to go back to; the newest is {newest}")]
    UnknownConfigVersion {
        /// The name.
        name: Arc<str>,
        /// The version of the command.
        version: u64,
        /// The newest version.
        newest: u64,
    },
    /// The configuration was changed meanwhile.
    #[error("{}", conflict(name, *expected, *current))]
    ConfigConflict {
        /// The name.
        name: Arc<str>,
        /// The version of the command; 0 means that there is none.
        expected: u64,
        /// The current one; 0 if there is none.
        current: u64,
    },
    /// There are as many configurations as are allowed.
    #[error("there are {limit} configurations, which is the limit")]
    ConfigLimit {
        /// The limit.
        limit: usize,
    },
    /// All configurations together are as long as is allowed.
    #[error("all configurations together would have more than {limit} bytes")]
    ConfigSpace {
        /// The limit.
        limit: usize,
    },
    /// No service has this name.
    #[error("no service has the name {service}")]
    UnknownService {
        /// `NAMESPACE/NAME`.
        service: Arc<str>,
    },
    /// No instance of the service is one that traffic is to be moved to.
    #[error("no instance of {service} has the {to}")]
    NoTarget {
        /// `NAMESPACE/NAME` of the service.
        service: Arc<str>,
        /// The version or the tag.
        to: String,
        /// What to write instead, if it can be guessed.
        hint: String,
    },
    /// The service moves its traffic already.
    #[error("the traffic of {service} is being shifted")]
    ShiftActive {
        /// `NAMESPACE/NAME` of the service.
        service: Arc<str>,
    },
    /// The service moves no traffic.
    #[error("the traffic of {service} is not being shifted")]
    NoShift {
        /// `NAMESPACE/NAME` of the service.
        service: Arc<str>,
    },
    /// As many services have rules for their traffic as are allowed.
    #[error("{limit} services have rules for their traffic, which is the limit")]
    TrafficLimit {
        /// The limit.
        limit: usize,
    },
    /// No agent reports of this host.
    #[error("no agent reports on a host {host}")]
    UnknownHost {
        /// The name of the host.
        host: Arc<str>,
    },
    /// Agents report of as many hosts as are allowed.
    #[error("agents report on {limit} hosts, which is the limit")]
    HostLimit {
        /// The limit.
        limit: usize,
    },
    /// All findings together are as long as is allowed.
    #[error("the findings of all hosts together would have more than {limit} bytes")]
    DriftSpace {
        /// The limit.
        limit: usize,
    },
}

fn conflict(name: &str, expected: u64, current: u64) -> String {
    match (expected, current) {
        (_, 0) => format!("there is no configuration {name}, but version {expected} is expected"),
        (0, current) => format!("the configuration {name} exists already, with version {current}"),
        _ => format!("the configuration {name} has version {current}, not {expected}"),
    }
}

impl CommandRejection {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::UnknownInstance { .. } => "unknown_instance",
            Self::StaleGeneration { .. } => "stale_generation",
            Self::IdTaken { .. } => "id_taken",
            Self::Imported { .. } => "imported",
            Self::InstanceLimit { .. } => "instance_limit",
            Self::RegistryFull { .. } => "registry_full",
            Self::UnknownCheck { .. } | Self::UnknownReport { .. } => "unknown_check",
            Self::UnknownConfig { .. } => "unknown_config",
            Self::UnknownConfigVersion { .. } => "unknown_version",
            Self::ConfigConflict { .. } => "version_conflict",
            Self::ConfigLimit { .. } | Self::ConfigSpace { .. } => "config_limit",
            Self::UnknownService { .. } => "unknown_service",
            Self::NoTarget { .. } => "no_target",
            Self::ShiftActive { .. } => "shift_active",
            Self::NoShift { .. } => "no_shift",
            Self::TrafficLimit { .. } => "traffic_limit",
            Self::UnknownHost { .. } => "unknown_host",
            Self::HostLimit { .. } | Self::DriftSpace { .. } => "drift_limit",
        }
    }

    /// What to try.
    pub fn hint(&self) -> &str {
        match self {
            Self::Invalid(problem) => &problem.hint,
            Self::UnknownInstance { .. } | Self::StaleGeneration { .. } => "register the instance again",
            Self::IdTaken { .. } => "use another id, preferably a new UUID, or deregister the other instance first",
            Self::Imported { .. } => {
                "change it in the registry where it is registered; `portolan status` shows the imports"
            }
            Self::InstanceLimit { .. } => "deregister instances that are gone, or raise the limit of the server",
            Self::RegistryFull { .. } => "deregister instances that are gone, or raise the limit of the server",
            Self::UnknownReport { .. } => "register the check with a TTL",
            Self::UnknownConfig { .. } => "`portolan config list` and GET /api/v1/config show the names",
            Self::UnknownConfigVersion { .. } => "`portolan config history NAME` shows the versions that are kept",
            Self::ConfigConflict { .. } => "read the current version, and try again",
            Self::ConfigLimit { .. } | Self::ConfigSpace { .. } => "delete configurations that nothing reads",
            Self::UnknownService { .. } => "`portolan services list` shows the names",
            Self::NoTarget { hint, .. } => hint,
            Self::ShiftActive { .. } => "abort or finish it first, as in `portolan services shift NAME --abort`",
            Self::NoShift { .. } => "start one, as in `portolan services shift NAME --to 1.3 --steps 10,50,100`",
            Self::TrafficLimit { .. } => "reset the traffic of services that are gone",
            Self::UnknownHost { .. } => "GET /api/v1/drift lists the hosts",
            Self::HostLimit { .. } | Self::DriftSpace { .. } => {
                "forget hosts that are gone with DELETE /api/v1/drift/HOST, or fix what they report"
            }
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

impl From<Problem> for CommandRejection {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
    }
}
