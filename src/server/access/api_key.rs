//! API keys: random secrets. Only a keyed hash of each is stored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{Caller, Permission, Permissions, Role, Scope};
use crate::clean::Secret;

/// What every key begins with, so that scanners for leaked secrets find it.
pub(super) const KEY_PREFIX: &str = "ptl_";
/// Length of an id, which is not secret.
const ID_BYTES: usize = 6;
/// The random bytes of a secret: 256 bits cannot be guessed, so a slow hash would only cost time.
const SECRET_BYTES: usize = 32;
/// The most keys of a file.
pub(super) const MAX_KEYS: usize = 10_000;
/// The longest file that is read.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The part of the key that names it; logs and lists show it.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The name of its role. `permissions` replaces what the role permits.
    pub role: String,
    /// The names of its permissions, if it has not just those of its role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Which services it is for.
    #[serde(default, skip_serializing_if = "Scope::is_unlimited")]
    pub scope: Scope,
    /// When it was created.
    pub created: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// HMAC-SHA256 of the secret, in hexadecimal digits.
    hash: String,
}

/// What a new key is for.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its permissions, if it should not have just those of its role.
    pub permissions: Vec<Permission>,
    /// Which services it is for.
    pub scope: Scope,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// All keys, as a file holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// The format of the file.
    format: u32,
    /// The key of the hashes, in hexadecimal digits: a hash of one file means nothing in another.
    hash_key: String,
    /// The keys, the oldest first.
    keys: Vec<ApiKey>,
}

/// The format that this version writes, and the only one that it reads.
const FORMAT: u32 = 1;

impl ApiKey {
    /// Why it can no longer be used, if so.
    pub fn end(&self, now: Timestamp) -> Option<&'static str> {
        if self.revoked.is_some() {
            Some("revoked")
        } else if self.expires.is_some_and(|expires| expires <= now) {
            Some("expired")
        } else {
            None
        }
    }

    /// What it permits.
    ///
    /// # Errors
    /// A role or a permission that this version does not know, or a role without the hosts that it is for: such a key permits
    /// nothing.
    fn permitted(&self) -> Result<Permissions, String> {
        let role: Role =
            self.role.parse().map_err(|_| format!("the key {} has the unknown role {}", self.id, self.role))?;
        if role.needs_hosts() && self.scope.hosts.is_empty() {
            return Err(format!("the key {} has the role {role}, and no hosts", self.id));
        }
        if self.permissions.is_empty() {
            return Ok(role.permissions());
        }
        let permissions = self.permissions.iter().map(|name| name.parse::<Permission>());
        permissions.collect::<Result<_, _>>().map_err(|_| format!("the key {} has an unknown permission", self.id))
    }
}

impl ApiKeys {
    /// No keys.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn empty() -> Result<Self, String> {
        Ok(Self { format: FORMAT, hash_key: random_digits(SECRET_BYTES)?, keys: Vec::new() })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is not a file of keys, of another format, or has a key that cannot be read.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let keys: Self = serde_json::from_slice(text).map_err(|error| format!("it is not a key file: {error}"))?;
        if keys.format != FORMAT {
            return Err(format!("it has the format {}, and this version reads {FORMAT}", keys.format));
        }
        if keys.keys.len() > MAX_KEYS {
            return Err(format!("it has {} keys, at most {MAX_KEYS} are read", keys.keys.len()));
        }
        if bytes_of(&keys.hash_key).is_none_or(|bytes| bytes.len() != SECRET_BYTES) {
            return Err("its hash_key is damaged".to_owned());
        }
        for key in &keys.keys {
            key.permitted()?;
        }
        Ok(keys)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        // Texts and times always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The keys, the oldest first.
    pub fn list(&self) -> &[ApiKey] {
        &self.keys
    }

    /// Adds a key. Its text is returned once, and is not stored.
    ///
    /// # Errors
    /// There are too many keys, or the system has no random numbers.
    pub fn create(&mut self, new: NewApiKey, now: Timestamp) -> Result<(String, Secret), String> {
        if self.keys.len() >= MAX_KEYS {
            return Err(format!("there are {MAX_KEYS} keys, which is the limit"));
        }
        let (id, secret) = (random_digits(ID_BYTES)?, random_digits(SECRET_BYTES)?);
        let hash = digits(hmac::sign(&self.hash_key(), secret.as_bytes()).as_ref());
        self.keys.push(ApiKey {
            id: id.clone(),
            name: new.name,
            role: new.role.as_str().to_owned(),
            permissions: new.permissions.into_iter().map(|permission| permission.as_str().to_owned()).collect(),
            scope: new.scope,
            created: now,
            expires: new.expires,
            revoked: None,
            hash,
        });
        Ok((id.clone(), Secret::from(format!("{KEY_PREFIX}{id}_{secret}"))))
    }

    /// Ends a key. Returns whether there was one to end.
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(key) = self.keys.iter_mut().find(|key| key.id == id && key.revoked.is_none()) else { return false };
        key.revoked = Some(now);
        true
    }

    fn hash_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &bytes_of(&self.hash_key).unwrap_or_default())
    }
}

/// Keys, ready for requests.
pub(super) struct KeyTable {
    hash_key: hmac::Key,
    by_id: HashMap<String, TableEntry>,
}

struct TableEntry {
    hash: Vec<u8>,
    expires: Option<Timestamp>,
    is_revoked: bool,
    caller: Arc<Caller>,
}

impl KeyTable {
    /// # Errors
    /// A key that cannot be read.
    pub(super) fn new(keys: &ApiKeys) -> Result<Self, String> {
        let mut by_id = HashMap::new();
        for key in keys.list() {
            let permissions = key.permitted()?;
            let caller = Caller {
                name: format!("key {} ({})", key.id, crate::clean::clean(&key.name)),
                key_id: Some(key.id.clone()),
                token_key: None,
                permissions,
                scope: key.scope.clone(),
                expires: key.expires,
            };
            let entry = TableEntry {
                hash: bytes_of(&key.hash).ok_or_else(|| format!("the key {} is damaged", key.id))?,
                expires: key.expires,
                is_revoked: key.revoked.is_some(),
                caller: Arc::new(caller),
            };
            by_id.insert(key.id.clone(), entry);
        }
        Ok(Self { hash_key: keys.hash_key(), by_id })
    }

    /// The caller with this key.
    ///
    /// # Errors
    /// Why it is refused, for the log: the client reads only that it is.
    pub(super) fn caller(&self, text: &str, now: Timestamp) -> Result<Arc<Caller>, Cow<'static, str>> {
        let (id, secret) =
            text.strip_prefix(KEY_PREFIX).and_then(|rest| rest.split_once('_')).ok_or("malformed key")?;
        let entry = self.by_id.get(id).ok_or("unknown key")?;
        // Takes the same time however many bytes are right.
        hmac::verify(&self.hash_key, secret.as_bytes(), &entry.hash).map_err(|_| "wrong secret")?;
        // The secret is right, so that the key may be named: who still uses it has to be found.
        entry.current(now).map_err(|why| format!("{why} {}", entry.caller.name).into())
    }

    /// Whether the key of a caller may still be used, and permits the same as when the caller came.
    pub(super) fn is_current(&self, caller: &Caller, now: Timestamp) -> bool {
        let entry = caller.key_id.as_ref().and_then(|id| self.by_id.get(id));
        entry.and_then(|entry| entry.current(now).ok()).is_some_and(|known| *known == *caller)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl TableEntry {
    fn current(&self, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        if self.is_revoked {
            return Err("revoked");
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err("expired");
        }
        Ok(Arc::clone(&self.caller))
    }
}

/// Reads a file of keys. `Ok(None)`: there is none.
///
/// # Errors
/// It cannot be read, it can be changed by others, or it is not a key file.
pub fn read_keys(path: &Path) -> Result<Option<ApiKeys>, String> {
    let Some(text) = crate::server::watched_file::read_private(path, MAX_FILE_BYTES)? else { return Ok(None) };
    // A file that is being made has nothing yet.
    if text.is_empty() { Ok(None) } else { ApiKeys::parse(&text).map(Some) }
}

/// Whether a text has the form of an id.
#[cfg(feature = "redis")]
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_BYTES * 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_digits(length: usize) -> Result<String, String> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(digits(&bytes))
}

fn digits(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn new_key(expires: Option<Timestamp>) -> NewApiKey {
        NewApiKey {
            name: "ci".into(),
            role: Role::Operator,
            permissions: Vec::new(),
            scope: Scope { namespaces: Vec::new(), services: vec!["shop-".into()], ..Scope::default() },
            expires,
        }
    }

    #[test]
    fn a_key_works_until_it_expires_or_is_revoked() {
        let now = at("2026-11-29T12:00:00Z");
        let mut keys = ApiKeys::empty().unwrap();
        let (id, secret) = keys.create(new_key(Some(at("2026-11-29T13:00:00Z"))), now).unwrap();
        let keys_text = keys.to_text();
        assert!(!keys_text.contains(secret.expose().rsplit('_').next().unwrap()), "only a hash is stored");

        let read = ApiKeys::parse(keys_text.as_bytes()).unwrap();
        assert_eq!(read, keys);
        let table = KeyTable::new(&read).unwrap();
        let caller = table.caller(secret.expose(), now).unwrap();
        assert!(
            caller.permissions.contains(Permission::Register) && !caller.permissions.contains(Permission::Administer)
        );
        assert!(caller.scope.contains("any", "shop-web") && !caller.scope.contains("any", "web"));
        assert_eq!(
            table.caller(secret.expose(), at("2026-11-29T13:00:00Z")).err(),
            Some(format!("expired key {id} (ci)").into())
        );
        assert!(table.is_current(&caller, now) && !table.is_current(&caller, at("2026-11-30T00:00:00Z")));

        let narrower = keys_text.replace("shop-", "shop-cart");
        let table = KeyTable::new(&ApiKeys::parse(narrower.as_bytes()).unwrap()).unwrap();
        assert!(!table.is_current(&caller, now), "the key permits less than when the caller came");

        assert!(keys.revoke(&id, now) && !keys.revoke(&id, now) && !keys.revoke("none", now));
        let table = KeyTable::new(&keys).unwrap();
        assert_eq!(table.caller(secret.expose(), now).err(), Some(format!("revoked key {id} (ci)").into()));
        assert!(!table.is_current(&caller, now));
    }

    #[test]
    fn anything_else_is_refused() {
        let now = at("2026-11-29T12:00:00Z");
        let mut keys = ApiKeys::empty().unwrap();
        let (id, secret) = keys.create(new_key(None), now).unwrap();
        let (_, other) = keys.create(new_key(None), now).unwrap();
        let table = KeyTable::new(&keys).unwrap();
        let other_secret = other.expose().rsplit('_').next().unwrap();

        for (text, why) in [
            (String::new(), "malformed key"),
            (id.clone(), "malformed key"),
            (format!("ptl_{id}"), "malformed key"),
            (format!("ptl_{id}_"), "wrong secret"),
            (format!("ptl_{id}_{other_secret}"), "wrong secret"),
            (format!("{}0", secret.expose()), "wrong secret"),
            (secret.expose().to_uppercase(), "malformed key"),
            (format!("ptl_000000000000_{other_secret}"), "unknown key"),
        ] {
            assert_eq!(table.caller(&text, now).err().as_deref(), Some(why), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused_as_a_whole() {
        let mut keys = ApiKeys::empty().unwrap();
        keys.create(new_key(None), at("2026-11-29T12:00:00Z")).unwrap();
        let text = keys.to_text();

        for (from, to, why) in [
            ("\"format\": 1", "\"format\": 2", "format 2"),
            ("\"operator\"", "\"owner\"", "unknown role owner"),
            ("\"operator\"", "\"agent\"", "the role agent, and no hosts"),
            ("\"name\"", "\"nmae\"", "not a key file"),
            ("\"hash_key\": \"", "\"hash_key\": \"zz", "hash_key is damaged"),
        ] {
            let error = ApiKeys::parse(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(ApiKeys::parse(b"").is_err() && ApiKeys::parse(b"[]").is_err());
    }
}
