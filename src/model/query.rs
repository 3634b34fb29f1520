//! Which instances are wanted, and why there are none.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{HealthState, Problem, VersionRequirement};
use crate::clean::clean;

/// A filter of instances. Everything that is set must match.
///
/// ```
/// use portolan::model::{HealthState, Query};
///
/// let query = Query::named("web-api").version("^1.2".parse()?).tag("production").metadata("team", "platform").usable();
/// assert_eq!(query.to_string(), "name web-api, version ^1.2, tag production, metadata team=platform, usable");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The namespace.
    pub namespace: Option<String>,
    /// The name of the service.
    pub name: Option<String>,
    /// The versions.
    pub version: Option<VersionRequirement>,
    /// The tags that an instance must have, all of them.
    pub tags: Vec<String>,
    /// The capabilities that an instance must have, all of them.
    pub capabilities: Vec<String>,
    /// The metadata that an instance must have, all of it.
    pub metadata: BTreeMap<String, String>,
    /// The node.
    pub node: Option<String>,
    /// The zone.
    pub zone: Option<String>,
    /// The health.
    pub health: Option<HealthState>,
    /// Whether only instances are wanted that may be given calls.
    pub usable: bool,
}

/// What a query looks at.
pub trait Candidate {
    /// The namespace of the service.
    fn namespace(&self) -> Option<&str>;
    /// The name of the service.
    fn name(&self) -> Option<&str>;
    /// The version.
    fn version(&self) -> Option<&str>;
    /// Whether it has a tag.
    fn has_tag(&self, tag: &str) -> bool;
    /// Whether it offers a capability.
    fn has_capability(&self, capability: &str) -> bool;
    /// The value of a key of its metadata.
    fn metadata(&self, key: &str) -> Option<&str>;
    /// Its node.
    fn node(&self) -> Option<&str>;
    /// Its zone.
    fn zone(&self) -> Option<&str>;
    /// Its health.
    fn health(&self) -> HealthState;
    /// Whether it may be given calls.
    fn is_usable(&self) -> bool;
}

impl Query {
    /// All instances of a service.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Requires a namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Requires a version.
    #[must_use]
    pub fn version(mut self, version: VersionRequirement) -> Self {
        self.version = Some(version);
        self
    }

    /// Requires a tag, beside those that are required already.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Requires a capability, beside those that are required already.
    #[must_use]
    pub fn capability(mut self, capability: impl Into<String>) -> Self {
        self.capabilities.push(capability.into());
        self
    }

    /// Requires an entry of the metadata, beside those that are required already.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Requires a node.
    #[must_use]
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Requires a zone.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Requires a health.
    #[must_use]
    pub const fn health(mut self, health: HealthState) -> Self {
        self.health = Some(health);
        self
    }

    /// Requires that an instance may be given calls.
    #[must_use]
    pub const fn usable(mut self) -> Self {
        self.usable = true;
        self
    }

    /// Whether an instance matches.
    pub fn matches(&self, candidate: &impl Candidate) -> bool {
        self.filters().all(|filter| filter.matches(candidate))
    }

    /// How many candidates each filter leaves, and which one removed the last.
    pub fn explain<'c, C: Candidate + 'c>(&self, candidates: impl IntoIterator<Item = &'c C>) -> Explanation {
        let filters: Vec<QueryFilter<'_>> = self.filters().collect();
        let mut left = vec![0; filters.len()];
        let mut explanation = Explanation::default();

        for candidate in candidates {
            explanation.candidates += 1;
            for (filter, left) in filters.iter().zip(&mut left) {
                if !filter.matches(candidate) {
                    explanation.note_unreadable_version(filter, candidate.version());
                    break;
                }
                *left += 1;
            }
        }

        explanation.steps = filters
            .iter()
            .zip(left)
            .map(|(filter, left)| ExplainedFilter { filter: filter.to_string(), left })
            .collect();
        explanation
    }

    /// The filters in the order in which they are applied: what selects a service first, its state last.
    fn filters(&self) -> impl Iterator<Item = QueryFilter<'_>> {
        let service = [
            self.namespace.as_deref().map(QueryFilter::Namespace),
            self.name.as_deref().map(QueryFilter::Name),
            self.version.as_ref().map(QueryFilter::Version),
        ];
        let place = [self.node.as_deref().map(QueryFilter::Node), self.zone.as_deref().map(QueryFilter::Zone)];
        let state = [self.health.map(QueryFilter::Health), self.usable.then_some(QueryFilter::Usable)];

        service
            .into_iter()
            .flatten()
            .chain(self.tags.iter().map(|tag| QueryFilter::Tag(tag)))
            .chain(self.capabilities.iter().map(|capability| QueryFilter::Capability(capability)))
            .chain(self.metadata.iter().map(|(key, value)| QueryFilter::Metadata(key, value)))
            .chain(place.into_iter().flatten())
            .chain(state.into_iter().flatten())
    }

    /// Sets what a parameter of a URL says. Returns whether it belongs to a query.
    ///
    /// | parameter | means |
    /// |---|---|
    /// | `name`, `service_name`, `namespace`, `version`, `node`, `node_id`, `zone` | this value |
    /// | `tag`, `tags` | these tags, separated by commas; repeated: all of them |
    /// | `capability` | the same for capabilities |
    /// | `metadata` | `KEY=VALUE` or `KEY:VALUE`; repeated: all of them |
    /// | `metadata.KEY` | this value |
    /// | `health`, `health_status` | `healthy`, `degraded`, `unhealthy` or `unknown` |
    ///
    /// # Errors
    /// A value that the parameter cannot have.
    pub fn set_parameter(&mut self, parameter: &str, value: &str) -> Result<bool, Problem> {
        match parameter {
            "name" | "service_name" => self.name = Some(value.to_owned()),
            "namespace" => self.namespace = Some(value.to_owned()),
            "version" => {
                let parsed = value.parse::<VersionRequirement>();
                self.version = Some(parsed.map_err(|error| Problem::new("version", error.to_string(), error.hint()))?);
            }
            "node" | "node_id" => self.node = Some(value.to_owned()),
            "zone" => self.zone = Some(value.to_owned()),
            "tag" | "tags" => self.tags.extend(words_of(value)),
            "capability" | "capabilities" => self.capabilities.extend(words_of(value)),
            "health" | "health_status" => self.health = Some(health_of(parameter, value)?),
            "metadata" => {
                let (key, value) = value.split_once(['=', ':']).ok_or_else(|| {
                    Problem::new("metadata", "it has no value", "write metadata=KEY=VALUE, as in metadata=region=eu")
                })?;
                self.metadata.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                let Some(key) = parameter.strip_prefix("metadata.") else { return Ok(false) };
                self.metadata.insert(key.to_owned(), value.to_owned());
            }
        }

        Ok(true)
    }

    /// The parameters of a URL that say the same, except `usable`.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let texts = [
            ("namespace", self.namespace.as_deref()),
            ("name", self.name.as_deref()),
            ("version", self.version.as_ref().map(VersionRequirement::as_str)),
            ("node", self.node.as_deref()),
            ("zone", self.zone.as_deref()),
            ("health", self.health.map(HealthState::as_str)),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.to_owned())));

        let tags = self.tags.iter().map(|tag| ("tag".to_owned(), tag.clone()));
        let capabilities = self.capabilities.iter().map(|capability| ("capability".to_owned(), capability.clone()));
        let metadata = self.metadata.iter().map(|(key, value)| (format!("metadata.{key}"), value.clone()));
        texts.chain(tags).chain(capabilities).chain(metadata).collect()
    }
}

fn words_of(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned)
}

fn health_of(parameter: &str, value: &str) -> Result<HealthState, Problem> {
    let state = HealthState::ALL.into_iter().find(|state| state.as_str() == value);

    state.ok_or_else(|| {
        let shown: String = value.chars().take(40).collect();
        let hint = "write healthy, degraded, unhealthy or unknown";
        Problem::new(parameter, format!("'{}' is not a health state", clean(&shown)), hint)
    })
}

/// `name web, tag a`
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filters().enumerate().try_for_each(|(at, filter)| {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{filter}")
        })
    }
}

/// One condition of a query.
#[derive(Clone, Copy)]
enum QueryFilter<'q> {
    Namespace(&'q str),
    Name(&'q str),
    Version(&'q VersionRequirement),
    Tag(&'q str),
    Capability(&'q str),
    Metadata(&'q str, &'q str),
    Node(&'q str),
    Zone(&'q str),
    Health(HealthState),
    Usable,
}

impl QueryFilter<'_> {
    fn matches(&self, candidate: &impl Candidate) -> bool {
        match *self {
            Self::Namespace(namespace) => candidate.namespace() == Some(namespace),
            Self::Name(name) => candidate.name() == Some(name),
            Self::Version(requirement) => candidate.version().is_some_and(|version| requirement.accepts(version)),
            Self::Tag(tag) => candidate.has_tag(tag),
            Self::Capability(capability) => candidate.has_capability(capability),
            Self::Metadata(key, value) => candidate.metadata(key) == Some(value),
            Self::Node(node) => candidate.node() == Some(node),
            Self::Zone(zone) => candidate.zone() == Some(zone),
            Self::Health(health) => candidate.health() == health,
            Self::Usable => candidate.is_usable(),
        }
    }
}

impl fmt::Display for QueryFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Namespace(namespace) => write!(f, "namespace {}", clean(namespace)),
            Self::Name(name) => write!(f, "name {}", clean(name)),
            Self::Version(requirement) => write!(f, "version {}", clean(requirement.as_str())),
            Self::Tag(tag) => write!(f, "tag {}", clean(tag)),
            Self::Capability(capability) => write!(f, "capability {}", clean(capability)),
            Self::Metadata(key, value) => write!(f, "metadata {}={}", clean(key), clean(value)),
            Self::Node(node) => write!(f, "node {}", clean(node)),
            Self::Zone(zone) => write!(f, "zone {}", clean(zone)),
            Self::Health(health) => write!(f, "health {}", health.as_str()),
            Self::Usable => f.write_str("usable"),
        }
    }
}

/// What each filter of a query left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// How many instances were looked at.
    pub candidates: usize,
    /// The filters in the order in which they were applied.
    pub steps: Vec<ExplainedFilter>,
    /// Versions that a range could not be compared with, at most [`MAX_UNREADABLE_VERSIONS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable_versions: Vec<String>,
}

/// The most versions that an [`Explanation`] lists.
pub const MAX_UNREADABLE_VERSIONS: usize = 10;

/// A filter of a query and what it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedFilter {
    /// The filter: `tag production`.
    pub filter: String,
    /// How many candidates it and those before it left.
    pub left: usize,
}

impl Explanation {
    /// The filter that removed the last candidate.
    pub fn removed_last(&self) -> Option<&str> {
        let removed_all = self.steps.iter().find(|step| step.left == 0)?;
        (self.candidates > 0).then_some(removed_all.filter.as_str())
    }

    fn note_unreadable_version(&mut self, filter: &QueryFilter<'_>, version: Option<&str>) {
        let (QueryFilter::Version(requirement), Some(version)) = (filter, version) else { return };
        let is_readable = super::version_requirement::parse_version(version).is_some();
        let is_listed = self.unreadable_versions.iter().any(|listed| listed == version);

        if requirement.is_range()
            && !is_readable
            && !is_listed
            && self.unreadable_versions.len() < MAX_UNREADABLE_VERSIONS
        {
            self.unreadable_versions.push(version.to_owned());
        }
    }
}

/// `no instance: the filter 'tag b' removed the last of 3`
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.steps.last().map_or(self.candidates, |step| step.left);
        match (self.removed_last(), self.candidates) {
            (Some(filter), candidates) => {
                write!(f, "no instance: the filter '{filter}' removed the last of {candidates}")
            }
            (None, 0) => f.write_str("no instance is registered"),
            (None, candidates) => write!(f, "{left} of {candidates} instances match"),
        }
    }
}
