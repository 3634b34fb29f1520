//! WebSocket (RFC 6455): a server that has nothing else to offer asks for the upgrade, and consents to it.

use super::Page;
use super::application::{Application, PageRequest};
use crate::model::Identity;

pub(super) struct WebSocket;

/// The key and the consent to it of RFC 6455, 1.3; a key of our own would prove nothing more.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const CONSENT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Application for WebSocket {
    fn suspects(&self, front: &Page) -> bool {
        let mentions =
            front.holds("upgrade") || front.holds("Upgrade") || front.holds("WebSocket") || front.holds("websocket");
        front.head.status == 426
            || front.field_begins("upgrade", "websocket")
            || front.field("sec-websocket-version").is_some()
            || (front.head.status == 400 && mentions)
    }

    fn question(&self) -> PageRequest {
        const FIELDS: &[(&str, &str)] = &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ];
        PageRequest { target: "/", fields: FIELDS }
    }

    fn recognise(&self, page: &Page) -> Option<Identity> {
        let consents = page.head.status == 101 && page.field("sec-websocket-accept") == Some(CONSENT);
        consents.then(|| {
            let front = page.identity();
            Identity { protocol: Some("websocket".into()), ..front }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_consent_is_to_the_key() {
        let answer = |consent: &str| {
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {consent}\r\n\r\n")
        };
        assert!(WebSocket.recognise(&page("/", &answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))).is_some());
        assert!(WebSocket.recognise(&page("/", &answer("AAAA"))).is_none());
        assert!(WebSocket.suspects(&page("/", "HTTP/1.1 426 Upgrade Required\r\n\r\n")));
    }
}
