//! Sends an HTTP request and follows redirects.

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use super::MAX_BODY_BYTES;
use super::assertions::{failed_assertions, has_assertion, has_body_assertion};
use super::error_page::{expects_certificate, expects_tls};
use super::excerpt::{excerpt, failed_status};
use super::outcome::{HttpOutcome, HttpStatus};
use super::redirect::{RedirectChain, RedirectStep};
use super::reply::{BodyEnd, HttpReply};
use super::stream::StreamMatcher;
use crate::check::scale::{self, Latency};
use crate::check::target::{CheckContext, CheckResult, CheckTarget, Layer, LocalFailure};
use crate::check::tls::peer_failure_or_limit;
use crate::model::{CheckSpec, RequestBody};
use crate::net::http::{BodySoFar, Limits, Request, exchange_until, h2_exchange_until};
use crate::net::{AsyncStream, Connection, ConnectionError, Deadline, Route};

/// Body limit without assertions: enough to see that the body arrives.
const MAX_PREVIEW_BYTES: usize = 64 << 10;

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
        let mut phases = Phases::default();
        let reply = match send_once(&chain, deadline, &mut phases).await {
            Ok(reply) => reply,
            Err(error) => return Ok(failure(peer_failure_or_limit(error, &chain.target, context).await?)),
        };
        us += phases.us;

        let unsafe_redirect = match chain.next(&reply) {
            RedirectStep::Final => None,
            RedirectStep::Unsafe(cause) => Some(cause),
            RedirectStep::To(next) if target.spec.follow => match chain.follow(next, context, deadline).await? {
                Ok(()) => continue,
                Err(cause) => Some(cause),
            },
            RedirectStep::To(_) => None,
        };

        // An unexpected status says more than the body of its error page.
        let is_expected = target.spec.expect_status.clone().unwrap_or_default().contains(reply.code);
        let is_plain = chain.target.layer == Layer::Plain;
        if !is_expected && is_plain && expects_tls(&reply) {
            return Ok(HttpOutcome::Invalid("the port expects TLS (https)".to_owned()));
        }
        if !is_expected && !is_plain && target.spec.cert.is_none() && expects_certificate(&reply) {
            return Err(LocalFailure("the server requires a client certificate (--cert)".to_owned()));
        }

        return Ok(HttpOutcome::Status(HttpStatus {
            latency: Latency::from_micros(us),
            tls_us: phases.tls_us,
            first_byte_us: phases.first_byte_us,
            unsafe_redirect,
            ..status(&reply, &target.spec, is_expected, context.shows_bodies)?
        }));
    }
}

/// What the reply is like, without its times.
fn status(reply: &HttpReply, spec: &CheckSpec, is_expected: bool, shows_bodies: bool) -> CheckResult<HttpStatus> {
    let failed_assertions = if is_expected { failed_assertions(spec, reply)? } else { unmet_status(spec, reply.code) };
    let is_explained = !is_expected || (!failed_assertions.is_empty() && spec.expect_body.is_some());
    // Where it is stated what the body has to be, that decides.
    let is_unstated = is_expected && (200..300).contains(&reply.code) && !has_body_assertion(spec);

    Ok(HttpStatus {
        code: reply.code,
        retry_after: reply.values("retry-after").next().is_some(),
        excerpt: if is_explained && shows_bodies { excerpt(reply, spec) } else { None },
        failed_status: if is_unstated { failed_status(reply) } else { None },
        failed_assertions,
        ..HttpStatus::default()
    })
}

/// What was stated about the reply and an unexpected status fails: the status itself, or what the body would have to be.
fn unmet_status(spec: &CheckSpec, code: u16) -> Vec<String> {
    let is_stated = spec.expect_status.is_some() || has_assertion(spec);
    is_stated.then(|| format!("the status is {code}, which was not expected")).into_iter().collect()
}

fn failure(error: ConnectionError) -> HttpOutcome {
    match error {
        ConnectionError::TimedOut => HttpOutcome::TimedOut,
        error => HttpOutcome::Invalid(error.to_string()),
    }
}

/// The durations of a request, in microseconds.
#[derive(Debug, Default)]
struct Phases {
    tls_us: Option<u64>,
    /// To the head of the reply.
    first_byte_us: Option<u64>,
    /// To the last byte that is read.
    us: u64,
}

/// Requests the chain's current URL and records the durations.
async fn send_once(
    chain: &RedirectChain,
    deadline: Deadline,
    phases: &mut Phases,
) -> Result<HttpReply, ConnectionError> {
    let (target, url) = (&chain.target, &chain.url);
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    if let Route::Through(proxy, place) = &target.route {
        let (start, limit) = (Instant::now(), body_limit(&target.spec));
        let reply = proxy.ask(place, request(chain, path)?, limit, deadline).await?;
        let end = if reply.body.len() >= limit { BodyEnd::Limit } else { BodyEnd::Whole };
        phases.us = scale::micros(start.elapsed());
        return Ok(HttpReply::new(reply.status, &reply.fields, reply.body, end));
    }

    let connection = target.open(&[b"h2", b"http/1.1"], deadline).await?;
    phases.tls_us = connection.tls_us;
    let (start, mut head_at) = (Instant::now(), None);
    let prior_knowledge = target.layer == Layer::Plain && matches!(target.protocol.as_deref(), Some("h2c"));
    let reply = if connection.alpn.as_deref() == Some(b"h2") || prior_knowledge {
        over_h2(connection.stream, chain, path, deadline, &mut head_at).await?
    } else {
        over_http1(Connection::new(connection.stream, deadline, usize::MAX), chain, path, &mut head_at).await?
    };

    let end = reply.stream_began.unwrap_or_else(Instant::now);
    // A short reply arrives as a whole.
    let head_at = head_at.unwrap_or(end);
    phases.first_byte_us = Some(scale::micros(head_at.saturating_duration_since(start)));
    phases.us = scale::micros(end.saturating_duration_since(start));
    Ok(reply)
}

fn body_limit(spec: &CheckSpec) -> usize {
    if has_body_assertion(spec) { MAX_BODY_BYTES } else { MAX_PREVIEW_BYTES }
}

/// The host that the request names: the user's, or the target's.
fn authority(target: &CheckTarget) -> String {
    let given = target.spec.header.iter().find(|header| header.name == "host" && !header.value.is_empty());
    given.map_or_else(|| target.host(), |host| host.value.clone())
}

/// The body of the request. Methods that carry one send the length of an empty one too (RFC 9110, 8.6).
fn request_body(spec: &CheckSpec) -> Option<&[u8]> {
    let empty = matches!(spec.method_name(), "POST" | "PUT" | "PATCH").then_some(&[][..]);
    spec.body.as_ref().map(RequestBody::as_bytes).or(empty)
}

/// `head_at` becomes the time at which the head of the reply was there.
async fn over_http1(
    mut peer: Connection,
    chain: &RedirectChain,
    path: &str,
    head_at: &mut Option<Instant>,
) -> Result<HttpReply, ConnectionError> {
    let (target, spec) = (&chain.target, &chain.target.spec);
    let (host, headers) = (authority(target), chain.headers());
    let fields: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, body) = (spec.method_name(), request_body(spec));
    let request = Request { method, target: path, host: &host, fields: &fields, body };

    let mut matcher = StreamMatcher::new(spec);
    let limits = Limits { body: body_limit(spec) };
    let mut enough = |body: &BodySoFar<'_>| {
        head_at.get_or_insert_with(Instant::now);
        matcher.is_enough(body)
    };
    let reply = exchange_until(&mut peer, &request, limits, &mut enough).await?;
    if reply.head.has_unknown_coding() {
        return Err(ConnectionError::Garbled("has a transfer coding that no client knows"));
    }

    let end = match reply.failed {
        _ if reply.whole => BodyEnd::Whole,
        _ if reply.body.len() >= limits.body => BodyEnd::Limit,
        _ if matcher.began.is_some() => BodyEnd::Open,
        // Chunks may be framed by more bytes than they hold.
        Some(ConnectionError::TooLong) => return Err(too_long()),
        // The server announced more than it sent: it stalls or has closed the connection.
        failed => return Err(failed.unwrap_or(ConnectionError::Closed)),
    };
    let fields = reply.head.fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(HttpReply { code: reply.head.status, fields, body: reply.body, end, stream_began: matcher.began })
}

fn too_long() -> ConnectionError {
    ConnectionError::Local(std::io::Error::other("the reply is longer than 10 MiB, which is portolan's limit"))
}

async fn over_h2(
    stream: Box<dyn AsyncStream>,
    chain: &RedirectChain,
    path: &str,
    deadline: Deadline,
    head_at: &mut Option<Instant>,
) -> Result<HttpReply, ConnectionError> {
    let spec = &chain.target.spec;
    let limit = body_limit(spec);
    let request = request(chain, &format!("{}://{}{path}", chain.url.scheme(), authority(&chain.target)))?;

    let mut matcher = StreamMatcher::new(spec);
    let mut enough = |body: &BodySoFar<'_>| {
        head_at.get_or_insert_with(Instant::now);
        matcher.is_enough(body)
    };
    let reply = h2_exchange_until(stream, request, limit, deadline, &mut enough).await?;

    let end = match () {
        () if reply.whole => BodyEnd::Whole,
        () if reply.body.len() >= limit => BodyEnd::Limit,
        () if matcher.began.is_some() => BodyEnd::Open,
        () if deadline.is_over() => return Err(ConnectionError::TimedOut),
        () => return Err(ConnectionError::Closed),
    };
    let stream_began = matcher.began;
    Ok(HttpReply { stream_began, ..HttpReply::new(reply.status.as_u16(), &reply.fields, reply.body, end) })
}

/// The request for HTTP/2 and for proxies, which frame it themselves.
fn request(chain: &RedirectChain, uri: &str) -> Result<http::Request<Bytes>, ConnectionError> {
    let spec = &chain.target.spec;
    let headers = chain.headers();
    let mut builder = http::Request::builder().method(spec.method_name()).uri(uri);

    let defaults = [("user-agent", concat!("portolan/", env!("CARGO_PKG_VERSION"))), ("accept", "*/*")];
    let defaults = defaults.into_iter().filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
    let own = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // HTTP/2 forbids connection-specific headers (RFC 9113, 8.2.2).
    let own = own.filter(|(name, value)| !value.is_empty() && !matches!(*name, "connection" | "upgrade" | "te"));
    for (name, value) in defaults.chain(own) {
        builder = builder.header(name, value);
    }

    let body = request_body(spec);
    if let Some(body) = body {
        builder = builder.header("content-length", body.len());
    }
    builder.body(Bytes::copy_from_slice(body.unwrap_or_default())).map_err(|_| {
        ConnectionError::Local(std::io::Error::other("its name, Host header or path is not valid in a request"))
    })
}

/// Reads a reply, checks assertions on it, and follows its redirect one step.
#[cfg(fuzzing)]
pub(in crate::check) async fn read(peer: Connection) -> Option<Vec<String>> {
    let spec = CheckSpec {
        expect_body: "ok".parse().ok(),
        expect_header: "content-type: json".parse().into_iter().collect(),
        expect_json: "/checks/0/ready=true".parse().into_iter().collect(),
        follow: true,
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

    let mut chain = RedirectChain::new(target, Url::parse("http://127.0.0.1/a").ok()?);
    let reply = over_http1(peer, &chain, "/a", &mut None).await.ok()?;
    let failed = failed_assertions(&chain.target.spec, &reply).ok();
    let _ = chain.next(&reply);
    failed
}
