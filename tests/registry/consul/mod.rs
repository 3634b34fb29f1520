//! Consul's HTTP API of `portolan serve`: each endpoint, blocking queries, the real Consul beside it, and Consul's own
//! command line.

mod access;
mod agent;
mod blocking;
mod catalog;
mod client;
mod clients;
mod compatibility;
mod differential;
mod health;
mod imports;
mod programs;
mod requests;

pub use access::key;
pub use client::{ConsulServer, send, send_text};
pub use clients::clients_folder;
