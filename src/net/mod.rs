//! How we reach peers: the connect loop's sockets, and what this machine allows.

mod answer;
mod bounded;
mod certificate;
mod connect;
mod deadline;
mod dial;
mod echo;
mod half_open;
mod hello;
pub(crate) mod http;
mod limits;
mod name_servers;
mod neighbours;
mod netns;
mod packet;
mod peer;
mod prober;
mod raw;
mod resolve;
mod runtime;
mod starttls;
pub(crate) mod tls;
mod via;

pub(crate) use answer::{Answer, Shortage};
pub(crate) use bounded::Wire;
pub(crate) use certificate::certificate;
pub(crate) use connect::Connector;
pub(crate) use deadline::Deadline;
pub(crate) use dial::{DialError, dial, dial_in};
pub(crate) use echo::Echo;
pub(crate) use half_open::HalfOpen;
pub(crate) use hello::{OldVersion, Taken, ask_version};
pub(crate) use limits::{descriptors_for_sockets, ephemeral_ports};
pub(crate) use name_servers::{LookupError, NameServer, name_servers};
pub(crate) use neighbours::neighbours;
pub(crate) use netns::{OtherNamespace, open_in};
pub(crate) use peer::{Peer, PeerError};
pub(crate) use prober::{Begun, Ended, Patience, Probe, Prober};
pub(crate) use resolve::{Family, interface_index, interface_name, own_addresses, resolve, with_interface};
pub(crate) use runtime::runtime;
pub(crate) use starttls::{StartTls, start_tls};
#[cfg(feature = "k8s")]
pub(crate) use via::{Asking, Connecting, ViaAnswer};
pub(crate) use via::{Via, Way};
