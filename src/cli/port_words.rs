//! Ports as people write them on the command line.

use crate::error::Result;
use crate::model::{ParseError, Ports};

/// Ports as people write them here: also `:8080`, as in the output of other tools.
pub(super) fn parse_ports(text: &str) -> Result<Ports, ParseError> {
    text.strip_prefix(':').unwrap_or(text).parse().map_err(|error| with_process_filter(text, error))
}

/// The name of a program is a good guess, but a filter of its own.
fn with_process_filter(text: &str, error: ParseError) -> ParseError {
    if !text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        || text.starts_with(|c: char| c.is_ascii_digit())
    {
        return error;
    }
    let hint = "write a number, or a name from `portolan ports`; `portolan local --process NAME` filters by process";
    ParseError::new(error.to_string(), hint)
}

/// One port: `8080`, `:8080` or a name.
pub(super) fn parse_port(text: &str) -> Result<Ports, ParseError> {
    let ports = parse_ports(text)?;
    if ports.len() == 1 { Ok(ports) } else { Err(ParseError::new("it is more than one port", "give one port")) }
}
