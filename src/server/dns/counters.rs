//! What the metrics say about DNS.

use std::sync::atomic::{AtomicU64, Ordering};

use super::answer::{DnsOutcome, Transport};
use super::protocol::{CODE_BAD_VERSION, CODE_FORMAT_ERROR, CODE_NO_NAME, CODE_NOT_IMPLEMENTED, CODE_OK, CODE_REFUSED};

/// The codes of replies, and their names in the metrics.
const CODES: [(u16, &str); 6] = [
    (CODE_OK, "noerror"),
    (CODE_FORMAT_ERROR, "formerr"),
    (CODE_NO_NAME, "nxdomain"),
    (CODE_NOT_IMPLEMENTED, "notimp"),
    (CODE_REFUSED, "refused"),
    (CODE_BAD_VERSION, "badvers"),
];

/// Counts queries and replies.
#[derive(Debug, Default)]
pub(in crate::server) struct DnsCounters {
    udp: AtomicU64,
    tcp: AtomicU64,
    codes: [AtomicU64; CODES.len()],
    truncated: AtomicU64,
    ignored: AtomicU64,
    limited: AtomicU64,
    unsent: AtomicU64,
    refused_connections: AtomicU64,
}

impl DnsCounters {
    pub(super) fn query(&self, transport: Transport) {
        add(match transport {
            Transport::Udp { .. } => &self.udp,
            Transport::Tcp => &self.tcp,
        });
    }

    pub(super) fn answered(&self, answered: DnsOutcome) {
        match answered {
            DnsOutcome::Ignored => add(&self.ignored),
            DnsOutcome::Reply { code, is_truncated } => {
                if let Some(at) = CODES.iter().position(|(known, _)| *known == code) {
                    add(&self.codes[at]);
                }
                if is_truncated {
                    add(&self.truncated);
                }
            }
        }
    }

    pub(super) fn limited(&self) {
        add(&self.limited);
    }

    pub(super) fn not_sent(&self) {
        add(&self.unsent);
    }

    pub(super) fn connection_refused(&self) {
        add(&self.refused_connections);
    }

    /// Queries by transport.
    pub(in crate::server) fn queries(&self) -> [(&'static str, u64); 2] {
        [("udp", read(&self.udp)), ("tcp", read(&self.tcp))]
    }

    /// Replies by code.
    pub(in crate::server) fn replies(&self) -> Vec<(&'static str, u64)> {
        CODES.iter().zip(&self.codes).map(|((_, name), count)| (*name, read(count))).collect()
    }

    /// The other counters: name, help and count.
    pub(in crate::server) fn others(&self) -> [(&'static str, &'static str, &AtomicU64); 5] {
        [
            ("portolan_dns_truncated", "Truncated DNS replies", &self.truncated),
            ("portolan_dns_ignored", "Messages to DNS that are not requests", &self.ignored),
            ("portolan_dns_limited", "DNS queries above the limit of their address", &self.limited),
            ("portolan_dns_unsent", "DNS replies that could not be sent", &self.unsent),
            ("portolan_dns_refused_connections", "Connections to DNS above a limit", &self.refused_connections),
        ]
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
