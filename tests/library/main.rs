//! What a program can do with the library: the same as the command.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, missing_docs)]

mod checks;
mod errors;
#[path = "../support/examples.rs"]
mod example_programs;
mod examples;
mod sources;
mod validation;
mod waiting;
