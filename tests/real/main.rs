//! portolan together with the real programs that read its output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod nmap_xml;
mod prometheus;
#[path = "../support/mod.rs"]
mod support;
