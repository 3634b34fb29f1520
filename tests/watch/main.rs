//! Watching: what the catalog tells its readers, what a watched machine looks like, and the commands that show it.
//!
//! Every recorded history goes through the checker of `history`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod busy;
mod catalog;
mod checks;
mod command;
mod files;
mod history;
mod hooks;
mod identify;
#[cfg(feature = "live")]
mod live;
#[cfg(feature = "live")]
mod live_keys;
mod local;
mod resume;
mod scan;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod trace;
mod wait;
mod watched;
