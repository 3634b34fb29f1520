//! A source whose services are asked what they are: protocol, product, version.

mod identifier;
mod notes;
mod options;
mod reach;
mod source;
mod watch;

pub(crate) use self::options::IdentifyOptions;
pub(crate) use self::source::Identification;
