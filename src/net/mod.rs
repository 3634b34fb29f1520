//! How peers are reached: connections, probes, TLS, HTTP, and the limits of this machine.

mod address_policy;
mod bounded;
mod certificate;
mod connect;
mod connection;
mod crypto;
mod deadline;
mod dial;
mod echo;
#[cfg(any(feature = "cli", feature = "consul", feature = "etcd", feature = "k8s", feature = "registry"))]
pub(crate) mod error_chain;
mod half_open;
pub(crate) mod hello;
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
#[cfg(any(feature = "cli", feature = "consul", feature = "etcd", feature = "registry"))]
pub(crate) mod registry_http;
mod reply_ports;
mod resolve;
mod runtime;
mod sender;
mod signature;
mod starttls;
pub(crate) mod tls;
mod tls_identity;
mod tls_words;
mod tunnel;
mod unix_socket;

pub(crate) use address_policy::AddressPolicy;
pub(crate) use bounded::{AsyncStream, ReceivedPrefix, is_echo};
pub(crate) use certificate::{certificate, has_p521_key, has_pss_key};
pub(crate) use connect::Connector;
pub(crate) use connection::{Connection, ConnectionError};
pub(crate) use crypto::provider as crypto_provider;
pub(crate) use deadline::Deadline;
pub(crate) use dial::{ConnectError, dial, dial_in};
pub(crate) use echo::Echo;
pub(crate) use half_open::HalfOpen;
pub(crate) use hello::Version;
pub(crate) use http_proxy::{HttpProxy, Route};
#[cfg(feature = "k8s")]
pub(crate) use http_proxy::{ProxyConnect, ProxyFuture, ViaAnswer};
pub(crate) use limits::{descriptors_for_sockets, ephemeral_ports, forbid_core_dumps};
pub(crate) use name_servers::{LookupError, NameRecord, NameRecords, NameServer, RecordData, RecordKind, name_servers};
pub(crate) use neighbours::neighbours;
pub(crate) use netns::{OtherNamespace, open_in};
pub(crate) use outcome::{ConnectOutcome, LocalShortage};
pub(crate) use prober::{AttemptEnd, AttemptStart, Probe, Prober, WaitDecision};
pub(crate) use read_file::read_file;
pub(crate) use reply_ports::ReplyPorts;
pub(crate) use resolve::{
    Family, interface_index, interface_name, is_localhost, is_on_link, localhost_addresses, own_addresses, resolve,
    with_interface,
};
pub(crate) use runtime::{BackgroundRuntime, runtime};
pub(crate) use sender::ProbeSender;
pub(crate) use signature::{SignatureCheck, verify_certificate};
pub(crate) use starttls::{StartTls, start_tls};
pub(crate) use tls_identity::TlsIdentity;
pub(crate) use tls_words::{describe as describe_tls_error, find as find_tls_error};
pub(crate) use tunnel::{TunnelProber, TunnelProxy};
pub(crate) use unix_socket::try_unix_socket;
