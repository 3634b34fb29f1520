//! `portolan serve`, as clients and operators see it.

mod access;
mod bench;
mod dns;
mod events;
mod export;
mod hostile;
mod lifecycle;
mod monitor;
mod prometheus;
mod reload;
mod rest;
mod seed;
mod server;
mod settings;
mod tls;

pub use server::{Reply, Server, exchange, folder, wait_until};
