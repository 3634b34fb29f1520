//! Notes about the identification as a whole.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use crate::error::plain;
use crate::model::{Address, Endpoint, Identity, NetworkNamespace, PartialError};
use crate::probe::UNSTABLE;
use crate::source::ItemSink;

/// From this many identical replies of one host on, a note says so.
const MIN_UNIFORM_PORTS: usize = 50;

/// Counts for the notes at the end.
#[derive(Default)]
pub(super) struct IdentifyNotes {
    pub(super) started: u64,
    pub(super) finished: u64,
    pub(super) spared: BTreeSet<u16>,
    pub(super) gone: usize,
    pub(super) unstable: usize,
    pub(super) out_of_reach: BTreeMap<&'static str, usize>,
    /// Ports by host and by a hash of the identity.
    alike: HashMap<(IpAddr, Option<NetworkNamespace>, u64), usize>,
}

impl IdentifyNotes {
    /// Counts an identity.
    pub(super) fn count(&mut self, endpoint: &Endpoint, netns: Option<NetworkNamespace>, identity: &Identity) {
        self.unstable += usize::from(identity.facts.get(UNSTABLE) == Some(&true.into()));
        if let Address::Ip(ip) = endpoint.address {
            let mut hasher = DefaultHasher::new();
            identity.hash(&mut hasher);
            *self.alike.entry((ip, netns, hasher.finish())).or_default() += 1;
        }
    }

    /// Writes the notes.
    pub(super) fn report(&self, out: &mut dyn ItemSink) {
        let mut alike: Vec<_> = self.alike.iter().filter(|(_, count)| **count >= MIN_UNIFORM_PORTS).collect();
        alike.sort_unstable_by_key(|((ip, netns, hash), _)| (ip, netns.as_ref().map(|netns| netns.inode), hash));
        for ((ip, ..), count) in alike {
            out.note(format!(
                "uniform answers: {count} ports of {ip} reply identically; a middlebox may reply for all of them"
            ));
        }

        if !self.spared.is_empty() {
            let ports: Vec<_> = self.spared.iter().map(ToString::to_string).collect();
            let were = if ports.len() == 1 { ("port", "was") } else { ("ports", "were") };
            out.note(format!(
                "{} {} {} not probed: printers print what they receive, and controllers of machines may stop; --intensity all probes them",
                were.0,
                ports.join(","),
                were.1
            ));
        }
        if self.gone > 0 {
            out.note(format!("{} no longer accepted a connection for identification", self.gone));
        }
        if self.unstable > 0 {
            let count = self.unstable;
            out.note(format!("{count} unstable: some connections get no reply, or a different one"));
        }
        for (why, count) in &self.out_of_reach {
            out.note(format!("{count} could not be probed: {why}"));
        }
    }
}

/// The error that this machine could not probe an endpoint.
pub(super) fn local_error(endpoint: &Endpoint, error: &io::Error) -> PartialError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "look for a sandbox, a security module or a `prohibit` route",
        _ => "raise the limits of this process (`ulimit -n`), or probe fewer at a time",
    };
    PartialError { operation: format!("identify {endpoint}"), cause: plain(error), hint: hint.to_owned() }
}
