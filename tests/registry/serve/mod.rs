//! `portolan serve`, as clients and operators see it.

mod bench;
mod dns;
mod events;
mod hostile;
mod lifecycle;
mod monitor;
mod prometheus;
mod rest;
mod seed;
mod server;
mod settings;

pub use server::{Reply, Server, exchange};
