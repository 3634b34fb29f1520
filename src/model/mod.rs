//! Plain data: what is found, and the words it is described in. No input, no output, no clock.

mod listing;
mod local;
mod port_names;
mod ports;
mod scope;
mod service;

pub use listing::{Completeness, Depth, Fault, Listing};
pub use local::{Ancestor, Backlog, Container, LocalDetail, NetworkNamespace, Owner, Process, SocketState, User};
pub use port_names::{PORT_NAMES, PortName, port_name};
pub use ports::{Ports, PortsError};
pub use scope::Scope;
pub use service::{Address, Column, Detail, Endpoint, Service, Shown, Transport};
