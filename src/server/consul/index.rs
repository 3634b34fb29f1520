//! The index of the registry, as Consul's clients read it.

/// The index of a registry without changes. A server of Consul registers its own node first, and clients take an index of 2
/// as the sign that it has.
const OWN_NODE_INDEX: u64 = 2;

/// An index as clients read it. The first change comes after that of this server's node: a client that waits with the index
/// of a registry without changes waits for that one.
pub(super) fn shown_index(index: u64) -> u64 {
    OWN_NODE_INDEX + index
}
