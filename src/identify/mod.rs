//! Identifies the services of a source: protocol, product, version.

mod identified;
mod identifier;
mod notes;
mod options;
mod reach;
mod source;
mod watch;

pub use self::identified::IdentifiedSource;
pub use self::options::IdentifyOptions;
pub(crate) use self::source::Identification;
pub use crate::probe::Intensity;
