//! Ports as people write them on the command line.

use crate::clean::{clean, redacted_url};
use crate::error::Result;
use crate::model::{Address, HostPort, ParseError, Ports, SocketPatterns, Transport};
use crate::source::Local;

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

/// Sockets as people copy them from other tools: `8080`, `127.0.0.1:8080`, `udp/53`, `T:80,U:53`.
pub(super) fn parse_sockets(text: &str) -> Result<SocketPatterns, ParseError> {
    text.parse().map_err(|error| with_process_filter(text, error))
}

/// One TCP socket: `8080`, `127.0.0.1:8080` or `8080/tcp`.
pub(super) fn parse_tcp_socket(text: &str) -> Result<SocketPatterns, ParseError> {
    let sockets = parse_sockets(text)?;
    if sockets.has_transport(Transport::Udp) {
        return Err(ParseError::new("it is a UDP socket", "`portolan who --pid udp/PORT` prints its process id"));
    }
    sockets.single().map(|_| sockets)
}

/// Lists only these sockets.
pub(super) fn restrict(local: &mut Local, sockets: &[SocketPatterns]) {
    let sockets = SocketPatterns::union(sockets);
    local.ports = Some(sockets.ports());
    local.sockets = (!sockets.is_ports_only()).then_some(sockets);
}

/// `port 80` or `ports 80,443`, for sockets of any transport and address; otherwise the sockets.
pub(super) fn describe(sockets: &SocketPatterns) -> String {
    match sockets.ports().len() {
        _ if !sockets.is_ports_only() => sockets.to_string(),
        1 => format!("port {sockets}"),
        _ => format!("ports {sockets}"),
    }
}

/// A host and a TCP port. Without a host it is this machine, as in `:8080`, `*:8080` and `tcp/8080`.
///
/// # Errors
/// That of a host and a port, if it is neither.
pub(super) fn parse_host_port(text: &str) -> Result<HostPort, ParseError> {
    let error = match without_slash(text).parse::<HostPort>() {
        Ok(at) => return Ok(at),
        Err(error) => error,
    };
    // A number alone may be anything.
    if text.chars().all(|c| c.is_ascii_digit()) {
        return Err(error);
    }

    match text.parse::<SocketPatterns>() {
        Ok(sockets) if sockets.has_transport(Transport::Udp) => {
            Err(ParseError::new("it is a UDP port, which accepts no connections", "name a TCP port, as in :8080"))
        }
        Ok(sockets) => match sockets.single() {
            Ok((None, port)) => {
                Ok(HostPort { address: Address::Name("localhost".into()), interface: None, port: Some(port) })
            }
            Ok((Some(ip), port)) if text.contains(['/', '*']) => {
                Ok(HostPort { address: Address::Ip(ip), interface: None, port: Some(port) })
            }
            _ => Err(error),
        },
        Err(_) => Err(error),
    }
}

/// A host and a port without a slash at the end, as browsers show it: `localhost:8080/`.
fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').filter(|bare| is_host_port(bare)).unwrap_or(text)
}

fn is_host_port(text: &str) -> bool {
    text.parse::<HostPort>().is_ok_and(|at| at.port.is_some())
}

/// What is wrong with a word that should be a host and a port, where that is known better than by its syntax.
pub(super) fn misspelled_host(text: &str) -> Option<ParseError> {
    if text.trim().is_empty() {
        return Some(ParseError::new("it is empty", "is the variable set?"));
    }
    if text.contains(',') && text.split(',').all(is_host_port) {
        return Some(ParseError::new(
            "it is a list",
            format!("write each as a separate word: {}", text.replace(',', " ")),
        ));
    }
    let before = text.split('/').next().unwrap_or_default();
    if before.len() < text.len() && is_host_port(before) {
        let url = format!("http://{text}");
        return Some(ParseError::new("it has a path", format!("write it as a URL: {}", clean(&redacted_url(&url)))));
    }
    let has_user = text.contains('@') && !text.starts_with(['@', '/', '.']);
    let hint = "write it as a URL, as in postgresql://user@host:5432/db";

    has_user.then(|| ParseError::new("it has a user, but no scheme", hint))
}

/// One port: `8080`, `:8080` or a name.
pub(super) fn parse_port(text: &str) -> Result<Ports, ParseError> {
    let ports = parse_ports(text)?;
    if ports.len() == 1 { Ok(ports) } else { Err(ParseError::new("it is more than one port", "give one port")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<String> {
        misspelled_host(text).map(|error| error.to_string())
    }

    #[test]
    fn a_word_that_lacks_a_scheme_is_explained() {
        assert_eq!(why("localhost:3001/health").as_deref(), Some("it has a path"));
        let hint = misspelled_host("localhost:4567/health?token=a").map(|error| error.hint().to_owned());
        assert_eq!(hint.as_deref(), Some("write it as a URL: http://localhost:4567/health?token=***"));
        assert_eq!(why("u:pw@localhost:5432").as_deref(), Some("it has a user, but no scheme"));
        assert_eq!(why("").as_deref(), Some("it is empty"));
        assert_eq!(why("a:1,b:2").as_deref(), Some("it is a list"));
        assert_eq!(parse_host_port("localhost:8080/").map(|at| at.to_string()), Ok("localhost:8080".to_owned()));
        assert_eq!(["db:1", "db", "443/tcp", "@name", "/run/x@y"].map(why), [const { None }; 5]);
    }
}
