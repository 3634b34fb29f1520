//! The sources `consul`, `etcd`, `dns` and `portolan`, against real servers and against hostile ones.

#![allow(unreachable_pub)]

#[path = "../../contract/suite.rs"]
mod suite;

mod command;
mod consul;
pub mod contract;
mod dns_hostile;
mod etcd;
mod files;
pub mod hostile;
mod hostile_registry;
pub mod json_http;
#[cfg(feature = "registry")]
mod own_registry;
pub mod programs;
pub mod relay;
mod tls;
pub mod watched;
