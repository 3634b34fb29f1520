//! The parameters of a request. Unknown ones are left unread, as Consul does.

use std::time::Duration;

use http::HeaderMap;
use url::form_urlencoded;

use super::error::{ConsulError, ConsulResult};
use super::filter::{FilterExpression, Schema};
use super::go;
use crate::clean::clean;

/// The longest query that is read, and the most parameters.
const MAX_QUERY_BYTES: usize = 16 * 1024;
const MAX_PARAMETERS: usize = 256;
/// How long a blocking query waits unless it says otherwise, and at most.
const DEFAULT_WAIT: Duration = Duration::from_mins(5);
const MAX_WAIT: Duration = Duration::from_mins(10);

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct ConsulQuery(Vec<(String, String)>);

/// What a request for a list asks for.
#[derive(Debug)]
pub(super) struct ReadOptions {
    /// The index that the client knows; 0 does not wait.
    pub(super) index: u64,
    pub(super) wait: Duration,
    pub(super) consistency: &'static str,
    /// The metadata that a node must have.
    pub(super) node_meta: Vec<(String, String)>,
    pub(super) filter: Option<FilterExpression>,
}

impl ConsulQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// It is longer than a query may be.
    pub(super) fn read(query: Option<&str>) -> ConsulResult<Self> {
        let query = query.unwrap_or_default();
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().take(MAX_PARAMETERS + 1).collect();
        if query.len() > MAX_QUERY_BYTES || pairs.len() > MAX_PARAMETERS {
            let text = format!("at most {MAX_PARAMETERS} parameters and {MAX_QUERY_BYTES} bytes of a query are read");
            return Err(ConsulError::bad_request(text));
        }
        Ok(Self(pairs))
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter, if it is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(super) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there, with any value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A namespace is a feature of Consul Enterprise.
    ///
    /// # Errors
    /// One is given.
    pub(super) fn refuse_namespace(&self, headers: &HeaderMap) -> ConsulResult<()> {
        let given = if self.text("ns").is_some() {
            "query parameter: \"ns\""
        } else if headers.get("x-consul-namespace").is_some_and(|value| !value.is_empty()) {
            "header: \"X-Consul-Namespace\""
        } else {
            return Ok(());
        };
        let text = format!("Bad request: Invalid {given} - Namespaces are a Consul Enterprise feature");
        Err(ConsulError::bad_request(text))
    }

    /// What a request for a list asks for. `schema`: the fields that a filter may name; `None` if it takes no filter.
    ///
    /// # Errors
    /// A value that cannot be used.
    pub(super) fn options(&self, datacenter: &str, schema: Option<Schema>) -> ConsulResult<ReadOptions> {
        self.check_datacenter(datacenter)?;
        let consistency = self.consistency()?;
        let (index, wait) = self.wait()?;
        let filter = match (schema, self.text("filter")) {
            (Some(schema), Some(text)) => Some(FilterExpression::parse(text, schema)?),
            _ => None,
        };

        let node_meta = self.all("node-meta").map(|pair| match pair.split_once(':') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (pair.to_owned(), String::new()),
        });
        Ok(ReadOptions { index, wait, consistency, node_meta: node_meta.collect(), filter })
    }

    /// The index to wait for, and how long.
    ///
    /// # Errors
    /// They are not a number and a duration.
    pub(super) fn wait(&self) -> ConsulResult<(u64, Duration)> {
        let wait = match self.text("wait") {
            Some(text) => go::parse_duration(text)
                .ok_or_else(|| ConsulError::bad_request("Invalid wait time: write a duration such as 30s or 5m"))?,
            None => 0,
        };
        let index = match self.text("index") {
            Some(text) => text
                .parse()
                .ok()
                .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| ConsulError::bad_request("Invalid index: write the number of X-Consul-Index"))?,
            None => 0,
        };
        Ok((index, go::positive(wait).unwrap_or(DEFAULT_WAIT).min(MAX_WAIT)))
    }

    /// What the answer says of how current it is. Every answer here is current.
    pub(super) fn consistency(&self) -> ConsulResult<&'static str> {
        if let Some(text) = self.text("max_stale")
            && go::parse_duration(text).is_none()
        {
            return Err(ConsulError::bad_request(format!("Invalid max_stale value \"{}\"", clean(text))));
        }
        let is_stale =
            self.has("stale") || self.text("max_stale").and_then(go::parse_duration).is_some_and(|age| age > 0);
        if self.has("consistent") && is_stale {
            return Err(ConsulError::bad_request("Cannot specify ?stale with ?consistent, conflicting semantics."));
        }
        if self.has("consistent") && self.has("cached") {
            return Err(ConsulError::bad_request("Cannot specify ?cached with ?consistent, conflicting semantics."));
        }

        Ok(match (is_stale, self.has("consistent")) {
            (true, _) => "stale",
            (_, true) => "consistent",
            _ => "leader",
        })
    }

    /// This server has one datacenter.
    ///
    /// # Errors
    /// Another one is named.
    pub(super) fn check_datacenter(&self, own: &str) -> ConsulResult<()> {
        match self.text("dc") {
            Some(other) if other != own => Err(no_datacenter(other, own)),
            _ => Ok(()),
        }
    }
}

/// The error for another datacenter than that of this server.
pub(super) fn no_datacenter(other: &str, own: &str) -> ConsulError {
    let other = clean(other);
    ConsulError::internal(format!("No path to datacenter {other}: this server has {own} (set it with --cluster)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(query: &str) -> ConsulResult<ReadOptions> {
        ConsulQuery::read(Some(query))?.options("dc1", None)
    }

    #[test]
    fn waits_are_bounded_and_need_a_unit() {
        for (query, index, seconds) in [
            ("", 0, 300),
            ("index=0&wait=10s", 0, 10),
            ("index=7", 7, 300),
            ("index=7&wait=0s", 7, 300),
            ("index=7&wait=-5s", 7, 300),
            ("index=7&wait=1h", 7, 600),
            ("index=&wait=", 0, 300),
        ] {
            let options = options(query).unwrap();
            assert_eq!((options.index, options.wait), (index, Duration::from_secs(seconds)), "{query}");
        }
        for query in ["wait=1", "wait=x", "index=-1", "index=+1", "index=1.5", "index=99999999999999999999"] {
            assert_eq!(options(query).unwrap_err().status, 400, "{query}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (query, consistency) in [
            ("", "leader"),
            ("stale", "stale"),
            ("consistent=", "consistent"),
            ("max_stale=5s", "stale"),
            ("dc=dc1", "leader"),
        ] {
            assert_eq!(options(query).unwrap().consistency, consistency, "{query}");
        }
        for (query, status) in
            [("stale&consistent", 400), ("cached&consistent", 400), ("max_stale=5", 400), ("dc=dc2", 500)]
        {
            assert_eq!(options(query).unwrap_err().status, status, "{query}");
        }
    }
}
