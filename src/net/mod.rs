//! How we reach peers: the connect loop's sockets, and what this machine allows.

mod answer;
mod connect;
mod limits;
mod resolve;

pub(crate) use answer::{Answer, Shortage};
pub(crate) use connect::{Begun, Connector, Ended, Probe};
pub(crate) use limits::{descriptors_for_sockets, ephemeral_ports};
pub(crate) use resolve::{Family, own_addresses, resolve, with_interface};
