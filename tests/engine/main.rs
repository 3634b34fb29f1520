//! The engine's parts against their models, through the public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaker;
mod cache;
mod clock;
mod pool;
mod retry;
mod shutdown;
