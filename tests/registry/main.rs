//! The registries: sources, registration, resolving and the server, against real servers and hostile ones, on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]
#![cfg(all(feature = "cli", feature = "consul", feature = "etcd"))]

#[path = "../contract/suite.rs"]
mod suite;
#[path = "../support/mod.rs"]
mod support;

mod command;
mod consul;
mod contract;
mod dns_hostile;
mod etcd;
mod examples;
#[cfg(feature = "grpc")]
mod grpc;
mod hostile;
mod json_http;
mod programs;
mod registration;
mod tls;
mod watched;
