//! The requests to etcd's JSON gateway.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Etcd;
use crate::error::Result;
use crate::model::{Lease, Secret};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryLines, RegistryRequest};

/// The servers of etcd.
#[derive(Debug)]
pub(crate) struct EtcdApi {
    http: RegistryHttp,
    prefix: Vec<u8>,
    credentials: Option<(String, Secret)>,
    token: Mutex<Option<Secret>>,
}

/// A key with its value.
#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    #[serde(deserialize_with = "bytes")]
    pub(super) key: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    pub(super) value: Vec<u8>,
    #[serde(default, deserialize_with = "int64")]
    pub(super) lease: i64,
}

/// All keys below the prefix, at one revision.
pub(super) struct KeyList {
    pub(super) revision: i64,
    pub(super) pairs: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
struct Header {
    #[serde(deserialize_with = "int64")]
    revision: i64,
}

#[derive(Debug, Deserialize)]
struct RangeReply {
    header: Header,
    #[serde(default)]
    kvs: Vec<Pair>,
    #[serde(default)]
    more: bool,
}

#[derive(Debug, Deserialize)]
struct LeaseReply {
    #[serde(rename = "TTL", default, deserialize_with = "int64")]
    left: i64,
    #[serde(rename = "grantedTTL", default, deserialize_with = "int64")]
    granted: i64,
}

/// A line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct WatchLine {
    pub(super) result: Option<WatchReply>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchReply {
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default, deserialize_with = "int64")]
    pub(super) compact_revision: i64,
    #[serde(default)]
    pub(super) cancel_reason: String,
    #[serde(default)]
    pub(super) events: Vec<WatchEvent>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchEvent {
    /// `DELETE`; absent for a put.
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) kv: Pair,
}

/// Keys in one reply.
const PAGE: usize = 1000;
/// More keys are not read: they are not services.
const MAX_KEYS: usize = 200_000;
/// A list that is compacted away while it is read starts anew, so many times.
const MAX_RESTARTS: usize = 3;
/// The maximum size of a value is 1.5 MiB; one line of a watch has the events of one transaction, at most 128.
const MAX_LINE: usize = 256 << 20;

impl EtcdApi {
    pub(crate) fn new(options: &Etcd) -> Result<Self> {
        Ok(Self {
            http: RegistryHttp::new(options.http_options()?)?,
            prefix: options.prefix().as_bytes().to_vec(),
            credentials: options.credentials()?,
            token: Mutex::new(None),
        })
    }

    /// Reads all keys, page by page, all at the revision of the first page.
    pub(super) async fn list(&self) -> Result<KeyList, RegistryFailure> {
        let mut restarts = 0;
        loop {
            match self.list_once().await {
                Err(failure) if failure.text().contains("compacted") && restarts < MAX_RESTARTS => restarts += 1,
                list => return list,
            }
        }
    }

    async fn list_once(&self) -> Result<KeyList, RegistryFailure> {
        let end = range_end(&self.prefix);
        let mut start = range_start(&self.prefix);
        let mut list = KeyList { revision: 0, pairs: Vec::new() };

        loop {
            let body = json!({
                "key": BASE64.encode(&start), "range_end": BASE64.encode(&end),
                "limit": PAGE.to_string(), "revision": list.revision.to_string(),
            });
            let reply: RangeReply = self.call("/v3/kv/range", &body).await?;
            if list.revision == 0 {
                list.revision = reply.header.revision;
            }
            let last = reply.kvs.last().map(|pair| pair.key.clone());
            list.pairs.extend(reply.kvs);

            match last {
                // A server that repeats a page would never end.
                Some(last) if reply.more && last >= start && list.pairs.len() < MAX_KEYS => {
                    start = last;
                    start.push(0);
                }
                Some(_) if reply.more => {
                    return Err(self.http.unusable("/v3/kv/range", &format!("there are more than {MAX_KEYS} keys")));
                }
                _ => return Ok(list),
            }
        }
    }

    /// How long a lease lasts; `None` if it has expired.
    pub(super) async fn lease(&self, id: i64) -> Result<Option<Lease>, RegistryFailure> {
        let reply: LeaseReply = self.call("/v3/lease/timetolive", &json!({ "ID": id.to_string() })).await?;
        let (Ok(granted), Ok(left)) = (u64::try_from(reply.granted), u32::try_from(reply.left)) else {
            return Ok(None);
        };
        let expires = Timestamp::now().checked_add(SignedDuration::from_secs(left.into())).ok();
        Ok(expires.map(|expires| Lease { ttl: Duration::from_secs(granted), expires, expired: false }))
    }

    /// Whether a majority of the servers replies.
    pub(super) async fn probe(&self) -> Result<(), RegistryFailure> {
        let body = json!({ "key": BASE64.encode(range_start(&self.prefix)), "count_only": true });
        self.call::<RangeReply>("/v3/kv/range", &body).await.map(|_| ())
    }

    /// The number of the server that replied last.
    pub(super) fn current(&self) -> usize {
        self.http.current()
    }

    /// The changes from this revision on.
    pub(super) async fn watch(&self, revision: i64) -> Result<RegistryLines, RegistryFailure> {
        let create = json!({ "create_request": {
            "key": BASE64.encode(range_start(&self.prefix)), "range_end": BASE64.encode(range_end(&self.prefix)),
            "start_revision": revision.to_string(), "progress_notify": true,
        }});
        let token = self.token().await?;
        let request = RegistryRequest::post("/v3/watch").json(&create).authorization(token).limit(MAX_LINE);
        self.http.stream_lines(&request, None).await.map_err(refused)
    }

    /// Sends a request, with a new token if the last one has expired.
    pub(crate) async fn call<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, RegistryFailure> {
        let token = self.token().await?;
        let had_token = token.is_some();

        match self.http.send(&RegistryRequest::post(path).json(body).authorization(token)).await {
            Err(failure) if had_token && is_expired(&failure) => {
                *self.token.lock() = None;
                let token = self.token().await?;
                self.http.send(&RegistryRequest::post(path).json(body).authorization(token)).await
            }
            reply => reply,
        }
        .map_err(refused)?
        .json()
    }

    /// The token of the user, of whom etcd asks the password once.
    async fn token(&self) -> Result<Option<Secret>, RegistryFailure> {
        let Some((user, password)) = &self.credentials else { return Ok(None) };
        if let Some(token) = self.token.lock().clone() {
            return Ok(Some(token));
        }

        let body = json!({ "name": user, "password": password.expose() });
        let reply = match self.http.send(&RegistryRequest::post("/v3/auth/authenticate").json(&body)).await {
            // etcd's own programs go on without a token then.
            Err(failure) if failure.text().contains("authentication is not enabled") => return Ok(None),
            reply => reply.map_err(refused)?,
        };
        let token = reply.json::<Value>()?.get("token").and_then(Value::as_str).map(str::to_owned);
        let token = token.ok_or_else(|| reply.malformed("the reply has no token"))?;
        *self.token.lock() = Some(Secret::from(token.clone()));
        Ok(Some(Secret::from(token)))
    }
}

fn is_expired(failure: &RegistryFailure) -> bool {
    failure.status() == Some(401) || failure.text().contains("invalid auth token")
}

/// etcd refuses a request without a user, or with a wrong password, with status 400.
fn refused(failure: RegistryFailure) -> RegistryFailure {
    let is_refused = ["user name is empty", "authentication failed", "permission denied", "invalid auth token"];
    if is_refused.iter().any(|text| failure.text().contains(text)) { failure.into_refusal() } else { failure }
}

/// The first key with a prefix. No key is empty.
fn range_start(prefix: &[u8]) -> Vec<u8> {
    if prefix.is_empty() { vec![0] } else { prefix.to_vec() }
}

/// The key after all keys with a prefix; a zero byte stands for the end of all keys.
fn range_end(prefix: &[u8]) -> Vec<u8> {
    let Some(at) = prefix.iter().rposition(|&byte| byte < 0xff) else { return vec![0] };
    let mut end = prefix[..=at].to_vec();
    end[at] += 1;
    end
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text).map_err(|_| serde::de::Error::custom("it is not base64"))
}

/// The gateway writes 64-bit numbers as strings.
fn int64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Int64 {
        Number(i64),
        Text(String),
    }
    match Int64::deserialize(deserializer)? {
        Int64::Number(number) => Ok(number),
        Int64::Text(text) => text.parse().map_err(|_| serde::de::Error::custom("it is not a 64-bit number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_all_keys_with_the_prefix_and_no_other() {
        assert_eq!(range_end(b"/services/"), b"/services0");
        assert_eq!(range_end(b"a\xff"), b"b");
        assert_eq!((range_start(b""), range_end(b"")), (vec![0], vec![0]), "all keys");
        assert_eq!(range_end(b"\xff\xff"), [0]);
    }

    #[test]
    fn numbers_are_strings_in_the_gateway() {
        let line = r#"{"result":{"header":{"cluster_id":"1","revision":"7"},"events":[{"kv":{"key":"YQ==","value":"Yg==","lease":"5"}},
            {"type":"DELETE","kv":{"key":"YQ==","mod_revision":"8"}}]}}"#;
        let reply = serde_json::from_str::<WatchLine>(line).unwrap().result.unwrap();
        assert_eq!((reply.events[0].kv.lease, reply.events[1].kind.as_str()), (5, "DELETE"));
        assert!(serde_json::from_str::<Pair>(r#"{"key":"not base64"}"#).is_err());
        assert!(serde_json::from_str::<Header>(r#"{"revision":"x"}"#).is_err());
    }
}
