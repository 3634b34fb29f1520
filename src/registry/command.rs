//! What the registry is asked to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::document::DocumentKey;
use super::{CatalogCommand, ConfigCommand, DriftCommand, TrafficCommand};
use crate::model::{HealthState, OperatorStatus, Registration};

/// A command. Where it may name a generation, a command for an older one is refused: it is about an instance that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Registers an instance, or changes a registered one. The registration must have an id.
    Register(Arc<Registration>),
    /// Renews the lease of an instance.
    Renew {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The health that it reports itself; without one, the last report no longer counts.
        report: Option<(HealthState, Option<Arc<str>>)>,
    },
    /// Removes an instance.
    Deregister {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
    },
    /// Changes whether an instance takes calls.
    SetStatus {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The new status.
        status: OperatorStatus,
        /// Why it takes no calls, as its operator says.
        reason: Option<Arc<str>>,
    },
    /// Changes its share of the calls.
    SetWeight {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The new weight.
        weight: u16,
    },
    /// Changes entries of its metadata, and keeps the others. It renews no lease.
    SetMetadata {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The entries. `zone` and `version` are its zone and its version too, if they can be.
        entries: Arc<BTreeMap<String, String>>,
    },
    /// Takes the result of a check.
    CheckResult {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The position of the check in the registration.
        check: usize,
        /// The result. `Unknown` is none: it counts neither for nor against the instance.
        state: HealthState,
        /// Its text.
        note: Option<Arc<str>>,
    },
    /// Takes it that a check cannot run, and not only for a moment: its state is unknown until its next result.
    CheckUnavailable {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// The position of the check in the registration.
        check: usize,
        /// Why.
        note: Arc<str>,
    },
    /// Starts or stops the checks that the registry runs. While they are stopped their states are unknown; checks by report
    /// go on.
    SetMonitoring {
        /// The instance.
        id: Arc<str>,
        /// Its generation, if the sender knows it.
        generation: Option<u64>,
        /// Whether its checks run.
        enabled: bool,
    },
    /// Takes back that a node is down.
    NodeUp {
        /// The node.
        node: Arc<str>,
    },
    /// Marks a node as down, with all its instances.
    NodeDown {
        /// The node.
        node: Arc<str>,
    },
    /// Does what only Consul's API asks for.
    Catalog(CatalogCommand),
    /// Changes a configuration.
    Config(ConfigCommand),
    /// Changes how a service splits its traffic.
    Traffic {
        /// `NAMESPACE/NAME` of the service.
        service: Arc<str>,
        /// What is done.
        command: TrafficCommand,
    },
    /// Takes or forgets what an agent reports of its host.
    Drift(DriftCommand),
    /// Lets time pass: leases expire, and what was unhealthy for too long is removed. Once a second is right.
    Tick,
}

impl Command {
    /// The id of the instance that it is about; `None` if it is about none, or about one that has no id yet.
    pub fn subject(&self) -> Option<Arc<str>> {
        match self {
            Self::Register(registration) => registration.id.as_deref().map(Arc::from),
            Self::Renew { id, .. }
            | Self::Deregister { id, .. }
            | Self::SetStatus { id, .. }
            | Self::SetWeight { id, .. }
            | Self::SetMetadata { id, .. }
            | Self::CheckResult { id, .. }
            | Self::CheckUnavailable { id, .. }
            | Self::SetMonitoring { id, .. } => Some(Arc::clone(id)),
            Self::Catalog(command) => Some(command.id().into()),
            Self::NodeUp { .. }
            | Self::NodeDown { .. }
            | Self::Config(_)
            | Self::Traffic { .. }
            | Self::Drift(_)
            | Self::Tick => None,
        }
    }

    /// Whether it registers an instance, or changes a registered one as a whole.
    pub fn is_registration(&self) -> bool {
        matches!(self, Self::Register(_) | Self::Catalog(CatalogCommand::Register { .. }))
    }

    /// The id of the lease that it begins or renews: that of an instance, or of the agent of a host.
    pub fn lease_id(&self) -> Option<Arc<str>> {
        match self {
            Self::Drift(command) => Some(DocumentKey::Drift(command.host()).to_text()),
            _ => self.subject(),
        }
    }
}

/// The time of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time since the state began, by a clock that never goes back. Everything that lasts is measured by it.
    pub elapsed: Duration,
    /// The time of day, for what is shown.
    pub wall: Timestamp,
}
