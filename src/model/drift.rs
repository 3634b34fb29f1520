//! The result of comparing registries with what listens and what replies.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Detail, LocalDetail, OwnerLookup};
use crate::clean::Untrusted;

/// What is known of a question with the replies yes and no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// It could not be determined, which is neither.
    #[default]
    Unknown,
}

impl Certainty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Unknown];

    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    /// Yes or no.
    pub const fn of(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

/// The result of a comparison for one registration or listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftState {
    /// They differ; the finding of the item says how.
    Differs,
    /// They agree.
    Agrees,
    /// It could not be determined.
    #[default]
    CannotTell,
}

/// The facts of one item of `portolan drift`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftDetail {
    /// Whether registry and machine agree.
    pub state: DriftState,
    /// The host, if it is not the one that was looked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Untrusted>,
    /// The registry, as it was named: `consul`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Untrusted>,
    /// The id of the registered instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Untrusted>,
    /// Whether a registry has it.
    pub registered: Certainty,
    /// Whether a socket listens there.
    pub listening: Certainty,
    /// Whether it replies.
    pub replying: Certainty,
    /// What holds the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<SocketHolder>,
    /// Since when, if it is known: the start of the process, the end of the lease or of the certificate; in a watch else the
    /// first time that it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The command to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Untrusted>,
    /// Why it could not be determined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Untrusted>,
}

impl Detail for DriftDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        Some(other.downcast_ref() == Some(self))
    }
}

/// What holds a listening socket, as far as it is visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketHolder {
    /// The name of the process; `None` if it is hidden.
    pub process: Option<Untrusted>,
    /// Its id.
    pub pid: Option<u32>,
    /// The systemd unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Untrusted>,
    /// The container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Untrusted>,
    /// Why the process is unknown.
    pub owner: OwnerLookup,
}

impl SocketHolder {
    /// The holder of a listener: the process whose parents do not hold the socket.
    pub(crate) fn of(detail: &LocalDetail) -> Self {
        let first = detail.main_process();
        Self {
            process: first.map(|process| process.name.clone()),
            pid: first.map(|process| process.pid),
            unit: detail.unit.clone(),
            container: detail.container.as_ref().map(|container| container.to_string().into()),
            owner: detail.owner,
        }
    }
}

/// `nginx (pid 71, nginx.service)`
impl fmt::Display for SocketHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(process) => process.fmt(f)?,
            None => f.write_str(self.owner.as_str())?,
        }

        let pid = self.pid.map(|pid| format!("pid {pid}"));
        let texts =
            [pid, self.unit.as_ref().map(ToString::to_string), self.container.as_ref().map(ToString::to_string)];
        let texts: Vec<String> = texts.into_iter().flatten().collect();
        if texts.is_empty() { Ok(()) } else { write!(f, " ({})", texts.join(", ")) }
    }
}
