//! What the registry keeps beside the instances: configurations, how services split their traffic, and what agents report.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ChangeKind;

/// What stands before the keys of documents in the store. No id of an instance has a control character.
const MARK: char = '\u{1}';

/// What a document is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSubject {
    /// A configuration, by its name.
    Config(Arc<str>),
    /// The traffic of a service, by `NAMESPACE/NAME`.
    Traffic(Arc<str>),
    /// The findings of a host, by its name.
    Drift(Arc<str>),
}

/// A change of a document. It has an index of its own, as the change of an instance has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentChange {
    /// Its number. The next change has the next number.
    pub index: u64,
    /// The index of the last change of this document; 0 if there was none.
    pub previous: u64,
    /// What it is about.
    pub subject: DocumentSubject,
    /// Whether it came, changed or went.
    pub kind: ChangeKind,
    /// When.
    pub at: Timestamp,
    /// What becomes of the stored documents.
    pub writes: Vec<DocumentWrite>,
    /// The document as watchers read it.
    pub item: Value,
}

/// What becomes of a stored document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentWrite {
    /// The key of its record.
    pub key: Arc<str>,
    /// The record; `None` removes it.
    pub body: Option<String>,
}

impl DocumentWrite {
    /// Stores a document.
    pub(super) fn put(key: &DocumentKey<'_>, document: &impl Serialize) -> Self {
        // Documents of texts and numbers always serialise.
        Self { key: key.to_text(), body: Some(serde_json::to_string(document).unwrap_or_default()) }
    }

    /// Removes a document.
    pub(super) fn remove(key: &DocumentKey<'_>) -> Self {
        Self { key: key.to_text(), body: None }
    }
}

/// Whether a record of the store is a document. The others are instances.
pub(super) fn is_document(key: &str) -> bool {
    key.starts_with(MARK)
}

/// The key of a stored document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKey<'k> {
    /// A version of a configuration.
    Config(&'k str, u64),
    /// The traffic of a service.
    Traffic(&'k str),
    /// The findings of a host.
    Drift(&'k str),
}

impl<'k> DocumentKey<'k> {
    pub(super) fn to_text(self) -> Arc<str> {
        match self {
            Self::Config(name, version) => format!("{MARK}config/{name}/{version:010}").into(),
            Self::Traffic(service) => format!("{MARK}traffic/{service}").into(),
            Self::Drift(host) => format!("{MARK}drift/{host}").into(),
        }
    }

    /// The key in a text; `None` if it is none.
    pub(super) fn of(text: &'k str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix(MARK)?.split_once('/')?;
        match kind {
            "config" => {
                let (name, version) = rest.rsplit_once('/')?;
                Some(Self::Config(name, version.parse().ok()?))
            }
            "traffic" => Some(Self::Traffic(rest)),
            "drift" => Some(Self::Drift(rest)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_no_id_is_one() {
        for key in [DocumentKey::Config("web", 7), DocumentKey::Traffic("default/web"), DocumentKey::Drift("web1")] {
            let text = key.to_text();
            assert_eq!(DocumentKey::of(&text), Some(key));
            assert!(is_document(&text));
        }
        assert!(!is_document("config/web/0000000007"));
        assert_eq!(DocumentKey::of("\u{1}other/web"), None);
    }
}
