//! How a server uses Redis.

use super::redis_url::RedisUrl;

/// How a server uses Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// What the names of all keys begin with. Servers of one cluster have the same.
    pub prefix: String,
}
