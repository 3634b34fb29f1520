//! `portolan serve`, as clients and operators see it.

mod access;
mod audit;
mod backup;
mod bench;
#[cfg(feature = "grpc")]
mod check_kinds;
mod config;
mod dns;
mod dnspython;
mod doctor;
mod envoy;
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
mod scripts;
mod secrets;
mod seed;
mod server;
mod service_manager;
mod settings;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod traffic;
mod upgrade;

#[cfg(feature = "postgres")]
pub use access::{SECRET, token};
pub use server::{Reply, Server, exchange, folder, wait_until};
#[cfg(feature = "postgres")]
pub use settings::SAMPLE;
