//! HTTP, and what is known by its pages: one file per application, which README.md of the folder above speaks of.

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

use super::{PortTarget, Probe, ServerBytes, Speaking, Talk, grpc};
use crate::model::{Identity, Transport};
use crate::net::ConnectionError;
use crate::net::http::{self, Limits};
use application::APPLICATIONS;
pub(super) use page::Page;

/// HTTP/1 and HTTP/2.
pub(super) struct Http;

/// The longest body that is read.
const BODY: Limits = Limits { body: 64 * 1024 };
/// So many pages beside the first are asked for.
const MAX_PAGES: usize = 3;

impl Probe for Http {
    fn word(&self) -> &'static str {
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

    fn hello(&self, asked: &PortTarget) -> Option<Vec<u8>> {
        Some(request(&asked.authority(), "/", &[]).to_bytes())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        if said.transport != Transport::Tcp || !said.bytes.starts_with(b"HTTP/1.") || !said.ended {
            return None;
        }
        Page::from_start(said.bytes).filter(|page| !wants_tls(page)).map(|page| page.identity())
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> Speaking<'a> {
        Box::pin(speak(talk))
    }
}

fn request<'a>(host: &'a str, target: &'a str, fields: &'a [(&'a str, &'a str)]) -> http::Request<'a> {
    http::Request { method: "GET", target, host, fields, body: None }
}

/// What nginx, Apache and servers in Go answer in the clear where they speak TLS.
const WANTS_TLS: [&str; 3] = [
    "The plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "Client sent an HTTP request to an HTTPS server",
];

fn wants_tls(page: &Page) -> bool {
    page.head.status == 400 && WANTS_TLS.iter().any(|text| page.holds(text))
}

async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let front = fetch(talk, "/", &[]).await?;
    if wants_tls(&front) {
        return Ok(None);
    }
    // Each page is asked for once, with fields of its own and without.
    let mut asked_for = BTreeSet::from([("/", true)]);
    if let Some(known) = recognised(&front, &front) {
        return Ok(Some(known));
    }
    if grpc::is_grpc(&front) {
        let mut again = talk.again().await?;
        if let Ok(Some(known)) = grpc::check(&mut again).await {
            return Ok(Some(known));
        }
    }
    let suspects = APPLICATIONS.iter().filter(|application| application.suspects(&front)).take(MAX_PAGES);
    for application in suspects {
        let question = application.question();
        if !asked_for.insert((question.target, question.fields.is_empty())) {
            continue;
        }
        let Ok(mut again) = talk.again().await else { break };
        let Ok(page) = fetch(&mut again, question.target, question.fields).await else { continue };
        if let Some(known) = recognised(&page, &front) {
            return Ok(Some(known));
        }
    }
    Ok(Some(front.identity()))
}

/// The first application that knows a page, with what the front page told beside.
fn recognised(page: &Page, front: &Page) -> Option<Identity> {
    let mut identity = APPLICATIONS.iter().find_map(|application| application.recognise(page))?;
    for (name, fact) in front.identity().facts {
        identity.facts.entry(name).or_insert(fact);
    }
    Some(identity)
}

/// Asks for a page, in HTTP/2 where TLS agreed on that.
async fn fetch(talk: &mut Talk<'_>, target: &'static str, fields: &[(&str, &str)]) -> Result<Page, ConnectionError> {
    let asked = talk.asked();
    let host = asked.authority();
    if asked.alpn() != Some(b"h2") {
        let response = http::exchange(&mut talk.peer, &request(&host, target, fields), BODY).await?;
        return Ok(Page::of_http1(target, asked, response));
    }
    let agent = concat!("portolan/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(format!("https://{host}{target}")).header("user-agent", agent).body(());
    let request = request.map_err(|_| ConnectionError::Garbled("has no name to ask for"))?;
    let (stream, deadline) = talk.stream();
    let answer = http::h2_exchange(stream, request, None, BODY.body, deadline).await?;
    Ok(Page::of_http2(target, asked, answer))
}
