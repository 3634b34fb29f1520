//! portolan charts what serves here, where, and how well.
//!
//! The same code is a command, `portolan`, and this library. A program asks a source and gets typed services:
//!
//! ```
//! use portolan::{Local, Scope};
//!
//! let listing = Local { tcp: true, ..Local::default() }.listing()?;
//! for service in &listing.services {
//!     if service.detail.scope == Scope::All {
//!         let who = service.detail.processes.first().map(|process| process.pid);
//!         println!("{} listens on every address, held by {who:?}", service.endpoints[0]);
//!     }
//! }
//! # Ok::<(), portolan::Error>(())
//! ```
//!
//! Or it brings a source of its own, and has every format for it:
//!
//! ```
//! use portolan::*;
//!
//! /// The harbours that this program knows.
//! struct Harbours;
//!
//! #[derive(Debug, serde::Serialize)]
//! struct Harbour {
//!     berths: u32,
//! }
//! impl Detail for Harbour {}
//!
//! impl Source for Harbours {
//!     fn name(&self) -> &'static str {
//!         "harbours"
//!     }
//!
//!     fn columns(&self) -> &'static [Column] {
//!         &[]
//!     }
//!
//!     fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
//!         Box::pin(async move {
//!             let address = Address::Ip([192, 0, 2, 7].into());
//!             let endpoint = Endpoint::new(address, Some(80), Transport::Tcp);
//!             let harbour = Harbour { berths: 12 };
//!             let service = Service::new("harbours/genoa", self.name(), vec![endpoint], harbour);
//!             let _ = out.service(service.erase());
//!             Ok(Completeness::Complete)
//!         })
//!     }
//! }
//!
//! let mut text = Vec::new();
//! let page = RenderOptions { columns: Harbours.columns(), identified: false, generated: Timestamp::now(), width: None, color: false };
//! # use std::{pin::pin, task::{Context, Poll, Waker}};
//! # let listing = match pin!(collect(&Harbours)).poll(&mut Context::from_waker(Waker::noop())) {
//! #     Poll::Ready(listing) => listing?,
//! #     Poll::Pending => unreachable!("it has nothing to wait for"),
//! # };
//! # /*
//! let listing = collect(&Harbours).await?;
//! # */
//! let mut format = FormatName::Ndjson.open(&mut text, page)?;
//! for service in &listing.services {
//!     format.service(service)?;
//! }
//! drop(format);
//! assert!(String::from_utf8(text)?.contains(r#""detail":{"berths":12}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The map
//! | folder | what it is | may import |
//! |---|---|---|
//! | [`engine`] | generic concurrency that knows nothing of services: pool, breaker, retry, cache, clock, shutdown | |
//! | `model` | plain data: [`Service`], [`Endpoint`], [`Detail`], [`Listing`], [`Ports`], [`Scope`], [`Addresses`] | |
//! | `net` | how we reach peers: the connect loop, TLS, HTTP, bounded reads, names, limits of this machine | `engine` `model` |
//! | `probe` | what speaks here: one file per protocol | `net` `engine` `model` |
//! | `source` | where services come from: [`Source`], [`Local`], [`Scan`], `K8s` | `probe` `net` `engine` `model` |
//! | `check` | how an endpoint is judged: one file per check | `probe` `net` `engine` `model` |
//! | `output` | how results look: [`Format`] | `probe` `net` `engine` `model` |
//! | [`catalog`] | what a source has, kept up to date: a writer, readers, what changed | `engine` `model` |
//! | `identify` | a source whose services are asked what they are | `source` `probe` `net` `engine` `model` |
//! | `health` | validation of many services, once or continuously | `catalog` `check` `source` `engine` `net` `model` |
//! | `cli` | the command: composes, prints, exits | everything |
//!
//! Below them `error` says what could not be done, `clean` is the only way for foreign text to a terminal or a
//! file, and `settings` layers flags, environment and file. `tests/layers` holds the table.

pub mod catalog;
mod check;
mod clean;
#[doc(hidden)]
pub mod cli;
pub mod engine;
mod error;
mod health;
mod identify;
mod model;
mod net;
mod output;
mod probe;
mod settings;
mod source;

/// What `fuzz/` calls.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz {
    pub use crate::check::fuzz::check;
    pub use crate::probe::fuzz::{handshake, speak};
}

pub use glob::Pattern;
pub use jiff::Timestamp;

pub use check::scored_findings;
pub use clean::{DISPLAY_CHARS, Untrusted};
pub use error::{Error, Result};
pub use model::{
    Address, AddressRange, Addresses, Ancestor, Backlog, BodyAssertion, Certificate, Change, CheckName, CheckSpec,
    CheckStatus, Column, ColumnVisibility, Completeness, Condition, Container, Coverage, DeclaredDetail, Detail,
    DetailLevel, Digest, Endpoint, Event, EventKind, Fact, Finding, FindingKind, Grade, Group, HeaderAssertion, Health,
    HealthState, HostFacts, HttpPath, Identity, Instance, JsonAssertion, LatencyTarget, Lease, Lifecycle, Listing,
    LocalDetail, Method, NamespaceScope, NetworkNamespace, OwnerLookup, PORT_NAMES, ParseError, PartialError,
    Permutation, PortName, PortState, Ports, ProbeOrder, Process, PublicKey, RawDetail, Reason, Report, RequestHeader,
    SCORE_VERSION, ScanDetail, ScanPorts, ScannedHost, Scope, Score, Service, ServiceHealth, ServiceId, SocketState,
    SourceName, StartTlsKind, StatusRanges, Target, TlsFacts, Transport, Update, UpdateSink, User, changed_fields,
    diff, parse_duration, port_name, service_score,
};
#[cfg(feature = "k8s")]
pub use model::{
    EndpointsFrom, K8sContainer, K8sDetail, K8sPodDetail, K8sPort, K8sRouteDetail, K8sRule, K8sServiceType, TargetPort,
};
pub use output::{Delivery, EventFormat, Footer, Format, FormatName, RenderOptions};
pub use source::file::File;
#[cfg(feature = "k8s")]
pub use source::k8s::{K8s, K8sEnvironment, K8sVia};
pub use source::local::{Local, SortKey};
pub use source::scan::{Scan, TimingTemplate};
pub use source::{
    AfterCheck, CheckProxy, Confirm, ItemSink, ListContext, ListFuture, ListItem, Progress, Source, WatchFuture,
    collect, keep_watching,
};
