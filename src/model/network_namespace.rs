//! A network namespace.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clean::Untrusted;

/// A network namespace of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkNamespace {
    /// The inode that identifies it while it lives.
    pub inode: u64,
    /// The name that `ip netns` gave it.
    pub name: Option<Untrusted>,
}

impl fmt::Display for NetworkNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => name.fmt(f),
            None => self.inode.fmt(f),
        }
    }
}
