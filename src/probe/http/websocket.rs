//! WebSocket (RFC 6455): a pure WebSocket server requires the upgrade, and accepts it.

use super::application::{Application, PageRequest};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct WebSocket;

/// The key of RFC 6455, 1.3, and its accept value. A random key would prove nothing more.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Application for WebSocket {
    fn suspects(&self, front: &HttpPage) -> bool {
        let mentions =
            front.holds("upgrade") || front.holds("Upgrade") || front.holds("WebSocket") || front.holds("websocket");
        front.head.status == 426
            || front.field_begins("upgrade", "websocket")
            || front.field("sec-websocket-version").is_some()
            || (front.head.status == 400 && mentions)
    }

    fn request(&self) -> PageRequest {
        const FIELDS: &[(&str, &str)] = &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ];
        PageRequest { path: "/", fields: FIELDS }
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let accepted = page.head.status == 101 && page.field("sec-websocket-accept") == Some(ACCEPT);
        accepted.then(|| Identity { protocol: Some("websocket".into()), ..page.identity() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    fn response(accept: &str) -> String {
        format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    }

    #[test]
    fn the_accept_value_must_match_the_key() {
        assert!(WebSocket.recognise(&page("/", &response("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))).is_some());
        assert!(WebSocket.recognise(&page("/", &response("AAAA"))).is_none());
        assert!(WebSocket.suspects(&page("/", "HTTP/1.1 426 Upgrade Required\r\n\r\n")));
    }
}
