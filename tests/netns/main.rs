//! `portolan discover local` against the real kernel, in network namespaces of the tests' own.
//!
//! In each of them a program (`tests/fixture`) listens and prints what it holds; portolan must list the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod activation;
mod agreement;
mod blocked;
mod browser;
mod cgroups;
mod connections;
mod crowds;
mod diff;
mod documents;
mod exposure;
mod fallback;
mod filters;
mod firewall;
mod formats;
mod frozen;
mod names;
mod namespaces;
mod odd_processes;
mod pictures;
mod published;
mod races;
mod rights;
mod rows;
mod runtimes;
mod signals;
mod special;
#[path = "../support/mod.rs"]
mod support;
mod tables;
