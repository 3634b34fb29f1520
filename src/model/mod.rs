//! Plain data: what is found, and the words it is described in. No input, no output, no clock.

mod addresses;
mod audit;
mod audit_chain;
mod candidates;
mod catalog_entry;
mod catalog_registration;
mod certificate_time;
mod check_definition;
mod check_limits;
mod check_name;
mod check_spec;
mod condition;
mod connection;
mod copied_registration;
mod coverage;
mod declared_checks;
#[cfg(test)]
mod detail_round_trip;
mod diff;
mod document;
mod drift;
pub(crate) mod drift_kinds;
mod drift_report;
mod dsn;
mod duration;
mod endpoint;
mod event;
mod figures;
mod finding;
mod hardware_address;
mod health;
mod host_facts;
mod host_names;
pub(crate) mod host_port;
mod host_query;
mod identity;
mod instance;
pub(crate) mod json_fields;
#[cfg(feature = "k8s")]
mod k8s;
#[cfg(feature = "k8s")]
mod k8s_pod;
#[cfg(feature = "k8s")]
mod k8s_route;
mod listing;
mod local;
mod metadata;
mod network_namespace;
mod parse_error;
mod partial_error;
mod permutation;
mod port_names;
mod port_ranking;
mod ports;
mod probe_order;
mod problem;
mod proxy_url;
mod query;
mod raw_detail;
mod registered_instance;
mod registered_json;
mod registered_service;
mod registration;
mod registration_json;
mod registration_limits;
#[cfg(test)]
mod registration_tests;
mod registry;
mod report;
#[cfg(test)]
mod round_trip;
mod scan;
mod scan_ports;
mod scope;
mod score;
mod service;
mod service_id;
mod service_summary;
mod service_url;
mod severity;
mod socket_patterns;
mod source_name;
mod status_ranges;
mod target_ranges;
mod targets;
mod threshold;
mod typed;
mod unique_json;
mod update;
mod version_requirement;
mod words;

pub use crate::clean::{DISPLAY_CHARS, Secret, Untrusted};
pub use jiff::Timestamp;

pub use addresses::{AddressRange, Addresses};
pub use audit::{AuditAnchor, AuditEntry, AuditHash, AuditRecord};
pub use audit_chain::{AuditChain, AuditFault, AuditSummary};
pub use candidates::ServiceEndpoint;
pub use catalog_entry::{
    CONFIG_NAMESPACE, CatalogCheck, CatalogEntry, DRIFT_NAMESPACE, NODES_NAMESPACE, TRAFFIC_NAMESPACE, TaggedAddress,
    default_check_id,
};
pub use certificate_time::CertificateTime;
pub use check_definition::{CheckDefinition, CheckKind, PROTOCOLS};
pub use check_limits::CheckLimits;
pub use check_name::CheckName;
pub use check_spec::{
    BodyAssertion, CheckSpec, HeaderAssertion, HttpPath, JsonAssertion, LatencyTarget, Method, RequestBody,
    RequestHeader, StartTlsKind,
};
pub use condition::Condition;
pub use connection::{ConnectionDetail, ConnectionDirection, ConnectionEnd, ConnectionPeer, ConnectionState};
pub use copied_registration::IMPORTED_FROM;
pub use coverage::Coverage;
pub(crate) use diff::compared_fields;
pub use diff::{Change, changed_endpoint_fields, changed_fields, diff};
pub(crate) use document::SCHEMA;
pub use drift::{Certainty, DriftDetail, DriftState, SocketHolder};
pub use drift_kinds::KINDS as DRIFT_KINDS;
pub use drift_report::{
    DriftReport, MAX_REPORT_BYTES, MAX_REPORT_FINDINGS, MAX_REPORT_GAPS, MAX_REPORT_INTERVAL, MAX_REPORT_TEXT_BYTES,
    MIN_REPORT_INTERVAL, ReportedFinding,
};
pub use duration::parse_duration;
pub use endpoint::{Address, Endpoint, Transport};
pub use event::{Event, EventKind};
pub use figures::{Figures, Latencies};
pub use finding::{Finding, FindingKind, Group};
pub use hardware_address::HardwareAddress;
pub use health::{Grade, Health, HealthState, ServiceHealth};
pub use host_facts::HostFacts;
pub use host_port::HostPort;
#[cfg(feature = "serve")]
pub(crate) use host_query::is_of_any_host;
pub use host_query::{HostQuery, MAX_HOST_ADDRESSES, MAX_HOST_NAMES};
pub use identity::{Certificate, Digest, Fact, Identity, PublicKey, TlsFacts};
pub use instance::{Instance, Lease, Lifecycle};
#[cfg(feature = "k8s")]
pub use k8s::{EndpointsFrom, K8sDetail, K8sPort, K8sServiceType, TargetPort};
#[cfg(feature = "k8s")]
pub use k8s_pod::{K8sContainer, K8sPodDetail};
#[cfg(feature = "k8s")]
pub use k8s_route::{K8sRouteDetail, K8sRule};
pub use listing::{Completeness, DetailLevel, Filters, Listing, Selector};
pub use local::{Ancestor, Backlog, Container, FirewallVerdict, LocalDetail, OwnerLookup, Process, SocketState, User};
pub use metadata::Metadata;
pub use network_namespace::NetworkNamespace;
pub use parse_error::ParseError;
pub use partial_error::PartialError;
pub use permutation::Permutation;
pub(crate) use port_names::port_guess;
pub use port_names::{PORT_NAMES, PortName, port_name};
pub(crate) use port_ranking::{DEFAULT_TOP, ranked_ports};
pub use ports::Ports;
pub use probe_order::ProbeOrder;
pub use problem::Problem;
pub use proxy_url::{ProxyProtocol, ProxyUrl};
pub use query::{Candidate, ExplainedFilter, Explanation, MAX_UNREADABLE_VERSIONS, Query};
pub use raw_detail::{DeclaredDetail, RawDetail};
pub use registered_instance::{CheckState, HealthReport, RegisteredInstance, RegisteredLease};
pub use registered_service::{CAPABILITIES_KEY, RegisteredDetail, aggregate_health, registered_services};
pub use registration::{DEFAULT_NAMESPACE, OperatorStatus, Registration};
pub(crate) use registration_limits::name_problem;
pub use registration_limits::{
    MAX_CHECKS, MAX_DEREGISTER_AFTER, MAX_ID_BYTES, MAX_METADATA_BYTES, MAX_METADATA_ENTRIES, MAX_METADATA_KEY_BYTES,
    MAX_NAME_BYTES, MAX_TAG_BYTES, MAX_TAGS, MAX_TTL, MAX_VERSION_BYTES, MIN_DEREGISTER_AFTER, MIN_TTL,
};
pub use registry::{DnsDetail, DnsRecord, RegistryCheck, RegistryDetail, RegistryState};
pub use report::{CheckStatus, Report};
pub use scan::{NamespaceScope, PortState, Reason, ScanDetail, ScannedHost};
pub use scan_ports::ScanPorts;
pub use scope::Scope;
pub use score::{SCORE_VERSION, Score, service_score};
pub use service::{CellWriter, Column, ColumnVisibility, Detail, Service};
pub use service_id::ServiceId;
pub use service_summary::ServiceSummary;
pub(crate) use service_url::base64;
pub use service_url::{ServiceUrl, UrlPlace};
pub use severity::Severity;
pub use socket_patterns::SocketPatterns;
pub use source_name::SourceName;
pub use status_ranges::StatusRanges;
pub use targets::{Target, TargetWithPort};
pub(crate) use threshold::DebouncedState;
pub use threshold::Thresholds;
pub use update::{Update, UpdateSink};
pub use version_requirement::VersionRequirement;
