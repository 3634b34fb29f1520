//! The words for checks.

use serde::{Deserialize, Serialize};

/// The checks that there are, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum CheckName {
    /// The name leads to the address, by every resolver
    Dns,
    /// Connections can be made, and how fast
    Tcp,
    /// TLS is spoken as it should be, and the certificate is good
    Tls,
    /// HTTP answers what is expected, and how fast
    Http,
    /// A gRPC server says that it is serving
    Grpc,
    /// The server says in its own protocol that it is well
    Protocol,
    /// A program of yours says that it is well
    Script,
    /// The results of several looks are steady
    Stability,
}

impl CheckName {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Dns, Self::Tcp, Self::Tls, Self::Http, Self::Grpc, Self::Protocol, Self::Script, Self::Stability];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Protocol => "protocol",
            Self::Script => "script",
            Self::Stability => "stability",
        }
    }
}
