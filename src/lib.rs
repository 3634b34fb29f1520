//! portolan charts what serves here, where, and how well.

mod clean;
#[doc(hidden)]
pub mod cli;
mod error;
mod model;
mod output;
mod settings;
mod source;

pub use clean::{DISPLAY_CHARS, Untrusted};
pub use error::{Error, Result};
pub use model::{
    Address, Ancestor, Backlog, Column, Completeness, Container, Depth, Detail, Endpoint, Fault, Listing, LocalDetail,
    NetworkNamespace, Owner, PORT_NAMES, PortName, Ports, PortsError, Process, Scope, Service, SocketState, Transport,
    User, port_name,
};
pub use output::{End, Format, FormatName, Page};
pub use source::local::{Local, SortKey};
pub use source::{ListFuture, Sink, Source, collect};
