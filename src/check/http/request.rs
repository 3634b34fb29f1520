//! Sends an HTTP request and follows redirects.

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use super::assertions::failed_assertions;
use super::outcome::{HttpOutcome, HttpStatus};
use super::redirect::{RedirectChain, RedirectStep};
use super::reply::HttpReply;
use crate::check::scale::{self, Latency};
use crate::check::target::{CheckContext, CheckResult, CheckTarget, Layer, LocalFailure};
use crate::check::tls::peer_failure_or_limit;
use crate::model::{CheckSpec, RequestHeader};
use crate::net::http::{Limits, Request, exchange, h2_exchange};
use crate::net::{AsyncStream, Connection, ConnectionError, Deadline, Route};

/// Body limit if the body has assertions.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Body limit without assertions: enough to see that the body arrives.
const MAX_PREVIEW_BYTES: usize = 64 << 10;
/// Headers that portolan sets itself.
const OWN_HEADERS: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// Sends the request of the target, and follows redirects if the target allows it.
pub(super) async fn send(target: &CheckTarget, context: &CheckContext) -> CheckResult<HttpOutcome> {
    let deadline = Deadline::after(context.timeout);
    let path = target.spec.path.as_ref().map_or("/", |path| path.as_str());
    let scheme = if target.layer == Layer::Plain { "http" } else { "https" };
    let Ok(url) = Url::parse(&format!("{scheme}://{}{path}", target.host())) else {
        return Err(LocalFailure(format!("{}{path} is not a valid URL", target.host())));
    };

    let mut chain = RedirectChain::new(target.clone(), url);
    let mut us = 0;
    loop {
        let (reply, took) = match send_once(&chain, deadline).await {
            Ok(reply) => reply,
            Err(error) => return Ok(failure(peer_failure_or_limit(error, &chain.target, context).await?)),
        };
        us += took;

        let unsafe_redirect = match chain.next(&reply) {
            RedirectStep::Final => None,
            RedirectStep::Unsafe(cause) => Some(cause),
            RedirectStep::To(next) if target.spec.follow => match chain.follow(next, context).await? {
                Ok(()) => continue,
                Err(cause) => Some(cause),
            },
            RedirectStep::To(_) => None,
        };

        return Ok(HttpOutcome::Status(HttpStatus {
            code: reply.code,
            latency: Latency::from_micros(us),
            retry_after: reply.values("retry-after").next().is_some(),
            failed_assertions: failed_assertions(&target.spec, &reply),
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

/// Requests the chain's current URL. The time is from the request to the last byte that is read, in microseconds.
async fn send_once(chain: &RedirectChain, deadline: Deadline) -> Result<(HttpReply, u64), ConnectionError> {
    let (target, url) = (&chain.target, &chain.url);
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    if let Route::Through(proxy, place) = &target.route {
        let start = Instant::now();
        let reply = proxy.ask(place, request(target, path)?, body_limit(&target.spec), deadline).await?;
        let reply = HttpReply::new(reply.status, &reply.fields, reply.body);
        return Ok((reply, scale::micros(start.elapsed())));
    }

    let connection = target.open(&[b"h2", b"http/1.1"], deadline).await?;
    let start = Instant::now();
    let prior_knowledge = target.layer == Layer::Plain && matches!(target.protocol.as_deref(), Some("h2c"));
    let reply = if connection.alpn.as_deref() == Some(b"h2") || prior_knowledge {
        over_h2(connection.stream, target, url.scheme(), path, deadline).await?
    } else {
        over_http1(Connection::new(connection.stream, deadline, usize::MAX), target, path).await?
    };
    Ok((reply, scale::micros(start.elapsed())))
}

fn body_limit(spec: &CheckSpec) -> usize {
    if spec.expect_body.is_some() || !spec.expect_json.is_empty() { MAX_BODY_BYTES } else { MAX_PREVIEW_BYTES }
}

async fn over_http1(mut peer: Connection, target: &CheckTarget, path: &str) -> Result<HttpReply, ConnectionError> {
    let spec = &target.spec;

    let host = spec.header.iter().find(|header| header.name == "host").map(|header| header.value.clone());
    let host = host.unwrap_or_else(|| target.host());
    let fields: Vec<(&str, &str)> = custom_headers(&spec.header).collect();
    let request = Request { method: spec.method_name(), target: path, host: &host, fields: &fields, body: None };

    let reply = exchange(&mut peer, &request, Limits { body: body_limit(spec) }).await?;

    let truncated = reply.body.len() >= body_limit(spec);
    if !reply.whole && !truncated {
        // The server announced more than it sent: it stalls or has closed the connection.
        return Err(if is_stalled(&mut peer).await { ConnectionError::TimedOut } else { ConnectionError::Closed });
    }
    let fields = reply.head.fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(HttpReply { code: reply.head.status, fields, body: reply.body })
}

/// Whether a connection sends nothing until its deadline.
async fn is_stalled(peer: &mut Connection) -> bool {
    matches!(peer.read(&mut Vec::new()).await, Err(ConnectionError::TimedOut))
}

fn custom_headers(headers: &[RequestHeader]) -> impl Iterator<Item = (&str, &str)> {
    let custom = headers.iter().filter(|header| !OWN_HEADERS.contains(&header.name.as_str()));
    custom.map(|header| (header.name.as_str(), header.value.as_str()))
}

async fn over_h2(
    stream: Box<dyn AsyncStream>,
    target: &CheckTarget,
    scheme: &str,
    path: &str,
    deadline: Deadline,
) -> Result<HttpReply, ConnectionError> {
    let limit = body_limit(&target.spec);
    let request = request(target, &format!("{scheme}://{}{path}", target.host()))?;
    let reply = h2_exchange(stream, request, None::<Bytes>, limit, deadline).await?;

    if !reply.whole && reply.body.len() < limit {
        return Err(if deadline.is_over() { ConnectionError::TimedOut } else { ConnectionError::Closed });
    }
    Ok(HttpReply::new(reply.status.as_u16(), &reply.fields, reply.body))
}

/// The request for HTTP/2 and for proxies, which frame it themselves.
fn request(target: &CheckTarget, uri: &str) -> Result<http::Request<()>, ConnectionError> {
    let mut builder = http::Request::builder().method(target.spec.method_name()).uri(uri);
    builder = builder.header("user-agent", concat!("portolan/", env!("CARGO_PKG_VERSION"))).header("accept", "*/*");
    for (name, value) in custom_headers(&target.spec.header) {
        // HTTP/2 forbids connection-specific headers (RFC 9113, 8.2.2).
        if !matches!(name, "connection" | "upgrade" | "te") {
            builder = builder.header(name, value);
        }
    }
    builder.body(()).map_err(|_| ConnectionError::Declined("has a name or path that is invalid in a URL"))
}

/// Reads a reply, checks assertions on it, and follows its redirect one step.
#[cfg(fuzzing)]
pub(in crate::check) async fn read(peer: Connection) -> Option<Vec<String>> {
    let spec = CheckSpec {
        expect_body: "ok".parse().ok(),
        expect_header: "content-type: json".parse().into_iter().collect(),
        expect_json: "/checks/0/ready=true".parse().into_iter().collect(),
        ..CheckSpec::default()
    };
    let target = CheckTarget {
        address: ([127, 0, 0, 1], 80).into(),
        interface: None,
        name: None,
        layer: Layer::Plain,
        grpc: false,
        protocol: None,
        spec: std::sync::Arc::new(spec),
        latency: crate::check::LatencyTargets { connect_us: 0, answer_us: 0 },
        route: Route::Direct,
    };

    let reply = over_http1(peer, &target, "/a").await.ok()?;
    let failed = failed_assertions(&target.spec, &reply);
    let _ = RedirectChain::new(target, Url::parse("http://127.0.0.1/a").ok()?).next(&reply);
    Some(failed)
}
