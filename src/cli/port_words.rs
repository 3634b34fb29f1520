//! Ports as people write them on the command line.

use crate::error::Result;
use crate::model::{ParseError, Ports};

/// Ports as people write them here: also `:8080`, as in the output of other tools.
pub(super) fn parse_ports(text: &str) -> Result<Ports, ParseError> {
    text.strip_prefix(':').unwrap_or(text).parse()
}

/// One port: `8080`, `:8080` or a name.
pub(super) fn parse_port(text: &str) -> Result<Ports, ParseError> {
    let ports = parse_ports(text)?;
    if ports.len() == 1 { Ok(ports) } else { Err(ParseError::new("it is more than one port", "give one port")) }
}
