//! Servers that start: together on an empty database, or on one that they cannot use.

use std::net::TcpListener;

use portolan::store::POSTGRES_FORMAT;

use super::database::shared;
use super::node::{list, node, registration, three, wait_for_the_same_index};
use crate::serve::Server;

#[test]
fn three_servers_that_start_together_migrate_once_and_are_one_registry() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    for (number, node) in nodes.iter().enumerate() {
        node.register(&registration(&format!("i-{number}"), 30));
    }
    wait_for_the_same_index(&[&nodes[2], &nodes[0], &nodes[1]]);
    let lists: Vec<_> = nodes.iter().map(list).collect();
    assert!(lists.iter().all(|list| list.index == 3 && list.instances.len() == 3));

    let rows = database.sql(&url, "SELECT format, last_index, cluster FROM portolan.meta");
    assert_eq!(rows, format!("{POSTGRES_FORMAT}|3|default"));
    let status = nodes[0].get("/api/v1/status").json()["data"].clone();
    assert!(!status["off"].as_array().unwrap().iter().any(|part| part == "clustering"), "{status}");
    let kind = status["store"]["kind"].as_str().unwrap();
    assert!(kind.starts_with("PostgreSQL postgresql://portolan@127.0.0.1:"), "{kind}");

    // All are stopped, and one starts again: everything is there.
    drop(nodes);
    assert_eq!(list(&node(&url, "d")).instances.len(), 3);
}

/// Starts a server that cannot start, and checks its one line and its hint.
fn assert_refused(url: &str, more: &[&str], parts: &[&str]) {
    let args = ["--database-url", url];
    let said = Server::try_with(args.iter().chain(more).copied()).err().unwrap_or_else(|| panic!("{url} started"));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_database_that_cannot_be_used_is_refused_with_one_line_and_a_hint() {
    let database = shared();
    let url = database.create();
    drop(node(&url, "a"));

    let nothing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_refused(&format!("postgresql://u:s3cret@{nothing}/d"), &[], &["Connection refused", "PostgreSQL runs"]);
    // It accepts, and stays silent: a start does not show an empty registry in place of what it cannot read.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    assert_refused(&format!("postgresql://u:s3cret@{address}/d"), &[], &["no reply within 3 s"]);

    assert_refused(&database.url("nowhere"), &[], &[r#"database "nowhere" does not exist"#, "createdb"]);
    assert_refused(&url, &["--cluster", "other"], &["it belongs to the cluster 'default', not to 'other'"]);
    let tls = url.replace("sslmode=disable", "sslmode=require");
    assert_refused(&tls, &[], &["TLS", "sslmode=disable"]);

    database.sql("postgres", "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on");
    assert_refused(&url.replace("portolan@", "reader@"), &[], &["standby", "primary"]);
    database.sql("postgres", "CREATE ROLE stranger LOGIN");
    let fresh = database.create();
    assert_refused(&fresh.replace("portolan@", "stranger@"), &[], &["permission denied", "GRANT CREATE"]);

    database.sql(&url, "UPDATE portolan.meta SET format = 99");
    assert_refused(&url, &[], &[&format!("it has format 99, and this portolan knows up to {POSTGRES_FORMAT}")]);
    assert_refused("postgresql://u:s3cret@127.0.0.1:1/d", &["--data", "a.db"], &["--data"]);
}

#[test]
fn the_host_that_can_be_written_to_is_found_among_several() {
    let database = shared();
    let url = database.create();
    let (before, after) = url.split_once("@127").unwrap();
    let nothing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let several = format!("{before}@{nothing},127{after}");
    node(&several, "a").register(&registration("i", 30));
    assert_eq!(list(&node(&url, "b")).instances.len(), 1);
}
