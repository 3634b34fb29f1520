//! The identity of a service, safe to print.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clean::escaped;

/// The id of a service: `local/tcp/127.0.0.1:5432`. The same service has the same id tomorrow.
///
/// An id can contain names that others chose, so `Display` escapes control, bidirectional and zero-width characters.
/// There is no conversion to `&str` except [`as_raw`](Self::as_raw).
///
/// ```
/// use portolan::model::ServiceId;
///
/// let id = ServiceId::from("file/a\u{1b}]0;title\u{7}");
/// assert_eq!(id.to_string(), r"file/a\u{1b}]0;title\u{7}");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceId(String);

impl ServiceId {
    /// The id as its source wrote it. For comparing, never for printing.
    pub fn as_raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.0))
    }
}

impl From<String> for ServiceId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for ServiceId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// Maps with ids as keys can be searched by the raw text.
impl Borrow<str> for ServiceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ServiceId {
    fn eq(&self, raw: &str) -> bool {
        self.0 == raw
    }
}

impl PartialEq<&str> for ServiceId {
    fn eq(&self, raw: &&str) -> bool {
        self.0 == *raw
    }
}

impl PartialEq<String> for ServiceId {
    fn eq(&self, raw: &String) -> bool {
        self.0 == *raw
    }
}
