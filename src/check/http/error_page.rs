//! What the error pages of common servers say about the connection: a status of 400 alone does not tell it.

use super::reply::HttpReply;

/// nginx, Apache, Go and Tomcat, of a request without TLS at a port that expects it.
const EXPECTS_TLS: [&str; 4] = [
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "Client sent an HTTP request to an HTTPS server",
    "combination of host and port requires TLS",
];
/// nginx, of a TLS session without a client certificate.
const EXPECTS_CERTIFICATE: [&str; 1] = ["No required SSL certificate was sent"];

/// Whether the server expects TLS on this connection.
pub(super) fn expects_tls(reply: &HttpReply) -> bool {
    says_one_of(reply, &EXPECTS_TLS)
}

/// Whether the server expects a client certificate.
pub(super) fn expects_certificate(reply: &HttpReply) -> bool {
    says_one_of(reply, &EXPECTS_CERTIFICATE)
}

fn says_one_of(reply: &HttpReply, texts: &[&str]) -> bool {
    let holds = |text: &&str| reply.body.windows(text.len()).any(|part| part == text.as_bytes());
    reply.code == 400 && texts.iter().any(holds)
}
