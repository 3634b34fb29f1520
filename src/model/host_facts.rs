//! The machine that a listing is about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clean::Untrusted;

/// Facts of the machine that a listing is about, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostFacts {
    /// Its host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Untrusted>,
    /// The distribution and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Untrusted>,
    /// The release of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Untrusted>,
    /// The processor architecture, such as `x86_64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Untrusted>,
    /// When it started, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booted: Option<Timestamp>,
}
