//! A client for watches: HTTP/2, so that many streams share one connection, and a dead connection is noticed.

use std::time::Duration;

use http::{Request, Uri, Version};
use hyper::rt::{Read, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::{Service, ServiceBuilder};

use super::api::{client, guarded, prepared};
use super::failure::ApiFailure;
use super::server_url::is_tls;
use crate::error::{Error, Result};

/// A silent connection is asked for a sign of life after this part of the timeout, which the reply must not exceed either. With
/// the default timeout, a server that stopped is noticed after 40 seconds, as by kubectl.
const SILENCE: (u32, u32) = (5, 3);
/// The data that a server may send before it waits for this side: per stream, and per connection.
const WINDOWS: (u32, u32) = (1 << 20, 8 << 20);

/// Whether requests can share a connection: the server speaks HTTP/2. Makes one request, which needs no permission.
pub(super) async fn speaks_http2(config: &Config, timeout: Duration) -> bool {
    let proxy = config.proxy_url.as_ref();
    // There is no HTTP/2 in plain text, and only kube knows the way through such a proxy.
    if !is_tls(&config.cluster_url) || proxy.is_some_and(|proxy| is_tls(proxy) || has_credentials(proxy)) {
        return false;
    }

    let Ok(client) = http2_client(config, timeout, false) else { return false };
    let Ok(request) = Request::get("/version").body(Body::empty()) else { return false };
    client.send(request).await.is_ok_and(|response| response.version() == Version::HTTP_2)
}

/// A client whose requests share a connection, if the server speaks HTTP/2. Each client has its own connection.
///
/// # Errors
/// The credentials are unusable.
pub(super) fn shared_client(config: &Config, timeout: Duration, is_http2: bool) -> Result<Client> {
    if is_http2 { http2_client(config, timeout, true) } else { client(config.clone(), timeout) }
}

/// `is_known`: the server speaks HTTP/2. Otherwise a client opens a connection for each request until it knows.
fn http2_client(config: &Config, timeout: Duration, is_known: bool) -> Result<Client> {
    let proxy = config.proxy_url.clone();

    let config = prepared(config.clone(), timeout);
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);

    let built = match proxy {
        Some(proxy) if proxy.scheme_str() == Some("socks5") => {
            build(SocksV5::new(proxy, connector), &config, (timeout, is_known))
        }
        Some(proxy) => build(Tunnel::new(proxy, connector), &config, (timeout, is_known)),
        None => build(connector, &config, (timeout, is_known)),
    };
    built.map_err(|error| {
        let failure = ApiFailure::of_client(&error);
        Error::usage("these credentials", failure.why(), failure.hint())
    })
}

fn has_credentials(url: &Uri) -> bool {
    url.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

fn build<H>(connector: H, config: &Config, (timeout, is_http2): (Duration, bool)) -> kube::Result<Client>
where
    H: Service<Uri> + Clone + Send + Sync + 'static,
    H::Response: Connection + Read + Write + Send + Unpin + 'static,
    H::Future: Send + 'static,
    H::Error: std::error::Error + Send + Sync + 'static,
{
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    if let Some(Ok(name)) = config.tls_server_name.clone().map(TryInto::try_into) {
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = builder.enable_all_versions().wrap_connector(connector);

    let (of_stream, of_connection) = WINDOWS;
    let mut hyper = HyperClient::builder(TokioExecutor::new());
    hyper
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(is_http2)
        .http2_initial_stream_window_size(of_stream)
        .http2_initial_connection_window_size(of_connection)
        .http2_keep_alive_interval(timeout.saturating_mul(SILENCE.0) / SILENCE.1)
        .http2_keep_alive_timeout(timeout);
    let hyper: HyperClient<_, Body> = hyper.build(connector);

    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(hyper);
    Ok(guarded(ClientBuilder::new(service, config.default_namespace.clone()), timeout))
}
