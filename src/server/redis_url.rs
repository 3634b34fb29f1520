//! The URL of a Redis: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::clean::clean;
use crate::model::ParseError;

/// What a URL looks like.
const FORM: &str = "the form is redis://HOST:PORT/DATABASE, or rediss:// for TLS; user and password come before the host, as in other URLs";

/// Where a Redis is, and how to log in.
#[derive(Clone)]
pub struct RedisUrl {
    info: ConnectionInfo,
    shown: String,
}

impl RedisUrl {
    /// The same with another database of that Redis.
    #[must_use]
    pub fn with_database(self, number: i64) -> Self {
        let redis = self.info.redis_settings().clone().set_db(number);
        Self::of(self.info.set_redis_settings(redis))
    }

    pub(in crate::server) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    fn of(info: ConnectionInfo) -> Self {
        let user = info.redis_settings().username().map_or_else(String::new, |user| format!("{}@", clean(user)));
        let database = info.redis_settings().db();
        let shown = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("redis://{user}{}/{database}", place(host, *port)),
            ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{user}{}/{database}", place(host, *port)),
            other => format!("unix:{}", clean(&other.to_string())),
        };
        Self { info, shown }
    }
}

/// `h:6379`, `[::1]:6379`.
fn place(host: &str, port: u16) -> String {
    let host = clean(host);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        let [own, others] = [self, other].map(|url| url.info.redis_settings().password());
        self.shown == other.shown && own == others
    }
}

impl Eq for RedisUrl {}

impl FromStr for RedisUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // The text of the error may repeat a part of the URL, and with it a password.
        let info = text.into_connection_info().map_err(|_| ParseError::new("it is not the URL of a Redis", FORM))?;
        if text.contains('#') {
            return Err(ParseError::new("certificates are always verified: #insecure is not accepted", FORM));
        }
        Ok(Self::of(info))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password_and_a_wrong_one_says_the_form() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://:s3cret@h:1/3", "redis://h:1/3"),
            ("redis://[::1]:2", "redis://[::1]:2/0"),
            ("rediss://u:s3cret@h", "rediss://u@h:6379/0"),
        ] {
            let url: RedisUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
        }
        let url: RedisUrl = "redis://h/1".parse().unwrap();
        assert_eq!(url.with_database(7).to_string(), "redis://h:6379/7");

        for text in ["http://h", "redis://", "redis://u:s3cret@h:port", "redis://h/x", "rediss://h#insecure", ""] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert!(error.hint().contains("redis://HOST") && !error.to_string().contains("s3cret"), "{text}: {error}");
        }
    }
}
