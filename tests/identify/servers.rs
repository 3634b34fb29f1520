//! The real servers, of which the test knows what they are.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{KINDS, Listing, Outcome, Row, Server, Servers};

/// What was said of a server: of its address, or of all addresses if it listens on them.
fn row<'l>(listing: &'l Listing, server: &Server) -> &'l Row {
    let SocketAddr::V4(address) = server.address else { panic!("servers have addresses of IPv4") };
    let keys = [
        format!("{} {address}", server.kind.transport),
        format!("{} [::ffff:{}]:{}", server.kind.transport, address.ip(), address.port()),
    ];
    let found = listing.rows.iter().find(|row| keys.contains(&row.key()));
    found.unwrap_or_else(|| panic!("no row for {} in {:?}", keys[0], listing.keys()))
}

/// What is wrong with what was said of a server.
fn wrong(said: &Value, server: &Server) -> Option<String> {
    let kind = server.kind;
    let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
    let right = text("protocol") == kind.protocol
        && kind.product.is_none_or(|product| text("product") == product)
        && (!kind.tells_version || text("version").starts_with(&server.version))
        && (kind.tells_version || said["version"].is_null())
        && said["tls"].is_object() == kind.tls;
    (!right).then(|| format!("{} {} ({:?}, {}): {said}", kind.name, server.address, kind.product, server.version))
}

/// That each of them was named rightly.
fn assert_named(outcome: &Outcome, servers: &[Server]) {
    let listing = outcome.listing();
    let said = |server| &row(&listing, server).0["endpoints"][0]["service"];
    let wrong: Vec<String> = servers.iter().filter_map(|server| wrong(said(server), server)).collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), servers.len(), wrong.join("\n"));
}

#[test]
fn at_their_usual_ports_each_is_named() {
    let servers = Servers::start(KINDS, 0);
    assert_named(&servers.scene().portolan().args("--identify --intensity all --json").run(), &servers.all);
}

#[test]
fn at_odd_ports_each_is_named() {
    let servers = Servers::start(KINDS, 20000);
    assert_named(&servers.scene().portolan().args("--identify --intensity all --json").run(), &servers.all);
}
