//! The functions that programs use most: watch a source as a stream of events, and wait until services are healthy.

mod wait;
mod watch;

pub use wait::{WaitOptions, wait};
pub(crate) use wait::{retry, shortfall};
pub use watch::{EventStream, watch};
