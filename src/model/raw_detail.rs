//! What somebody names or declares himself, and what another portolan tells.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckSpec, Detail, NetworkNamespace};
use crate::clean::Untrusted;

/// A service that its user names, on the command line or in a file.
#[derive(Clone, Debug, Serialize)]
pub struct DeclaredDetail {
    /// As it was written: a URL, `host:port`, or the file with its line.
    pub from: Untrusted,
    /// What it is said to speak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// What to ask it. It may hold secrets, and is not written down.
    #[serde(skip)]
    pub ask: Arc<CheckSpec>,
}

impl Detail for DeclaredDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self.from == other.from && self.protocol == other.protocol)
    }
}

/// What another portolan, or this one at another time, told of a service.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct RawDetail(pub Value);

impl Detail for RawDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self.0 == other.0)
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        NetworkNamespace::deserialize(self.0.get("netns")?).ok()
    }
}
