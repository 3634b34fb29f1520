//! MGCP (RFC 3435): the audit of an endpoint (2.3.11), which a gateway replies to by the number of the transaction.

use super::words::{code, lines, refusal_code};
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Mgcp;

/// A command line (3.2.1) with the transaction 112111114, for an endpoint that no gateway has.
const REQUEST: &[u8] = b"AUEP 112111114 portolan@localhost MGCP 1.0\r\n\r\n";

impl Probe for Mgcp {
    fn protocol(&self) -> &'static str {
        "mgcp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[2427]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a response line (3.3): a code of three digits, and the transaction.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let line = lines(message).next()?;
    let code = code(line)?;
    let rest = line.get(3..)?.strip_prefix(b" 112111114")?;
    let is_reply = rest.is_empty() || rest.starts_with(b" ");
    is_reply.then(|| Identity::of("mgcp").fact("reply_code", refusal_code(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_transaction_of_the_command() {
        // RFC 3435, 3.3, with the transaction of the command.
        let identity = parse_reply(b"500 112111114 Endpoint Unknown\r\n").unwrap();
        assert_eq!(identity.facts["reply_code"], 500.into());
        assert!(parse_reply(b"200 112111114 OK\r\n").is_some());
        for other in [REQUEST, b"200 1121111140 OK\r\n", b"200 OK\r\n", b"2"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
