//! HTTP to a registry: Consul, etcd, and portolan's own. One client per registry, for sources and registrations alike.
//!
//! Every reply is limited in bytes and time, redirects are not followed, and tokens never appear in an error.

// Each registry uses a part of it.
#![cfg_attr(not(all(feature = "consul", feature = "etcd", feature = "registry")), allow(dead_code))]

mod address;
mod bytes;
mod failure;
mod last_write;
mod lines;
mod proxy;
mod request;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::address::RegistryAddress;
pub(crate) use self::bytes::RegistryBytes;
pub(crate) use self::failure::{RegistryCause, RegistryFailure};
pub use self::last_write::LastWrite;
use self::last_write::MIN_INDEX;
pub(crate) use self::lines::RegistryLines;
pub use self::proxy::ProxyVariables;
pub(crate) use self::request::{RegistryReply, RegistryRequest, path_segment};
pub(crate) use self::tls::RegistryTls;
use self::tls::ServerNameResolver;
use crate::clean::Secret;
use crate::error::{Error, Result};

/// What the logs of the server show.
const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));
/// An error reply is read only for its message.
const MAX_ERROR_BYTES: usize = 8 << 10;

/// How a registry is reached.
#[derive(Clone, Debug)]
pub(crate) struct RegistryOptions {
    /// Its name in errors: `Consul`.
    pub(crate) registry: &'static str,
    /// Its servers. A request goes to the last one that replied, and to the next one if that fails.
    pub(crate) addresses: Vec<RegistryAddress>,
    /// Headers of every request. Their values are secrets.
    pub(crate) headers: Vec<(&'static str, Secret)>,
    /// What TLS trusts and presents.
    pub(crate) tls: RegistryTls,
    /// The proxies of the environment.
    pub(crate) proxy: ProxyVariables,
    /// The time for one request, from its first byte to the last one of the reply. A long poll adds its own.
    pub(crate) timeout: Duration,
    /// The last write: reads ask a registry of portolan's own to show it.
    pub(crate) last_write: LastWrite,
    /// The hint if no server can be reached, such as the option that names the address.
    pub(crate) address_hint: &'static str,
    /// The hint if the server refuses, such as the option that names the token.
    pub(crate) token_hint: &'static str,
}

/// The client of one registry.
#[derive(Clone, Debug)]
pub(crate) struct RegistryHttp(Arc<RegistryClient>);

#[derive(Debug)]
struct RegistryClient {
    servers: Vec<Server>,
    /// The server that replied last.
    current: AtomicUsize,
    headers: HeaderMap,
    options: RegistryOptions,
}

#[derive(Debug)]
struct Server {
    client: Client,
    address: RegistryAddress,
}

impl RegistryHttp {
    /// Prepares the client. It connects with the first request.
    ///
    /// # Errors
    /// Files of TLS that cannot be used, a proxy that is not a URL, a token that cannot be sent.
    pub(crate) fn new(options: RegistryOptions) -> Result<Self> {
        let is_encrypted = options.addresses.iter().any(RegistryAddress::is_encrypted);
        let config = options.tls.config(is_encrypted)?;

        let mut servers = Vec::with_capacity(options.addresses.len());
        for address in &options.addresses {
            let address = match &options.tls.server_name {
                Some(name) if address.is_encrypted() => address.clone().named(name)?,
                _ => address.clone(),
            };
            let client = client(&address, config.clone(), &options)?;
            servers.push(Server { client, address });
        }
        let headers = secret_headers(&options)?;
        Ok(Self(Arc::new(RegistryClient { servers, current: AtomicUsize::new(0), headers, options })))
    }

    /// Sends a request and reads its reply, from the first server that gives one.
    ///
    /// # Errors
    /// No server replied, the reply is an error, too large, or late.
    pub(crate) async fn send(&self, request: &RegistryRequest) -> Result<RegistryReply, RegistryFailure> {
        self.each_server(request, Self::send_to).await
    }

    /// Sends a request whose reply is a stream of lines. `silence` limits the time between two of them.
    ///
    /// # Errors
    /// As [`send`](Self::send), until the reply begins.
    pub(crate) async fn stream_lines(
        &self,
        request: &RegistryRequest,
        silence: Option<Duration>,
    ) -> Result<RegistryLines, RegistryFailure> {
        let (response, failure) = self.each_server(request, Self::open_at).await?;
        Ok(RegistryLines::new(response, failure, request.limit, silence))
    }

    /// Sends a request whose reply is a stream of bytes: it may begin after the time that the request waits, and `silence` limits
    /// the time between two parts.
    ///
    /// # Errors
    /// As [`send`](Self::send), until the reply begins.
    pub(crate) async fn stream_bytes(
        &self,
        request: &RegistryRequest,
        silence: Duration,
    ) -> Result<RegistryBytes, RegistryFailure> {
        let (response, failure) = self.each_server(request, Self::open_late).await?;
        Ok(RegistryBytes { response, failure, silence })
    }

    /// Tries the servers one after another, beginning with the one that replied last.
    async fn each_server<'a, T, F>(
        &'a self,
        request: &'a RegistryRequest,
        attempt: impl Fn(&'a Self, &'a Server, &'a RegistryRequest) -> F,
    ) -> Result<T, RegistryFailure>
    where
        F: Future<Output = Result<T, RegistryFailure>> + 'a,
    {
        let first = self.0.current.load(Ordering::Relaxed);
        let count = self.0.servers.len();
        let mut failed: Option<RegistryFailure> = None;

        for at in (0..count).map(|step| (first + step) % count) {
            match attempt(self, &self.0.servers[at], request).await {
                Ok(reply) => {
                    self.0.current.store(at, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(failure) if failure.may_work_elsewhere() => {
                    failed = Some(match failed {
                        Some(first) => first.with_other(failure),
                        None => failure,
                    });
                }
                Err(failure) => {
                    self.0.current.store(at, Ordering::Relaxed);
                    return Err(failure);
                }
            }
        }
        Err(failed.unwrap_or_else(|| {
            self.failure(None, request, RegistryCause::Unreachable("no address is given".to_owned()))
        }))
    }

    async fn send_to(&self, server: &Server, request: &RegistryRequest) -> Result<RegistryReply, RegistryFailure> {
        let limit = self.0.options.timeout + request.wait + request.wait / 16;
        let until = Instant::now() + limit;
        let (mut response, failure) = self.open(server, request, until, limit).await?;

        let is_unchanged = response.status() == StatusCode::NOT_MODIFIED;
        let headers = std::mem::take(response.headers_mut());
        let body = timeout_at(until, read_body(&mut response, request.limit)).await;
        let body = body.map_err(|_| failure.clone().because(RegistryCause::TimedOut(limit)))?;
        let body = body.map_err(|cause| failure.clone().because(cause))?;
        Ok(RegistryReply { is_unchanged, headers, body, failure })
    }

    async fn open_at(
        &self,
        server: &Server,
        request: &RegistryRequest,
    ) -> Result<(Response, RegistryFailure), RegistryFailure> {
        let limit = self.0.options.timeout;
        self.open(server, request, Instant::now() + limit, limit).await
    }

    async fn open_late(
        &self,
        server: &Server,
        request: &RegistryRequest,
    ) -> Result<(Response, RegistryFailure), RegistryFailure> {
        let limit = self.0.options.timeout + request.wait;
        self.open(server, request, Instant::now() + limit, limit).await
    }

    /// Sends a request, and returns the reply once its head is there, and the failure for what may happen to its body.
    async fn open(
        &self,
        server: &Server,
        request: &RegistryRequest,
        until: Instant,
        limit: Duration,
    ) -> Result<(Response, RegistryFailure), RegistryFailure> {
        let failure = self.failure(Some(server), request, RegistryCause::TimedOut(limit));
        let url = server.address.url(&request.path);
        let mut sending = server.client.request(request.method.clone(), url).headers(self.0.headers.clone());
        let min_index = self.0.options.last_write.min_index(&request.method);
        if let Some(index) = min_index {
            sending = sending.header(MIN_INDEX, index);
        }
        if !request.query.is_empty() {
            sending = sending.query(&request.query);
        }
        if let Some(token) = &request.authorization {
            sending = sending.header(
                AUTHORIZATION,
                secret_value(token).map_err(|()| failure.clone().because(RegistryCause::Token))?,
            );
        }
        if let Some(tag) = &request.known_tag {
            sending = sending.header(IF_NONE_MATCH, tag);
        }
        if let Some(body) = &request.body {
            sending = if request.headers.is_empty() {
                sending.header(CONTENT_TYPE, "application/json")
            } else {
                sending.headers(request.headers.clone())
            };
            sending = sending.body(body.clone());
        }

        let response = timeout_at(until, sending.send()).await.map_err(|_| failure.clone())?;
        let mut response = response.map_err(|error| failure.clone().because(RegistryCause::of(&error)))?;
        let is_unchanged = response.status() == StatusCode::NOT_MODIFIED && request.known_tag.is_some();
        if response.status().is_success() || is_unchanged {
            self.0.options.last_write.take_note(&request.method, min_index, response.headers());
            return Ok((response, failure));
        }

        let status = response.status().as_u16();
        if response.status().is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            return Err(failure.because(RegistryCause::Redirect { status, to: to.to_owned() }));
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        // The status is known; a body that is late, torn or long only costs the message.
        let body = timeout_at(until, read_prefix(&mut response, MAX_ERROR_BYTES)).await.unwrap_or_default();
        Err(failure.because(RegistryCause::of_status(status, after.map(Duration::from_secs), &body)))
    }

    /// The number of the server that replied last.
    pub(crate) fn current(&self) -> usize {
        self.0.current.load(Ordering::Relaxed)
    }

    /// The failure of a request that cannot be sent.
    pub(crate) fn unusable(&self, path: &str, why: &str) -> RegistryFailure {
        self.failure(None, &RegistryRequest::get(path), RegistryCause::Malformed(why.to_owned()))
    }

    fn failure(&self, server: Option<&Server>, request: &RegistryRequest, cause: RegistryCause) -> RegistryFailure {
        let options = &self.0.options;
        let server = server.map_or_else(|| options.registry, |server| server.address.shown());
        RegistryFailure::new(options, server, &request.path, cause)
    }
}

fn client(address: &RegistryAddress, tls: rustls::ClientConfig, options: &RegistryOptions) -> Result<Client> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .connect_timeout(options.timeout)
        .tls_backend_preconfigured(tls)
        .no_proxy();

    if let Some(path) = address.socket() {
        builder = builder.unix_socket(path);
    } else {
        for proxy in options.proxy.proxies()? {
            builder = builder.proxy(proxy);
        }
    }
    if let Some(host) = address.real_host() {
        builder = builder.dns_resolver(Arc::new(ServerNameResolver::new(host)));
    }

    builder.build().map_err(|error| {
        let why = RegistryCause::of(&error).why();
        Error::usage(address.shown(), why, options.address_hint)
    })
}

fn secret_headers(options: &RegistryOptions) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, secret) in &options.headers {
        let value = secret_value(secret)
            .map_err(|()| Error::usage("the token", RegistryCause::Token.why(), options.token_hint))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

fn secret_value(secret: &Secret) -> Result<HeaderValue, ()> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read_body(response: &mut Response, limit: usize) -> Result<Vec<u8>, RegistryCause> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| RegistryCause::of(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(RegistryCause::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn read_prefix(response: &mut Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let left = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(left)]);
        if body.len() == limit {
            break;
        }
    }
    body
}
