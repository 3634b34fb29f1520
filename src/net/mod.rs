//! How we reach peers: the connect loop's sockets, and what this machine allows.

mod connect;
mod limits;
mod resolve;

pub(crate) use connect::{Answer, Begun, Connector, Ended, Probe, Shortage};
pub(crate) use limits::{descriptors_for_sockets, ephemeral_ports};
pub(crate) use resolve::{Family, own_addresses, resolve, with_interface};
