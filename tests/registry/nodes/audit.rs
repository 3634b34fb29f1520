//! The audit log of several servers is one chain.

use std::process::Command;
use std::thread;

use serde_json::Value;
use uuid::Uuid;

use super::database::shared;
use super::node::{registration, three, try_send};
use crate::support::{output, portolan_path};

/// Servers that write at once continue one chain, in the transactions of their changes: each change has its record.
#[test]
fn several_servers_write_one_chain() {
    let database = shared();
    let url = database.create();
    let nodes = three(&url);
    thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(|| {
                for _ in 0..20 {
                    let id = Uuid::new_v4().to_string();
                    let sent = try_send(node.address, "POST", "/api/v1/services", &registration(&id, 0));
                    assert_eq!(sent.map(|(status, ..)| status), Some(201));
                }
            });
        }
    });

    for node in &nodes {
        let registry = format!("portolan://{}", node.address);
        let audit = |args: &[&str]| {
            output(Command::new(portolan_path()).arg("audit").args(args).args(["--registry", &registry]).env_clear())
        };
        let verified = audit(&["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stderr));
        let listed: Value = serde_json::from_slice(&audit(&["--all", "--json"]).stdout).unwrap();
        let records = listed["items"].as_array().unwrap().iter();
        let indexes: Vec<u64> = records.filter_map(|record| record["index"].as_u64()).collect();
        assert_eq!(indexes, (1..=60).collect::<Vec<u64>>());
    }
}
