//! What several servers tell each other beside their database.

use super::data::DataPlace;
use super::given::GivenValues;
#[cfg(feature = "redis")]
use super::values::number;
#[cfg(not(feature = "redis"))]
use super::values::wrong;
use crate::error::Result;
#[cfg(feature = "redis")]
use crate::server::{RedisSettings, RedisUrl};

const KEY: &str = "database.redis.url";

/// Whether Redis is of use: servers with one database share something.
fn is_of_use(data: &DataPlace) -> bool {
    match data {
        DataPlace::Memory | DataPlace::File(_) => false,
        #[cfg(feature = "postgres")]
        DataPlace::Postgres(_) => true,
    }
}

/// Names what was asked for and is not used.
pub(super) fn name_unused(given: &GivenValues, data: &DataPlace, off: &mut Vec<String>) {
    if given.get(KEY).is_some() && !is_of_use(data) {
        off.push("Redis (only servers that share a PostgreSQL database use it)".to_owned());
    }
    if given.get("database.redis.max_connections").is_some() {
        off.push("the connection pool of database.redis (a server uses two connections)".to_owned());
    }
}

/// How a server uses Redis; `None` without it.
///
/// # Errors
/// A URL that cannot be used.
#[cfg(feature = "redis")]
pub(super) fn choose(given: &GivenValues, data: &DataPlace) -> Result<Option<RedisSettings>> {
    let Some(value) = given.get(KEY) else { return Ok(None) };
    let text = value.texts.first().map(String::as_str).unwrap_or_default();
    let url = text.parse::<RedisUrl>().map_err(|error| value.by.error(KEY, &value.shown, &error, error.hint()))?;
    if !is_of_use(data) {
        return Ok(None);
    }

    let database = number(given, "database.redis.database").and_then(|number| i64::try_from(number).ok());
    let url = match database {
        Some(number) => url.with_database(number),
        None => url,
    };
    Ok(Some(RedisSettings { url, prefix: given.text("database.redis.prefix").unwrap_or_default().to_owned() }))
}

/// Without it, asking for Redis is a mistake.
#[cfg(not(feature = "redis"))]
pub(super) fn refuse(given: &GivenValues, data: &DataPlace) -> Result<()> {
    if given.get(KEY).is_none() || !is_of_use(data) {
        return Ok(());
    }
    let why = "this portolan was built without Redis";
    Err(wrong(given, KEY, why, "build it with the feature redis, or leave the key out"))
}
