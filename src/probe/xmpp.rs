//! XMPP (RFC 6120): the opening of a stream. A server replies with a stream of its own, also to a request that is no XML.

use super::words::contains;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Xmpp;

impl Probe for Xmpp {
    fn protocol(&self) -> &'static str {
        "xmpp"
    }

    fn ports(&self) -> &'static [u16] {
        &[5222, 5269]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[5223, 5270]
    }

    fn hello(&self, target: &PortTarget) -> Option<Vec<u8>> {
        let host = target.host.clone().unwrap_or_else(|| target.address.ip().to_string());
        let namespace = if matches!(target.address.port(), 5269 | 5270) { "jabber:server" } else { "jabber:client" };
        let stream = format!(
            "<?xml version='1.0'?><stream:stream to='{host}' xmlns='{namespace}' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        );
        Some(stream.into_bytes())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let text = received.bytes;
        let is_stream = text.starts_with(b"<") && contains(text, "<stream:stream") && contains(text, "jabber:");
        // The features follow the opening, and with them whether TLS is offered.
        let is_complete = received.ended || contains(text, "</stream:features>") || contains(text, "</stream:stream>");
        if !is_stream || !is_complete {
            return None;
        }

        let identity = Identity::of("xmpp")
            .fact_if("hostname", attribute(text, "from"))
            .fact("starttls_offered", contains(text, "urn:ietf:params:xml:ns:xmpp-tls"));
        // ejabberd's ids are numbers, and Prosody's and Openfire's are words; only what a server says of itself counts.
        let products = ["ejabberd", "Prosody", "Openfire"];
        let product = products.into_iter().find(|product| contains(text, product));
        Some(match product {
            Some(product) => identity.product(product),
            None => identity,
        })
    }
}

/// The value of an attribute of the stream, in either kind of quotes.
fn attribute(text: &[u8], name: &str) -> Option<Untrusted> {
    let start = text.windows(name.len() + 2).position(|window| {
        window.starts_with(b" ") && window[1..].starts_with(name.as_bytes()) && window.ends_with(b"=")
    })?;
    let (quote, rest) = text.get(start + name.len() + 2..)?.split_first()?;
    let end = rest.iter().position(|byte| byte == quote).filter(|end| (1..=256).contains(end))?;
    matches!(quote, b'\'' | b'"').then(|| Untrusted::from_bytes(&rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn a_stream_is_read() {
        // RFC 6120, 4.3.2, and the features of 5.4.1.
        let stream = b"<?xml version='1.0'?><stream:stream from='im.example.com' id='t7AMCin9zjMNwQKDnplntZPIDEI=' \
            version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\
            <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
        let identity = recognise_tcp(&Xmpp, stream, Some("xmpp")).unwrap();
        assert_eq!(
            (&identity.facts["hostname"], &identity.facts["starttls_offered"]),
            (&"im.example.com".into(), &true.into())
        );
        // Also in reply to a request that is not its own.
        assert!(recognise_tcp(&Xmpp, stream, Some("http")).is_some());
        assert!(recognise_tcp(&Xmpp, b"<html>stream", None).is_none());
    }
}
