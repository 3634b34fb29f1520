//! Asking HTTP, and following where that leads.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use url::{Host, Url};

use super::http::{HttpOutcome, HttpStatus};
use super::scale::{self, Latency};
use super::target::{CheckContext, CheckResult, CheckTarget, Layer, LocalFailure, peers_fault};
use crate::model::{CheckSpec, RequestHeader};
use crate::net::http::{Limits, Request, exchange, h2_exchange};
use crate::net::{Connection, ConnectionError, Deadline, Route};

/// So much of a body is read where something is asserted of it.
const BODY: usize = 1 << 20;
/// So much where nothing is: whether it comes at all.
const MAX_PREVIEW_BYTES: usize = 64 << 10;
/// Browsers give up after 20, curl after 50; who needs 10 is lost.
const MAX_REDIRECTS: usize = 10;
/// What must not go to another host.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// An answer, whichever version of HTTP it came by.
struct HttpReply {
    code: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// Asks once, and follows redirects if that is wanted.
pub(super) async fn ask(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<HttpOutcome> {
    let deadline = Deadline::after(kit.timeout);
    let path = aim.ask.path.as_ref().map_or("/", |path| path.as_str());
    let scheme = if aim.layer == Layer::Plain { "http" } else { "https" };
    let Ok(first) = Url::parse(&format!("{scheme}://{}{path}", aim.host())) else {
        return Err(LocalFailure(format!("no URL can be made of {}{path}", aim.host())));
    };
    let mut trail = RedirectChain { aim: aim.clone(), url: first.clone(), visited: vec![first] };
    let mut us = 0;
    loop {
        let (response, took) = match send(&trail, deadline).await {
            Ok(answered) => answered,
            Err(error) => return Ok(failure(peers_fault(error)?)),
        };
        us += took;
        let unsafe_redirect = match trail.onward(&response) {
            RedirectStep::Stays => None,
            RedirectStep::Unsafe(why) => Some(why),
            RedirectStep::To(url) if aim.ask.follow => match trail.follow(url, kit).await? {
                Ok(()) => continue,
                Err(why) => Some(why),
            },
            RedirectStep::To(_) => None,
        };
        let retry_after = response.fields.iter().any(|(name, _)| name == "retry-after");
        let failed = assertions(&aim.ask, &response);
        return Ok(HttpOutcome::HttpStatus(HttpStatus {
            code: response.code,
            took: Latency::of(us),
            retry_after,
            failed,
            unsafe_redirect,
        }));
    }
}

fn failure(error: ConnectionError) -> HttpOutcome {
    match error {
        ConnectionError::TimedOut => HttpOutcome::TimedOut,
        error => HttpOutcome::Invalid(error.to_string()),
    }
}

/// Where the asking has come to.
struct RedirectChain {
    aim: CheckTarget,
    url: Url,
    visited: Vec<Url>,
}

/// Where an answer leads.
enum RedirectStep {
    /// Nowhere.
    Stays,
    To(Url),
    /// Where nobody should go.
    Unsafe(String),
}

impl RedirectChain {
    fn onward(&self, response: &HttpReply) -> RedirectStep {
        let location = response.fields.iter().find(|(name, _)| name == "location").map(|(_, value)| value);
        let (true, Some(location)) = (matches!(response.code, 301 | 302 | 303 | 307 | 308), location) else {
            return RedirectStep::Stays;
        };
        let Some(url) = str::from_utf8(location).ok().and_then(|text| self.url.join(text).ok()) else {
            return RedirectStep::Unsafe("redirects to what is no URL".to_owned());
        };
        match (self.url.scheme(), url.scheme()) {
            ("https", "http") => return RedirectStep::Unsafe(format!("redirects from https to {}", shown(&url))),
            (_, "http" | "https") => {}
            (_, scheme) => return RedirectStep::Unsafe(format!("redirects to {scheme}:, where HTTP does not lead")),
        }
        let same = |visited: &Url| visited[..url::Position::AfterQuery] == url[..url::Position::AfterQuery];
        if self.visited.iter().any(same) {
            return RedirectStep::Unsafe(format!("redirects in a loop, back to {}", shown(&url)));
        }
        RedirectStep::To(url)
    }

    /// Goes there, or says why not.
    async fn follow(&mut self, url: Url, kit: &CheckContext) -> CheckResult<Result<(), String>> {
        if self.visited.len() > MAX_REDIRECTS {
            return Ok(Err(format!("redirects more than {MAX_REDIRECTS} times")));
        }
        let same_origin = url.origin() == self.url.origin();
        if !same_origin {
            let address = match address(&url, kit).await? {
                Ok(address) => address,
                Err(why) => return Ok(Err(why)),
            };
            // Whoever answers may say where to go, but not that we look into what only this host can reach.
            if is_link_local(address.ip()) {
                return Ok(Err(format!("redirects to {}, a link-local address", shown(&url))));
            }
            let mut ask = (*self.aim.ask).clone();
            ask.header.retain(|header| !CREDENTIALS.contains(&header.name.as_str()));
            self.aim.ask = Arc::new(ask);
            self.aim.address = address;
            self.aim.interface = None;
            self.aim.way = Route::Direct;
            self.aim.name = url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned());
            self.aim.layer = if url.scheme() == "https" { Layer::Tls } else { Layer::Plain };
        }
        self.visited.push(url.clone());
        self.url = url;
        Ok(Ok(()))
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The first address of a URL's host.
async fn address(url: &Url, kit: &CheckContext) -> CheckResult<Result<SocketAddr, String>> {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(Ok((ip, port).into())),
        Some(Host::Ipv6(ip)) => return Ok(Ok((ip, port).into())),
        Some(Host::Domain(name)) => name,
        None => return Ok(Err("redirects to a URL without a host".to_owned())),
    };
    let answers = kit.resolvers.ask(name).await.map_err(LocalFailure)?;
    let first = super::dns::first_address(&answers);
    Ok(first.map(|ip| (ip, port).into()).ok_or_else(|| format!("redirects to {}, which does not resolve", shown(url))))
}

/// A URL without what may be secret in it, and not endless.
fn shown(url: &Url) -> String {
    let text = format!("{}://{}{}", url.scheme(), url.authority().rsplit('@').next().unwrap_or_default(), url.path());
    text.chars().take(200).collect()
}

/// Asks for the trail's URL; the time is that from the question to the end of what is read of the answer.
async fn send(trail: &RedirectChain, deadline: Deadline) -> Result<(HttpReply, u64), ConnectionError> {
    let (aim, url) = (&trail.aim, &trail.url);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    if let Route::Through(via, place) = &aim.way {
        let begun = Instant::now();
        let answer = via.ask(place, request(aim, target)?, room(&aim.ask), deadline).await?;
        let response = HttpReply { code: answer.status, fields: owned(&answer.fields), body: answer.body };
        return Ok((response, scale::micros(begun.elapsed())));
    }
    let line = aim.line(&[b"h2", b"http/1.1"], deadline).await?;
    let begun = Instant::now();
    let prior_knowledge = aim.layer == Layer::Plain && matches!(aim.protocol.as_deref(), Some("h2c"));
    let response = if line.alpn.as_deref() == Some(b"h2") || prior_knowledge {
        let scheme = url.scheme();
        over_h2(line.stream, aim, scheme, target, deadline).await?
    } else {
        over_http1(Connection::new(line.stream, deadline, usize::MAX), aim, target).await?
    };
    Ok((response, scale::micros(begun.elapsed())))
}

/// How much of a body is wanted.
fn room(ask: &CheckSpec) -> usize {
    if ask.expect_body.is_some() || !ask.expect_json.is_empty() { BODY } else { MAX_PREVIEW_BYTES }
}

fn method(ask: &CheckSpec) -> &str {
    ask.method.as_ref().map_or("GET", |method| method.as_str())
}

async fn over_http1(mut peer: Connection, aim: &CheckTarget, target: &str) -> Result<HttpReply, ConnectionError> {
    let ask = &aim.ask;
    let host = ask.header.iter().find(|header| header.name == "host").map(|header| header.value.clone());
    let host = host.unwrap_or_else(|| aim.host());
    let fields: Vec<(&str, &str)> = sent(&ask.header).collect();
    let request = Request { method: method(ask), target, host: &host, fields: &fields, body: None };
    let answer = exchange(&mut peer, &request, Limits { body: room(ask) }).await?;
    let cut = answer.body.len() >= room(ask);
    if !answer.whole && !cut {
        // Whoever announced more than came either stalls or broke off.
        return Err(if peer_stalled(&mut peer).await { ConnectionError::TimedOut } else { ConnectionError::Closed });
    }
    let fields = answer.head.fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(HttpReply { code: answer.head.status, fields, body: answer.body })
}

/// Reads an answer as a check does that asserts something of it, and looks where it leads.
#[cfg(fuzzing)]
pub(super) async fn read(peer: Connection) -> Option<Vec<String>> {
    let ask = CheckSpec {
        expect_body: "ok".parse().ok(),
        expect_header: "content-type: json".parse().into_iter().collect(),
        expect_json: "/checks/0/ready=true".parse().into_iter().collect(),
        ..CheckSpec::default()
    };
    let aim = CheckTarget {
        address: ([127, 0, 0, 1], 80).into(),
        interface: None,
        name: None,
        layer: Layer::Plain,
        grpc: false,
        protocol: None,
        ask: Arc::new(ask),
        goals: super::LatencyTargets { connect_us: 0, answer_us: 0 },
        way: Route::Direct,
    };
    let url = Url::parse("http://127.0.0.1/a").ok()?;
    let response = over_http1(peer, &aim, "/a").await.ok()?;
    let failed = assertions(&aim.ask, &response);
    let _ = RedirectChain { aim, visited: vec![url.clone()], url }.onward(&response);
    Some(failed)
}

/// Whether a connection gives nothing because its time is over.
async fn peer_stalled(peer: &mut Connection) -> bool {
    matches!(peer.read(&mut Vec::new()).await, Err(ConnectionError::TimedOut))
}

/// Header lines but the ones that are made here.
fn sent(lines: &[RequestHeader]) -> impl Iterator<Item = (&str, &str)> {
    let made_here = ["host", "content-length", "transfer-encoding"];
    let lines = lines.iter().filter(move |line| !made_here.contains(&line.name.as_str()));
    lines.map(|line| (line.name.as_str(), line.value.as_str()))
}

async fn over_h2(
    stream: Box<dyn crate::net::AsyncStream>,
    aim: &CheckTarget,
    scheme: &str,
    target: &str,
    deadline: Deadline,
) -> Result<HttpReply, ConnectionError> {
    let ask = &aim.ask;
    let request = request(aim, &format!("{scheme}://{}{target}", aim.host()))?;
    let answer = h2_exchange(stream, request, None::<Bytes>, room(ask), deadline).await?;
    if !answer.whole && answer.body.len() < room(ask) {
        return Err(if deadline.is_over() { ConnectionError::TimedOut } else { ConnectionError::Closed });
    }
    Ok(HttpReply { code: answer.status.as_u16(), fields: owned(&answer.fields), body: answer.body })
}

/// The question, for who frames it himself.
fn request(aim: &CheckTarget, uri: &str) -> Result<http::Request<()>, ConnectionError> {
    let mut builder = http::Request::builder().method(method(&aim.ask)).uri(uri);
    builder = builder.header("user-agent", concat!("portolan/", env!("CARGO_PKG_VERSION"))).header("accept", "*/*");
    // What only concerns one connection is not allowed there (RFC 9113, 8.2.2).
    for (name, value) in sent(&aim.ask.header).filter(|(name, _)| !matches!(*name, "connection" | "upgrade" | "te")) {
        builder = builder.header(name, value);
    }
    builder.body(()).map_err(|_| ConnectionError::Declined("cannot be asked for that URL"))
}

fn owned(fields: &http::HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// What is asserted of an answer and does not hold.
fn assertions(ask: &CheckSpec, response: &HttpReply) -> Vec<String> {
    let mut failed = Vec::new();
    if let Some(pattern) = &ask.expect_body
        && !pattern.is_match(&String::from_utf8_lossy(&response.body))
    {
        failed.push(format!("the body has no match of {}", pattern.as_str()));
    }
    for header in &ask.expect_header {
        let mut values =
            response.fields.iter().filter(|(name, _)| *name == header.name).map(|(_, value)| value).peekable();
        let there = values.peek().is_some();
        let matches = |pattern: &crate::model::BodyAssertion| {
            values.any(|value| pattern.is_match(&String::from_utf8_lossy(value)))
        };
        match &header.pattern {
            _ if !there => failed.push(format!("there is no header {}", header.name)),
            Some(pattern) if !{ matches }(pattern) => {
                failed.push(format!("the header {} has no match of {}", header.name, pattern.as_str()));
            }
            _ => {}
        }
    }
    if !ask.expect_json.is_empty() {
        failed.extend(json_assertions(ask, &response.body));
    }
    failed
}

fn json_assertions(ask: &CheckSpec, body: &[u8]) -> Vec<String> {
    // The library stops at 128 levels of nesting by itself.
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return vec!["the body is no JSON".to_owned()] };
    let wrong = ask.expect_json.iter().filter_map(|wanted| match document.pointer(&wanted.pointer) {
        Some(value) if *value == wanted.value => None,
        Some(value) => {
            let value: String = value.to_string().chars().take(80).collect();
            Some(format!("{} is {value}, not {}", wanted.pointer, wanted.value))
        }
        None => Some(format!("there is no {} in the body", wanted.pointer)),
    });
    wrong.collect()
}
