//! The functions that programs use most: watch a source as a stream of events, and wait until services are healthy.

mod wait;
mod watch;

pub(crate) use wait::{Readiness, readiness, retry};
pub use wait::{WaitOptions, wait};
pub use watch::{EventStream, watch};
