//! Configurations of services: texts and JSON with versions. A write is a new version; the older ones stay readable for a
//! while, and one of them can be made the newest again.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most versions of a configuration that are kept.
pub const MAX_CONFIG_VERSIONS: usize = 100;
/// The longest value of a configuration, in bytes.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;
/// The most bytes of all kept versions of one configuration. The newest is always kept.
pub const MAX_CONFIG_HISTORY_BYTES: usize = 1024 * 1024;
/// The most bytes of all configurations together.
pub const MAX_ALL_CONFIG_BYTES: usize = 64 * 1024 * 1024;
/// The most configurations, also those that were deleted.
pub const MAX_CONFIGS: usize = 10_000;

/// The value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", content = "text", rename_all = "snake_case")]
pub enum ConfigValue {
    /// JSON, as it was written.
    Json(Arc<str>),
    /// Any other text.
    Text(Arc<str>),
}

impl ConfigValue {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json(text) | Self::Text(text) => text,
        }
    }

    /// `json` or `text`.
    pub const fn format(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Text(_) => "text",
        }
    }

    /// The value in an answer: JSON as it is, and any other text as a string.
    pub fn to_value(&self) -> Value {
        match self {
            // It was checked when it was written.
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(&**text)),
            Self::Text(text) => Value::from(&**text),
        }
    }
}

/// A version of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// The name of the configuration.
    pub name: Arc<str>,
    /// Its number, from 1 on.
    pub version: u64,
    /// The index of the change that made it.
    pub index: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The value; `None` if the configuration was deleted with it.
    pub value: Option<ConfigValue>,
    /// The version whose value it took over, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<u64>,
    /// Who made it, if the server knows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Arc<str>>,
}

impl ConfigVersion {
    /// What is known of it without its value.
    pub fn to_head(&self) -> Value {
        json!({
            "name": &*self.name,
            "version": self.version,
            "index": self.index,
            "updated_at": self.at.to_string(),
            "deleted": self.value.is_none(),
            "format": self.value.as_ref().map(ConfigValue::format),
            "bytes": self.value.as_ref().map(|value| value.as_str().len()),
            "rollback_of": self.rollback_of,
            "author": self.author.as_deref(),
        })
    }

    /// The whole of it, as it is answered with.
    pub fn to_item(&self) -> Value {
        let mut item = self.to_head();
        item["value"] = self.value.as_ref().map_or(Value::Null, ConfigValue::to_value);
        item
    }

    fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.as_str().len())
    }
}

/// A configuration with its kept versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The oldest first.
    pub(super) versions: Vec<Arc<ConfigVersion>>,
}

impl ConfigEntry {
    /// The newest version, also one that deleted it.
    pub fn newest(&self) -> Option<&Arc<ConfigVersion>> {
        self.versions.last()
    }

    /// The newest version, unless it deleted the configuration.
    pub fn current(&self) -> Option<&Arc<ConfigVersion>> {
        self.newest().filter(|version| version.value.is_some())
    }

    /// A kept version.
    pub fn version(&self, number: u64) -> Option<&Arc<ConfigVersion>> {
        self.versions.iter().find(|version| version.version == number)
    }

    /// The kept versions, the oldest first.
    pub fn versions(&self) -> &[Arc<ConfigVersion>] {
        &self.versions
    }

    /// The number that a write must expect: that of the current version, 0 if there is none.
    pub fn current_number(&self) -> u64 {
        self.current().map_or(0, |version| version.version)
    }

    pub(super) fn bytes(&self) -> usize {
        self.versions.iter().map(|version| version.bytes()).sum()
    }

    /// Adds a version, and returns those that are no longer kept.
    pub(super) fn push(&mut self, version: Arc<ConfigVersion>) -> Vec<Arc<ConfigVersion>> {
        self.versions.push(version);
        let mut surplus = self.versions.len().saturating_sub(MAX_CONFIG_VERSIONS);
        let mut bytes: usize = self.versions[surplus..].iter().map(|version| version.bytes()).sum();

        while bytes > MAX_CONFIG_HISTORY_BYTES && surplus + 1 < self.versions.len() {
            bytes -= self.versions[surplus].bytes();
            surplus += 1;
        }
        self.versions.drain(..surplus).collect()
    }
}

/// What is done with a configuration. `expected`: only if this is the current version; 0 means that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigCommand {
    /// Makes a version with this value. The value that is current already makes none.
    Put {
        /// The name of the configuration.
        name: Arc<str>,
        /// The value.
        value: ConfigValue,
        /// The version that must be current.
        expected: Option<u64>,
        /// Who does it.
        author: Option<Arc<str>>,
    },
    /// Deletes the configuration. Its versions stay, and it can be rolled back to one of them.
    Delete {
        /// The name of the configuration.
        name: Arc<str>,
        /// The version that must be current.
        expected: Option<u64>,
        /// Who does it.
        author: Option<Arc<str>>,
    },
    /// Makes a version with the value of an older one.
    Rollback {
        /// The name of the configuration.
        name: Arc<str>,
        /// The older version.
        to: u64,
        /// The version that must be current.
        expected: Option<u64>,
        /// Who does it.
        author: Option<Arc<str>>,
    },
}

impl ConfigCommand {
    /// The name of the configuration.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Put { name, .. } | Self::Delete { name, .. } | Self::Rollback { name, .. } => name,
        }
    }
}
