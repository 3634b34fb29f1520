//! The registry half: the server, the sources and providers of registries, and what programs do with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

#[allow(unreachable_pub)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(all(feature = "cli", feature = "consul", feature = "etcd"))]
mod client;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd", feature = "serve"))]
#[allow(unreachable_pub)]
mod consul;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd", feature = "serve"))]
#[allow(unreachable_pub)]
mod drift;
#[cfg(feature = "serve")]
mod durability;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd", feature = "serve"))]
#[allow(unreachable_pub)]
mod eureka;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd", feature = "postgres"))]
#[allow(unreachable_pub)]
mod nodes;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd", feature = "serve"))]
mod proxies;
#[cfg(feature = "serve")]
#[allow(unreachable_pub)]
mod serve;
#[cfg(all(feature = "cli", feature = "consul", feature = "etcd"))]
mod sources;
