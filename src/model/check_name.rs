//! Names of checks.

use serde::{Deserialize, Serialize};

/// The built-in checks, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum CheckName {
    /// The name resolves to the address, at every resolver
    Dns,
    /// Connections succeed, and fast enough
    Tcp,
    /// The TLS configuration and the certificate are valid
    Tls,
    /// The HTTP response is as expected, and fast enough
    Http,
    /// A gRPC server reports that it is serving
    Grpc,
    /// The server reports in its own protocol that it is healthy
    Protocol,
    /// Your own program reports that the service is healthy
    Script,
    /// The results of several checks are stable
    Stability,
}

impl CheckName {
    /// All checks.
    pub const ALL: [Self; 8] =
        [Self::Dns, Self::Tcp, Self::Tls, Self::Http, Self::Grpc, Self::Protocol, Self::Script, Self::Stability];

    /// Its name.
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
