//! Which instances of a service traffic is moved to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Registration, VersionRequirement};

/// Instances of a service by their version or by a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// Instances of this version, or of this range of versions.
    Version(VersionRequirement),
    /// Instances with this tag.
    Tag(String),
}

impl Selector {
    /// Whether an instance belongs to it.
    pub fn accepts(&self, registration: &Registration) -> bool {
        match self {
            Self::Version(wanted) => registration.version.as_deref().is_some_and(|version| wanted.accepts(version)),
            Self::Tag(tag) => registration.tags.iter().any(|known| known == tag),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(wanted) => write!(f, "version {wanted}"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
        }
    }
}
