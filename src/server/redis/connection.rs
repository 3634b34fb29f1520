//! A connection to Redis, with limits for everything that may wait.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use socket2::TcpKeepalive;

use crate::clean::clean;
use crate::net::{describe_tls_error, find_tls_error};
use crate::server::redis_url::RedisUrl;

/// How long a connect and a login may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long sent data may be unacknowledged, and an idle connection silent.
const SILENCE: Duration = Duration::from_secs(2);

/// Makes connections.
#[derive(Debug)]
pub(super) struct RedisConnector(RedisUrl);

impl RedisConnector {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self(url.clone())
    }

    /// A new connection, on which a reply may take so long.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn connect(&self, reply_within: Duration) -> Result<MultiplexedConnection, String> {
        let info = self.0.info().clone();
        let keepalive = TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE);
        let tcp = info.tcp_settings().clone().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(SILENCE);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(|error| plain(&error))?;

        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(reply_within));
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        connected.map_err(|error| plain(&error))
    }
}

/// Why something failed, for people.
pub(super) fn plain(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no reply in time".to_owned();
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        return "it refuses the user or the password of database.redis.url".to_owned();
    }
    if let (Some(code), detail) = (error.code(), error.detail()) {
        return clean(&format!("it says {code} {}", detail.unwrap_or_default())).trim_end().to_owned();
    }

    // The library hides the error behind a pointer, which has no source of its own.
    let within = error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    if let Some(error) = within.and_then(|within| find_tls_error(&**within)) {
        return format!("TLS failed: {}", describe_tls_error(error));
    }
    let cause = error.source().map(ToString::to_string);
    let cause = cause.or_else(|| error.detail().map(ToOwned::to_owned)).unwrap_or_else(|| error.category().to_owned());
    // Rust's suffix means nothing to a user.
    let end = cause.find(" (os error").unwrap_or(cause.len());
    clean(cause.get(..end).unwrap_or_default())
}
