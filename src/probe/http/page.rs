//! An HTTP response as evidence about its server.

use std::sync::Arc;

use crate::clean::Untrusted;
use crate::model::{Identity, TlsFacts};
use crate::net::http::{H2Answer, Head, Response, parse_head};
use crate::probe::PortTarget;
use crate::probe::ending::{ENDED, ending};

/// A response over any HTTP version.
#[derive(Clone, Debug)]
pub(in crate::probe) struct HttpPage {
    /// The requested path.
    pub(super) path: &'static str,
    pub(super) port: u16,
    pub(super) head: Head,
    /// The bytes of the body that were read.
    pub(super) body: Vec<u8>,
    pub(super) version: &'static str,
    /// The facts of the surrounding TLS session.
    pub(super) tls: Option<Arc<TlsFacts>>,
    /// How the body ended, if it broke off.
    pub(super) ended: Option<&'static str>,
}

/// The length of a header or a title that is kept.
const MAX_TEXT: usize = 256;

impl HttpPage {
    pub(super) fn of_http1(path: &'static str, target: &PortTarget, response: Response) -> Self {
        let Response { head, body, failed, .. } = response;
        let version = if head.minor == 0 { "1.0" } else { "1.1" };
        let (port, tls) = (target.address.port(), target.tls.clone());
        Self { path, port, head, body, version, tls, ended: failed.as_ref().map(ending) }
    }

    pub(super) fn of_http2(path: &'static str, target: &PortTarget, answer: H2Answer) -> Self {
        let fields = answer.fields.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into()));
        let head = Head { status: answer.status.as_u16(), minor: 0, reason: "".into(), fields: fields.collect() };
        let (port, tls) = (target.address.port(), target.tls.clone());
        Self { path, port, head, body: answer.body, version: "2", tls, ended: None }
    }

    /// Parses the first bytes of an HTTP/1 response to another probe's request.
    pub(super) fn from_start(bytes: &[u8]) -> Option<Self> {
        let (head, length) = match parse_head(bytes) {
            Ok(Some(found)) => found,
            // The head is incomplete: use its complete lines.
            Ok(None) => {
                let lines = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
                let head = parse_head(&[&bytes[..lines], b"\r\n"].concat()).ok()??.0;
                (head, bytes.len())
            }
            Err(_) => return None,
        };

        let body = bytes[length..].to_vec();
        let version = if head.minor == 0 { "1.0" } else { "1.1" };
        Some(Self { path: "", port: 0, head, body, version, tls: None, ended: None })
    }

    /// The value of a header, by its lower-case name.
    pub(in crate::probe) fn field(&self, name: &str) -> Option<&[u8]> {
        self.head.field(name)
    }

    /// Whether a header starts with a word, ignoring case.
    pub(in crate::probe) fn field_begins(&self, name: &str, word: &str) -> bool {
        let start = self.field(name).and_then(|value| value.get(..word.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether the body contains a text.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace())?;
        matches!(first, b'{' | b'[').then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }

    /// Whether this is the standard 404 response of Go's HTTP server.
    pub(super) fn is_gos_not_found(&self) -> bool {
        self.head.status == 404 && self.body.starts_with(b"404 page not found")
    }

    fn text(&self, name: &str) -> Option<Untrusted> {
        self.field(name).filter(|value| !value.is_empty()).map(text)
    }

    /// The facts about the server, independent of the application.
    pub(super) fn identity(&self) -> Identity {
        let server = self.field("server").unwrap_or_default();
        let (product, version) = product(server);

        let redirect = matches!(self.head.status, 300..400).then(|| self.text("location")).flatten();
        Identity::of("http")
            .product(product)
            .version(version)
            .fact("status", self.head.status)
            .fact("http_version", self.version)
            .fact_if("server", self.text("server"))
            .fact_if("title", title(&self.body))
            .fact_if("location", redirect)
            .fact_if("content_type", self.text("content-type"))
            .fact_if("authenticate", self.text("www-authenticate"))
            .fact_if(ENDED, self.ended)
    }
}

fn text(bytes: &[u8]) -> Untrusted {
    Untrusted::from_bytes(&bytes[..bytes.len().min(MAX_TEXT)])
}

/// `nginx/1.22.1 (Debian)`: the first product and its version (RFC 9110, 10.2.4).
fn product(server: &[u8]) -> (Untrusted, Untrusted) {
    let first = server.split(|byte| *byte == b' ').next().unwrap_or_default();
    match first.iter().position(|byte| *byte == b'/') {
        Some(slash) => (text(&first[..slash]), text(&first[slash + 1..])),
        // A name of several words without a version: `Werkzeug Server`.
        None => (text(server.split(|byte| *byte == b'(').next().unwrap_or_default().trim_ascii_end()), "".into()),
    }
}

/// The text of `<title>`, with white space collapsed.
fn title(body: &[u8]) -> Option<Untrusted> {
    let tag = find(body, 0, b"<title")?;
    let start = tag + body[tag..].iter().position(|byte| *byte == b'>')? + 1;
    let end = find(body, start, b"</title").unwrap_or(body.len()).min(start + 4 * MAX_TEXT);

    let text = String::from_utf8_lossy(&body[start..end]);
    let words: Vec<_> = text.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(MAX_TEXT).collect();
    (!title.is_empty()).then(|| title.into())
}

/// The position of a word at or after `from`, ignoring case.
fn find(body: &[u8], from: usize, word: &[u8]) -> Option<usize> {
    let mut windows = body.get(from..)?.windows(word.len());
    windows.position(|window| window.eq_ignore_ascii_case(word)).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_product_is_the_server() {
        assert_eq!(product(b"nginx/1.22.1"), ("nginx".into(), "1.22.1".into()));
        assert_eq!(product(b"Apache/2.4.57 (Debian) PHP/8"), ("Apache".into(), "2.4.57".into()));
        assert_eq!(product(b"Jetty(9.4.z)"), ("Jetty".into(), "".into()));
        assert_eq!(product(b""), ("".into(), "".into()));
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(title(b"<html><TITLE lang=x>\n Welcome\t to  it </Title>"), Some("Welcome to it".into()));
        assert_eq!(title(b"<title>"), None);
        assert_eq!(title(b"<title"), None);
        let endless = [&b"<title>"[..], &vec![b'x'; 1 << 20]].concat();
        assert_eq!(title(&endless).unwrap().as_raw().len(), MAX_TEXT);
    }

    proptest! {
        #[test]
        fn any_bytes_are_accepted(bytes: Vec<u8>, body: Vec<u8>) {
            let _ = product(&bytes);
            let _ = title(&[&b"<title>"[..], &bytes].concat());
            if let Some(page) = HttpPage::from_start(&[&b"HTTP/1.1 200 OK\r\n"[..], &bytes, b"\r\n\r\n", &body].concat()) {
                let _ = page.identity();
                let _ = page.json();
            }
        }
    }
}
