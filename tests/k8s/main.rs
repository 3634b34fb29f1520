//! `discover k8s` against a Kubernetes API over a real socket.

#![cfg(feature = "k8s")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod bad_input;
mod beside;
mod clusters;
mod double;
mod drift;
mod examples;
mod exec;
mod faults;
mod findings;
mod gateway;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../watch/history.rs"]
mod history;
mod hostile;
#[cfg(feature = "serve")]
mod imports;
mod kubeconfig;
mod kubectl;
mod named;
mod names;
mod objects;
mod outages;
mod pods;
mod portolan;
mod rights;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod targets;
mod the_double;
mod validate;
mod watch;
mod watch_command;
