//! Identification: portolan against real servers, each started by the test, and against hostile peers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod answers;
mod certificates;
mod datagrams;
mod endings;
mod hostile;
mod kinds;
mod late;
mod limits;
mod more_servers;
mod own;
#[path = "../peers/mod.rs"]
mod peers;
mod probe_files;
mod published;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
