//! What a listing covers.

use super::{Addresses, NamespaceScope, Ports, Transport};

/// Addresses and ports that a listing covers. A comparison with an earlier listing ignores everything else.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// The network namespace.
    pub scope: NamespaceScope,
    /// The transport.
    pub transport: Transport,
    /// Whether TCP ports are scanned with half-open connections.
    pub half_open: bool,
    /// The addresses.
    pub addresses: Addresses,
    /// The ports.
    pub ports: Ports,
}
