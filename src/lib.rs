//! portolan charts what serves here, where, and how well.
//!
//! The same code is a command, `portolan`, and this library. A program asks a source and gets typed services:
//!
//! ```
//! use portolan::model::Scope;
//! use portolan::source::Local;
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
//! use portolan::model::{Address, Column, Completeness, Timestamp, Transport};
//! use portolan::output::{FormatName, RenderOptions};
//! use portolan::source::{ItemSink, ListContext, ListFuture, collect};
//! use portolan::{Detail, Endpoint, Service, Source};
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
//! let page = RenderOptions { columns: Harbours.columns(), identified: false, generated: Timestamp::now(), width: None, color: false, links: false };
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
//! | [`model`] | plain data: [`Service`], [`Endpoint`], [`Detail`], [`Listing`], ports, addresses, health | |
//! | `net` | how we reach peers: the connect loop, TLS, HTTP, bounded reads, names, limits of this machine | `engine` `model` |
//! | `probe` | what speaks here: one file per protocol | `net` `engine` `model` |
//! | [`source`] | where services come from: [`Source`] and one folder or file per source | `probe` `net` `engine` `model` |
//! | [`check`] | how an endpoint is judged: one file per check | `probe` `net` `engine` `model` |
//! | `store` | where the registry's truth is kept: memory, or one SQLite file | `probe` `net` `engine` `model` |
//! | [`balance`] | which endpoint serves the next call: one file per strategy | `probe` `net` `engine` `model` |
//! | [`output`] | how results look: one file per format | `probe` `net` `engine` `model` |
//! | [`catalog`] | what a source has, kept up to date: a writer, readers, what changed | `balance` `engine` `model` |
//! | [`identify`] | a source whose services are asked what they are | `source` `probe` `net` `engine` `model` |
//! | [`health`] | validation of many services, once or continuously | `catalog` `check` `source` `engine` `net` `model` |
//! | `registry` | the registry's rules as a pure state machine | `model` |
//! | [`drift`] | what is registered, what listens and what replies, compared | `identify` `source` `engine` `net` `model` |
//! | [`client`] | what programs use most: registering, resolving, watching, waiting | `registry` `store` `catalog` `balance` `health` `identify` `source` `output` `engine` `net` `model` |
//! | `server` | the registry server | `registry` `store` `balance` `catalog` `health` `identify` `source` `output` `engine` `net` `model` |
//! | `cli` | the command: composes, prints, exits | everything |
//!
//! Below them `error` says what could not be done, `clean` is the only way for foreign text to a terminal or a
//! file, and `settings` layers flags, environment and file. `tests/layers` holds the table.

// Without the command, what only it calls is unused.
#![cfg_attr(not(all(feature = "cli", feature = "k8s")), allow(dead_code, unused_imports, unused_variables))]

pub mod balance;
pub mod catalog;
pub mod check;
mod clean;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod client;
pub mod drift;
pub mod engine;
mod error;
pub mod health;
pub mod identify;
pub mod model;
mod net;
pub mod output;
mod probe;
#[cfg(feature = "serve")]
pub mod registry;
#[cfg(feature = "serve")]
pub mod server;
#[cfg(feature = "cli")]
mod settings;
pub mod source;
#[cfg(feature = "serve")]
pub mod store;

/// The code on the page for programmers compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
struct LibraryPage;

/// What `fuzz/` calls.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz {
    pub use crate::check::fuzz::check;
    #[cfg(all(feature = "cli", feature = "serve"))]
    pub use crate::cli::fuzz::settings_file;
    pub use crate::health::fuzz::document;
    pub use crate::probe::fuzz::{handshake, speak, tunnel};
    #[cfg(feature = "serve")]
    pub use crate::server::consul::fuzz::consul_request;
    #[cfg(feature = "serve")]
    pub use crate::server::dns::fuzz::answer_dns;
    #[cfg(feature = "serve")]
    pub use crate::server::eureka::fuzz::eureka_instance;
    #[cfg(feature = "serve")]
    pub use crate::server::fuzz::rest_body;
}

pub use error::{Error, Result};
pub use model::{Detail, Endpoint, Listing, Service};
pub use source::Source;
