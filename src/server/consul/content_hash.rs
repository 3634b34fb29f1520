//! The content hash of a service, with the value that Consul's agent gives it: a client that waits for a change of what it
//! knows sees none when this server takes the place of an agent.
//!
//! Consul hashes the Go value of its answer field by field. Here is what that comes to for this one value.

use super::services::{AgentService, ServiceAddress, Weights};

/// The content hash of a service, in hexadecimal digits.
pub(super) fn content_hash(service: &AgentService) -> String {
    let tags = service.tags.iter().fold(0, |hash, tag| pair(hash, text(tag)));
    let meta = entries(service.meta.iter().map(|(key, value)| (key.as_str(), text(value))));
    let tagged = entries(service.tagged_addresses.iter().map(|(tag, at)| (tag.as_str(), address(at))));
    let connect = if service.connect.is_some() {
        structure("AgentServiceConnect", &[("Native", flag(true)), ("SidecarService", NOTHING)])
    } else {
        NOTHING
    };

    // The fields in the order of Consul's type; the order does not count. An agent's service has no indexes, and no proxy here.
    let hash = structure(
        "AgentService",
        &[
            ("Kind", text("")),
            ("ID", text(&service.id)),
            ("Service", text(&service.service)),
            ("Tags", tags),
            ("Meta", meta),
            ("Port", number(service.port)),
            ("Address", text(&service.address)),
            ("TaggedAddresses", tagged),
            ("Weights", weights(service.weights)),
            ("EnableTagOverride", flag(service.enable_tag_override)),
            ("CreateIndex", NOTHING),
            ("ModifyIndex", NOTHING),
            ("ContentHash", text("")),
            ("Proxy", NOTHING),
            ("Connect", connect),
        ],
    );
    format!("{hash:x}")
}

fn address(at: &ServiceAddress) -> u64 {
    structure("ServiceAddress", &[("Address", text(&at.address)), ("Port", number(at.port))])
}

fn weights(weights: Weights) -> u64 {
    structure("AgentWeights", &[("Passing", number(weights.passing)), ("Warning", number(weights.warning))])
}

/// A structure: its name and its fields, in any order.
fn structure(name: &str, fields: &[(&str, u64)]) -> u64 {
    text(name) ^ entries(fields.iter().copied())
}

/// Names with their values, in any order.
fn entries<'e>(entries: impl Iterator<Item = (&'e str, u64)>) -> u64 {
    entries.map(|(key, value)| pair(text(key), value)).fold(0, |hash, entry| hash ^ entry)
}

/// Two hashes in this order.
fn pair(first: u64, second: u64) -> u64 {
    fnv(first.to_le_bytes().into_iter().chain(second.to_le_bytes()))
}

fn text(text: &str) -> u64 {
    fnv(text.bytes())
}

fn number(number: u16) -> u64 {
    fnv(u64::from(number).to_le_bytes().into_iter())
}

fn flag(truth: bool) -> u64 {
    fnv([u8::from(truth)].into_iter())
}

/// The hash of the number 0, which stands for a pointer to nothing too.
const NOTHING: u64 = {
    let (mut hash, mut at) = (OFFSET, 0);
    while at < 8 {
        hash = hash.wrapping_mul(PRIME);
        at += 1;
    }
    hash
};

/// FNV-1 with 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(OFFSET, |hash, byte| hash.wrapping_mul(PRIME) ^ u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The service of `TestAPI_AgentService` of Consul's Go client, which names its hash.
    #[test]
    fn the_hash_is_that_of_consul() {
        let service = AgentService {
            id: "foo".to_owned(),
            service: "foo".to_owned(),
            tags: vec!["bar".to_owned(), "baz".to_owned()],
            meta: BTreeMap::new(),
            port: 8000,
            address: String::new(),
            tagged_addresses: BTreeMap::new(),
            weights: Weights { passing: 1, warning: 1 },
            enable_tag_override: false,
            content_hash: None,
            connect: None,
        };
        assert_eq!(content_hash(&service), "6b13684bfe179e67");
        assert_eq!(NOTHING, number(0));

        let changed = AgentService { port: 8001, ..service.clone() };
        let moved = AgentService { tags: service.tags.iter().rev().cloned().collect(), ..service };
        assert!([&changed, &moved].iter().all(|other| content_hash(other) != "6b13684bfe179e67"));
    }
}
