//! `portolan serve`, as clients and operators see it.

mod events;
mod hostile;
mod lifecycle;
mod monitor;
mod rest;
mod seed;
mod server;
mod settings;

pub use server::{Reply, Server, exchange};
