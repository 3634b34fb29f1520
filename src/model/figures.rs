//! What a check measured, for people, metrics and reports. It never takes points by itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The figures of the last check of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// The address of the name that was checked, if the endpoint has a name.
    #[serde(rename = "checked_address", default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How long each phase took, in microseconds, as measured: delays of this machine count here, and not in the score.
    #[serde(default, skip_serializing_if = "Latencies::is_empty")]
    pub latency_us: Latencies,
    /// The status of the HTTP reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The whole days until the certificate expires; negative if it has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<i64>,
    /// Whether there is a certificate, and no name to compare it with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate_name_unchecked: bool,
    /// When the first certificate of the path expires (notAfter), in seconds since 1970. Documents have it in the certificate.
    #[serde(skip)]
    pub certificate_end: Option<i64>,
}

/// The latency of each phase, in microseconds: the median of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latencies {
    /// Resolving the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<u64>,
    /// Connecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<u64>,
    /// The TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<u64>,
    /// From the request to the head of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<u64>,
    /// From the name to the end of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Latencies {
    /// The phases and their names, in their order.
    pub fn phases(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("name", self.name),
            ("connect", self.connect),
            ("tls", self.tls),
            ("first_byte", self.first_byte),
            ("total", self.total),
        ]
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the time of the reply to that of the phases before it.
    pub(crate) fn set_total(&mut self, reply: u64) {
        let before = [self.name, self.connect, self.tls].into_iter().flatten().sum::<u64>();
        self.total = Some(before.saturating_add(reply));
    }
}
