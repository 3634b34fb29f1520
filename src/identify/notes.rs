//! What there is to say of the asking beside the answers.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use crate::error::plain;
use crate::model::{Address, Endpoint, Identity, NetworkNamespace, PartialError};
use crate::probe::UNSTABLE;
use crate::source::ItemSink;

/// So many ports of one host that answer alike are worth a word.
const ALIKE: usize = 50;

/// What there is to say in the end.
#[derive(Default)]
pub(super) struct IdentifyNotes {
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) spared: BTreeSet<u16>,
    pub(super) gone: usize,
    pub(super) unstable: usize,
    pub(super) out_of_reach: BTreeMap<&'static str, usize>,
    /// By host, and by a hash of what it says.
    alike: HashMap<(IpAddr, Option<NetworkNamespace>, u64), usize>,
}

impl IdentifyNotes {
    /// Counts an answer.
    pub(super) fn count(&mut self, endpoint: &Endpoint, netns: Option<NetworkNamespace>, identity: &Identity) {
        self.unstable += usize::from(identity.facts.get(UNSTABLE) == Some(&true.into()));
        if let Address::Ip(ip) = endpoint.address {
            let mut hasher = DefaultHasher::new();
            identity.hash(&mut hasher);
            *self.alike.entry((ip, netns, hasher.finish())).or_default() += 1;
        }
    }

    /// Says it.
    pub(super) fn say(&self, out: &mut dyn ItemSink) {
        let mut alike: Vec<_> = self.alike.iter().filter(|(_, count)| **count >= ALIKE).collect();
        alike.sort_unstable_by_key(|((ip, netns, hash), _)| (ip, netns.as_ref().map(|netns| netns.inode), hash));
        for ((ip, ..), count) in alike {
            out.note(format!(
                "uniform answers: {count} ports of {ip} say the same; something on the way may answer for all"
            ));
        }
        if !self.spared.is_empty() {
            let ports: Vec<_> = self.spared.iter().map(ToString::to_string).collect();
            let were = if ports.len() == 1 { ("port", "was") } else { ("ports", "were") };
            out.note(format!(
                "{} {} {} left alone: printers print what they are sent; --intensity all asks them",
                were.0,
                ports.join(","),
                were.1
            ));
        }
        if self.gone > 0 {
            out.note(format!("{} took no connection any more when asked what they are", self.gone));
        }
        if self.unstable > 0 {
            let count = self.unstable;
            out.note(format!("{count} unstable: not every connection to them is answered, or not in the same way"));
        }
        for (why, count) in &self.out_of_reach {
            out.note(format!("{count} could not be asked what they are: {why}"));
        }
    }
}

/// That this machine could not ask an endpoint, and why.
pub(super) fn unasked(endpoint: &Endpoint, error: &io::Error) -> PartialError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "look for a sandbox, a security module or a `prohibit` route",
        _ => "raise the limits of this process (`ulimit -n`), or ask fewer at a time",
    };
    PartialError { operation: format!("identify {endpoint}"), cause: plain(error), hint: hint.to_owned() }
}
