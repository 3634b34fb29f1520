//! Details of services that a user declares, and of services that were read from a document.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{CheckSpec, Detail, LocalDetail, NetworkNamespace, ScanDetail};
use crate::clean::Untrusted;

/// A service declared by its user, on the command line or in a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeclaredDetail {
    /// As it was written: a URL, `host:port`, or the file with its line.
    pub from: Untrusted,
    /// Its declared protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Labels that its user gave it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Untrusted, Untrusted>,
    /// Its checks. They may hold secrets and are never written.
    #[serde(skip)]
    pub ask: Arc<CheckSpec>,
}

impl Detail for DeclaredDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self.from == other.from && self.protocol == other.protocol && self.labels == other.labels)
    }

    fn labels(&self) -> Option<&BTreeMap<Untrusted, Untrusted>> {
        Some(&self.labels)
    }
}

/// The detail of a service that was read from a document, of whichever source. It serialises exactly as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawDetail(pub Value);

impl RawDetail {
    /// The same detail in this type, if it is of its form.
    pub(crate) fn read<D: Detail + DeserializeOwned>(&self) -> Option<Arc<dyn Detail>> {
        D::deserialize(&self.0).ok().map(|detail| Arc::new(detail) as Arc<dyn Detail>)
    }
}

impl Detail for RawDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self.0 == other.0)
    }

    fn unread_fields(&self) -> Vec<&'static str> {
        LocalDetail::deserialize(&self.0).map(|local| local.unread_fields()).unwrap_or_default()
    }

    fn host(&self) -> Option<Untrusted> {
        ScanDetail::deserialize(&self.0).ok()?.host
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        NetworkNamespace::deserialize(self.0.get("netns")?).ok()
    }
}

/// A detail behind the common interface is read as a [`RawDetail`]: which source wrote it is not known at this point.
impl<'de> Deserialize<'de> for Box<dyn Detail> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Box::new(RawDetail::deserialize(deserializer)?))
    }
}
