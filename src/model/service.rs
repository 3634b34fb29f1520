//! What is found: a service, and the columns that a source adds to it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Endpoint, Finding, Instance, NetworkNamespace, ServiceHealth, ServiceId, SourceName};
use crate::clean::Untrusted;

/// A service from any source.
///
/// `D` holds the facts that only its source knows. A program that uses one source gets them typed; output
/// and catalog use the erased form, which carries the same facts.
#[derive(Clone, Debug, Serialize)]
pub struct Service<D = Arc<dyn Detail>> {
    /// The same service has the same id tomorrow: `local/tcp/127.0.0.1:5432`.
    pub id: ServiceId,
    /// Its name in the source; never derived from a port number.
    pub name: Option<Untrusted>,
    /// Its namespace, if the source has namespaces.
    pub namespace: Option<Untrusted>,
    /// The source that listed it: `local`.
    pub source: SourceName,
    /// Where it serves.
    pub endpoints: Vec<Endpoint>,
    /// Its health, derived from its endpoints; `None` if they were not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<ServiceHealth>>,
    /// Problems reported by its source. They take no points; one with a cap limits the score of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Facts specific to the source.
    pub detail: D,
}

impl<D> Service<D> {
    /// Creates a service without name, namespace, health and findings.
    pub fn new(id: impl Into<ServiceId>, source: impl Into<SourceName>, endpoints: Vec<Endpoint>, detail: D) -> Self {
        Self {
            id: id.into(),
            name: None,
            namespace: None,
            source: source.into(),
            endpoints,
            health: None,
            findings: Vec::new(),
            detail,
        }
    }

    /// The finding of its source that limits its score the most.
    pub fn limiting_finding(&self) -> Option<&Finding> {
        self.findings.iter().filter(|finding| finding.cap().is_some()).min_by_key(|finding| finding.cap())
    }

    /// Whether nothing is known of its health because its addresses are unreachable from here.
    pub fn is_out_of_reach(&self) -> bool {
        let mut healths = self.endpoints.iter().filter_map(|endpoint| endpoint.health.as_deref());
        self.health.as_deref().is_some_and(|health| health.score.is_none()) && healths.any(|health| health.out_of_reach)
    }

    /// Whether its source reports at least this percentage of its endpoints as ready. Those that are terminating do not count.
    pub fn is_reported_ready(&self, percent: u8) -> bool {
        let lasting = self.endpoints.iter().filter(|at| !at.instance.as_deref().is_some_and(Instance::is_terminating));
        let (ready, all) = lasting.fold((0, 0), |(ready, all), at| (ready + usize::from(at.ready), all + 1));
        all > 0 && ready * 100 >= all * usize::from(percent)
    }

    /// The health, if it differs from that of `later`.
    pub(crate) fn health_unlike<E>(&self, later: &Service<E>) -> Option<ServiceHealth> {
        let health = self.health.as_deref()?;
        (later.health.as_deref() != Some(health)).then_some(*health)
    }

    /// Whether it has this name: `cart`, `shop/cart` with its namespace, or its id.
    pub fn has_name(&self, name: &str) -> bool {
        let plain = self.name.as_ref().map_or("", |name| name.as_raw());
        if plain == name || self.id == *name {
            return true;
        }

        let namespace = self.namespace.as_ref().map(Untrusted::as_raw);
        let rest = namespace.and_then(|namespace| name.strip_prefix(namespace));
        rest.and_then(|rest| rest.strip_prefix('/')) == Some(plain)
    }

    /// The rows of the service in a table: one per endpoint, or a single row without endpoint.
    pub fn rows(&self) -> impl Iterator<Item = Option<&Endpoint>> {
        let none = self.endpoints.is_empty().then_some(None);
        self.endpoints.iter().map(Some).chain(none)
    }
}

impl<D: Detail> Service<D> {
    /// The same service with its detail type erased.
    pub fn erase(self) -> Service {
        let Self { id, name, namespace, source, endpoints, health, findings, detail } = self;
        Service { id, name, namespace, source, endpoints, health, findings, detail: Arc::new(detail) }
    }
}

/// Facts specific to a source. They serialize as the `detail` of an item.
pub trait Detail: fmt::Debug + erased_serde::Serialize + Any + Send + Sync {
    /// The measured fields, which differ without any event: their paths in
    /// the JSON of the detail, without indexes, as in `processes.cpu_ms`. A difference in them alone is not a change.
    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// The fields of the service that could not be read, by their paths in its JSON, as in `detail.processes`. Two listings are
    /// not compared in them.
    fn unread_fields(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Whether two different words in a text field mean the same to who compares two listings; `field` is its path, as in
    /// [`volatile_fields`](Self::volatile_fields).
    fn is_same_word(&self, _field: &str, _old: &str, _new: &str) -> bool {
        false
    }

    /// Whether `other` carries the same facts, apart from volatile ones; `None` if only a comparison of the JSON can tell.
    /// Saves building the JSON of equal details.
    fn has_same_facts(&self, _other: &dyn Detail) -> Option<bool> {
        None
    }

    /// The labels that its source keeps for the service, beside those that portolan knows the meaning of.
    fn labels(&self) -> Option<&BTreeMap<Untrusted, Untrusted>> {
        None
    }

    /// The name of the host by which the source looked at the service, where one address may have several: two services that
    /// differ in it are not the same.
    fn host(&self) -> Option<Untrusted> {
        None
    }

    /// The network namespace of the service, if it is another one of this machine. Its address is not reachable from
    /// this namespace.
    fn netns(&self) -> Option<NetworkNamespace> {
        None
    }
}
erased_serde::serialize_trait_object!(Detail);

impl dyn Detail {
    /// The typed detail, if it is of that type.
    pub fn downcast_ref<D: Detail>(&self) -> Option<&D> {
        (self as &dyn Any).downcast_ref()
    }
}

/// The source of a service that does not name one.
const UNNAMED_SOURCE: &str = "given";

/// Reads a service as JSON output has it. Only `id` and `endpoints` must be there.
impl<'de, D: Deserialize<'de>> Deserialize<'de> for Service<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        #[derive(Deserialize)]
        struct ServiceFields<D> {
            id: ServiceId,
            name: Option<Untrusted>,
            namespace: Option<Untrusted>,
            source: Option<SourceName>,
            endpoints: Vec<Endpoint>,
            health: Option<Box<ServiceHealth>>,
            #[serde(default)]
            findings: Vec<Finding>,
            detail: Option<D>,
        }

        let ServiceFields { id, name, namespace, source, endpoints, health, findings, detail } =
            ServiceFields::deserialize(deserializer)?;
        let source = source.unwrap_or_else(|| UNNAMED_SOURCE.into());
        let detail = detail.map_or_else(|| D::deserialize(().into_deserializer()), Ok)?;

        Ok(Self { id, name, namespace, source, endpoints, health, findings, detail })
    }
}

/// A column that a source adds to row formats.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Lower case, words joined by `_`; a table prints it in capitals.
    pub name: &'static str,
    /// The tables that show it.
    pub shown: ColumnVisibility,
    /// Whether it may be cut off on a narrow terminal.
    pub cut: bool,
    /// Whether it is stable enough to become a label.
    pub label: bool,
    /// Writes the cell, or nothing if the value is unknown. The endpoint is that of the row, or `None` for a service
    /// without endpoints.
    pub cell: CellWriter,
    /// Writes the cell for programs that calculate: a plain number in base units, where `cell` writes one for people.
    pub number: Option<CellWriter>,
}

impl Column {
    /// Whether a table, or a wide one, has this column.
    pub(crate) fn is_in_table(&self, wide: bool) -> bool {
        match self.shown {
            ColumnVisibility::Data => false,
            ColumnVisibility::Wide => wide,
            ColumnVisibility::Always | ColumnVisibility::Asked | ColumnVisibility::WhereFilled => true,
        }
    }
}

/// Writes the cell of a row.
pub type CellWriter = fn(&Service, Option<&Endpoint>, &mut dyn fmt::Write) -> fmt::Result;

/// The tables that show a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnVisibility {
    /// All tables.
    Always,
    /// All tables, and kept the longest on a narrow terminal, because an option requested it.
    Asked,
    /// Tables in which it distinguishes rows.
    WhereFilled,
    /// The wide table, if it is not empty.
    Wide,
    /// No table: only files for programs.
    Data,
}
