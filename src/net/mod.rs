//! How peers are reached: connections, probes, TLS, HTTP, and the limits of this machine.

mod bounded;
mod certificate;
mod connect;
mod connection;
mod deadline;
mod dial;
mod echo;
mod half_open;
mod hello;
pub(crate) mod http;
mod http_proxy;
mod limits;
mod name_servers;
mod neighbours;
mod netns;
mod outcome;
mod packet;
mod prober;
mod raw;
mod read_file;
mod resolve;
mod runtime;
mod starttls;
pub(crate) mod tls;

pub(crate) use bounded::AsyncStream;
pub(crate) use certificate::certificate;
pub(crate) use connect::Connector;
pub(crate) use connection::{Connection, ConnectionError};
pub(crate) use deadline::Deadline;
pub(crate) use dial::{ConnectError, dial, dial_in};
pub(crate) use echo::Echo;
pub(crate) use half_open::HalfOpen;
pub(crate) use hello::{OldVersion, VersionOutcome, ask_version};
pub(crate) use http_proxy::{HttpProxy, Route};
#[cfg(feature = "k8s")]
pub(crate) use http_proxy::{ProxyConnect, ProxyFuture, ViaAnswer};
pub(crate) use limits::{descriptors_for_sockets, ephemeral_ports};
pub(crate) use name_servers::{LookupError, NameServer, name_servers};
pub(crate) use neighbours::neighbours;
pub(crate) use netns::{OtherNamespace, open_in};
pub(crate) use outcome::{ConnectOutcome, LocalShortage};
pub(crate) use prober::{AttemptEnd, AttemptStart, Probe, Prober, WaitDecision};
pub(crate) use read_file::read_file;
pub(crate) use resolve::{Family, interface_index, interface_name, own_addresses, resolve, with_interface};
pub(crate) use runtime::runtime;
pub(crate) use starttls::{StartTls, start_tls};
