//! The real servers, of which the test knows what they are.

use std::collections::BTreeSet;

use crate::support::{KINDS, Servers};

#[test]
fn all_of_them_run_and_are_listed() {
    let servers = Servers::start(KINDS, 20000);
    let listing = servers.scene().portolan().list();
    let listed: BTreeSet<String> = listing.keys().into_iter().collect();
    for server in &servers.all {
        let key = format!("{} {}", server.kind.transport, server.address);
        let mapped = format!("{} [::ffff:{}]:{}", server.kind.transport, server.address.ip(), server.address.port());
        assert!(listed.contains(&key) || listed.contains(&mapped), "no {key} for {} in {listed:?}", server.kind.name);
    }
}
