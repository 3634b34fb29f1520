//! How an endpoint is judged. One file per check; README.md says how to add one.
//!
//! A check looks once and says what it saw. What that means is a pure function of what was seen, so that the same evidence
//! gives the same findings on another machine and day. How often to look, how long to wait and whether to look at all is
//! for whoever calls.

mod certificate;
mod dns;
mod grpc;
mod http;
mod protocol;
mod scale;
mod script;
mod stability;
mod tcp;
mod tls;

use serde::{Deserialize, Serialize};

use crate::model::{Finding, FindingKind, Ran, Report};

/// Rows of findings: name, code, points or cap or both, what it means, what to do about it.
macro_rules! findings {
    ($group:expr; $($name:ident = $code:literal, $($points:literal)? $(, cap $also:literal)? $(cap $cap:literal)?, $text:literal, $hint:literal;)*) => {
        $(static $name: $crate::model::FindingKind = $crate::model::FindingKind::new(
            $code,
            $group,
            (0 $(+ $points)?, $crate::check::cap(&[$($also)? $($cap)?])),
            $text,
            $hint,
        );)*

        /// Everything that is found here, in the order of the table.
        pub(super) static FINDINGS: &[&$crate::model::FindingKind] = &[$(&$name),*];
    };
}
use findings;

/// The cap that a row has, if it has one.
const fn cap(given: &[u8]) -> Option<u8> {
    match given {
        [cap, ..] => Some(*cap),
        [] => None,
    }
}

/// Registers checks: the word for each, and the file where it lives.
macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident => $module:ident,)*) => {
        /// The checks that there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum CheckName {
            $($(#[$doc])* $variant,)*
        }

        impl CheckName {
            /// All of them, in the order in which they run.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }
        }

        /// What a check saw.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "check", rename_all = "lowercase")]
        pub(crate) enum Seen {
            $($variant($module::Seen),)*
        }

        impl Seen {
            /// The check that saw it.
            pub(crate) fn name(&self) -> CheckName {
                match self { $(Self::$variant(_) => CheckName::$variant,)* }
            }

            /// What is wrong, by what was seen.
            pub(crate) fn judge(&self) -> Vec<Finding> {
                match self { $(Self::$variant(seen) => seen.judge(),)* }
            }

            /// Whether no answer came at all: the one thing that asking again may mend.
            pub(crate) fn is_silent(&self) -> bool {
                match self { $(Self::$variant(seen) => seen.is_silent(),)* }
            }

            /// Takes in what the same check saw at a later look.
            pub(crate) fn absorb(&mut self, later: Self) {
                match (self, later) {
                    $((Self::$variant(seen), Self::$variant(later)) => seen.absorb(later),)*
                    // Looks of different checks are never put together.
                    _ => {}
                }
            }
        }
    };
}

checks! {
    /// The name leads to the address, by every resolver
    Dns => dns,
    /// Connections can be made, and how fast
    Tcp => tcp,
    /// TLS is spoken as it should be, and the certificate is good
    Tls => tls,
    /// HTTP answers what is expected, and how fast
    Http => http,
    /// A gRPC server says that it is serving
    Grpc => grpc,
    /// The server says in its own protocol that it is well
    Protocol => protocol,
    /// A program of yours says that it is well
    Script => script,
    /// The results of several looks are steady
    Stability => stability,
}

impl Seen {
    /// The report of a check that looked.
    pub(crate) fn report(&self) -> Report {
        let hindrance = match self {
            Self::Dns(seen) => seen.hindrance(),
            _ => None,
        };
        Report { check: self.name().as_str(), ran: hindrance.map_or(Ran::Yes, Ran::Hindered), findings: self.judge() }
    }
}

/// Every kind of finding that takes points, in the order of the table.
pub fn scored_findings() -> impl Iterator<Item = &'static FindingKind> {
    let tables = [
        tcp::FINDINGS,
        http::FINDINGS,
        grpc::FINDINGS,
        protocol::FINDINGS,
        script::FINDINGS,
        tls::FINDINGS,
        certificate::FINDINGS,
        dns::FINDINGS,
        stability::FINDINGS,
    ];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.kind.code).collect()
}
