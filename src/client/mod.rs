//! What programs use most: a source watched as a stream of events, and waiting until services are healthy.

mod wait;
mod watch;

pub use wait::{WaitOptions, wait};
pub use watch::{EventStream, watch};
