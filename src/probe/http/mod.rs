//! HTTP, and the applications that are recognised by their responses: one file per application.

mod application;
mod consul;
mod docker;
mod elasticsearch;
mod etcd;
mod kubelet;
mod kubernetes;
mod page;
mod prometheus;
mod websocket;

use std::collections::BTreeSet;

use ::http::Request;
use bytes::Bytes;

use super::{PortTarget, Probe, ProbeFuture, ServerBytes, Talk, grpc};
use crate::model::{Identity, Transport};
use crate::net::ConnectionError;
use crate::net::http::{self, Limits};
use application::Application;
use page::HttpPage;

/// HTTP/1 and HTTP/2.
pub(super) struct Http;

/// The longest body that is read.
const BODY: Limits = Limits { body: 64 * 1024 };
/// The most requests after the front page.
const MAX_PAGES: usize = 3;

/// The applications. Those with the most specific responses come first.
static APPLICATIONS: &[&dyn Application] = &[
    &elasticsearch::Elasticsearch,
    &docker::Docker,
    &kubernetes::Kubernetes,
    &kubelet::Kubelet,
    &consul::Consul,
    &prometheus::Prometheus,
    &prometheus::Exporter,
    &etcd::Etcd,
    &websocket::WebSocket,
];

impl Probe for Http {
    fn protocol(&self) -> &'static str {
        "http"
    }

    fn ports(&self) -> &'static [u16] {
        &[
            80, 81, 2375, 2379, 3000, 4040, 5000, 5601, 8000, 8008, 8080, 8081, 8088, 8090, 8222, 8500, 8888, 9090,
            9091, 9093, 9200, 15672,
        ]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[443, 2376, 4443, 6443, 8443, 8501, 9443, 10250]
    }

    fn hello(&self, target: &PortTarget) -> Option<Vec<u8>> {
        Some(request(&target.authority(), "/", &[]).to_bytes())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Tcp || !received.bytes.starts_with(b"HTTP/1.") || !received.ended {
            return None;
        }
        HttpPage::from_start(received.bytes).filter(|page| !wants_tls(page)).map(|page| page.identity())
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(speak(talk))
    }
}

fn request<'a>(host: &'a str, path: &'a str, fields: &'a [(&'a str, &'a str)]) -> http::Request<'a> {
    http::Request { method: "GET", target: path, host, fields, body: None }
}

/// The replies of nginx, Apache and Go to plain text on a TLS port.
const WANTS_TLS: [&str; 3] = [
    "The plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "Client sent an HTTP request to an HTTPS server",
];

fn wants_tls(page: &HttpPage) -> bool {
    page.head.status == 400 && WANTS_TLS.iter().any(|text| page.holds(text))
}

/// Whether the response comes from a gRPC server.
fn is_grpc(page: &HttpPage) -> bool {
    page.field("grpc-status").is_some() || page.field_begins("content-type", "application/grpc")
}

async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let front = fetch(talk, "/", &[]).await?;
    if wants_tls(&front) {
        return Ok(None);
    }
    if let Some(identity) = recognise(&front, &front) {
        return Ok(Some(identity));
    }

    if is_grpc(&front) {
        let mut again = talk.again().await?;
        if let Ok(Some(identity)) = grpc::check(&mut again).await {
            return Ok(Some(identity));
        }
    }

    Ok(Some(suspected(talk, &front).await.unwrap_or_else(|| front.identity())))
}

/// Sends the requests of the applications that the front page suggests.
async fn suspected(talk: &Talk<'_>, front: &HttpPage) -> Option<Identity> {
    // Each path is requested at most twice: with headers and without.
    let mut requested = BTreeSet::from([("/", true)]);
    for application in APPLICATIONS.iter().filter(|application| application.suspects(front)).take(MAX_PAGES) {
        let request = application.request();
        if !requested.insert((request.path, request.fields.is_empty())) {
            continue;
        }

        let mut again = talk.again().await.ok()?;
        let Ok(page) = fetch(&mut again, request.path, request.fields).await else { continue };
        if let Some(identity) = recognise(&page, front) {
            return Some(identity);
        }
    }

    None
}

/// The first application that recognises a response, with the facts of the front page.
fn recognise(page: &HttpPage, front: &HttpPage) -> Option<Identity> {
    let mut identity = APPLICATIONS.iter().find_map(|application| application.recognise(page))?;
    for (name, fact) in front.identity().facts {
        identity.facts.entry(name).or_insert(fact);
    }
    Some(identity)
}

/// Requests a path, over HTTP/2 if ALPN negotiated it.
async fn fetch(talk: &mut Talk<'_>, path: &'static str, fields: &[(&str, &str)]) -> Result<HttpPage, ConnectionError> {
    let target = talk.target();
    let host = target.authority();
    if target.alpn() != Some(b"h2") {
        let response = http::exchange(&mut talk.peer, &request(&host, path, fields), BODY).await?;
        return Ok(HttpPage::of_http1(path, target, response));
    }

    let agent = concat!("portolan/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(format!("https://{host}{path}")).header("user-agent", agent).body(Bytes::new());
    let request = request.map_err(|_| ConnectionError::Garbled("has a name that is invalid in a URL"))?;
    let (stream, deadline) = talk.stream();
    let response = http::h2_exchange(stream, request, BODY.body, deadline).await?;
    Ok(HttpPage::of_http2(path, target, response))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_application_accepts_any_page(fields: Vec<u8>, body: Vec<u8>, json in "\\{\"[a-z]{1,9}\":[\\[\\{\"0-9a-z]{0,20}") {
            for body in [body, json.into_bytes()] {
                let bytes = [&b"HTTP/1.1 404 Not Found\r\n"[..], &fields, b"\r\n\r\n", &body].concat();
                let Some(page) = HttpPage::from_start(&bytes) else { continue };
                for application in APPLICATIONS {
                    let _ = application.suspects(&page);
                    let _ = application.recognise(&page);
                }
            }
        }
    }
}
