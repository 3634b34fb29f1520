//! `portolan serve`, as clients and operators see it.

mod access;
mod audit;
mod backup;
mod bench;
mod config;
mod dns;
mod dnspython;
mod doctor;
mod events;
mod export;
mod hostile;
mod lifecycle;
mod limits;
mod logs;
mod metrics;
mod monitor;
mod packaging;
mod prometheus;
mod reload;
mod rest;
mod schemathesis;
mod secrets;
mod seed;
mod server;
mod service_manager;
mod settings;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod traffic;

pub use server::{Reply, Server, exchange, folder, wait_until};
