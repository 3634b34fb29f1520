//! Who may do what: every request, item of a bulk request, event and client protocol passes through here.
//!
//! A request is authenticated once, by an API key or a token, and becomes a [`Caller`]. Each route states the [`Permission`]
//! that it needs (`routes/mod.rs`); handlers see and change the registry only through their `Access` (`authorized.rs`),
//! which knows nothing outside the caller's [`Scope`].

mod api_key;
mod caller;
mod certificate;
mod key_changes;
mod role;
mod scope;
mod signatures;
mod token;
#[cfg(test)]
mod token_tests;

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use parking_lot::Mutex;
use tracing::info;

use self::api_key::{KEY_PREFIX, KeyTable};
use self::token::TokenVerifier;
use crate::clean::clean;
use crate::server::watched_file::{WatchedFile, read_private};

pub use self::api_key::{ApiKey, ApiKeys, NewApiKey, read_keys};
pub(super) use self::caller::Caller;
pub use self::certificate::CertificateRule;
pub(super) use self::certificate::ClientCertificate;
pub(super) use self::key_changes::KeyChange;
pub use self::role::{Permission, Permissions, Role};
pub use self::scope::Scope;
pub use self::signatures::{MIN_SECRET_BYTES, TokenAlgorithm};
pub use self::token::TokenRules;

/// How callers prove who they are. Without keys, tokens and certificates, every caller may do everything.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// The file of API keys. It may not exist yet.
    pub keys_file: Option<PathBuf>,
    /// Which tokens are accepted.
    pub tokens: Option<TokenRules>,
    /// Whose client certificates are accepted; of several rules that fit, the first one counts.
    pub certificates: Vec<CertificateRule>,
}

/// Decides who a request comes from.
pub struct AccessControl {
    settings: Authentication,
    keys: ArcSwapOption<KeyTable>,
    /// The keys as they were read last.
    listed: Mutex<Vec<ApiKey>>,
    /// The text of the file of token keys as it was read last.
    token_keys: Mutex<Vec<u8>>,
    tokens: ArcSwapOption<TokenVerifier>,
    /// The ids of keys that were revoked at another server, whatever the file of this one says.
    revoked_elsewhere: ArcSwap<HashSet<String>>,
    anyone: Arc<Caller>,
}

/// What a file of keys is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    ApiKeys,
    TokenKeys,
}

/// What a request brings to prove who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential<'r> {
    None,
    Key(&'r str),
    Token(&'r str),
    /// A header that cannot be read.
    Unreadable,
}

impl Authentication {
    /// Whether callers must prove who they are.
    pub fn is_on(&self) -> bool {
        self.keys_file.is_some() || self.tokens.is_some() || !self.certificates.is_empty()
    }
}

impl AccessControl {
    /// Reads the keys.
    ///
    /// # Errors
    /// A file that cannot be used, with its path.
    pub fn new(settings: Authentication) -> Result<Self, String> {
        let control = Self {
            keys: ArcSwapOption::empty(),
            listed: Mutex::default(),
            token_keys: Mutex::default(),
            tokens: ArcSwapOption::empty(),
            revoked_elsewhere: ArcSwap::default(),
            anyone: Arc::new(Caller::anyone()),
            settings,
        };
        control.read_keys()?;
        control.read_tokens()?;

        Ok(control)
    }

    /// Whether callers must prove who they are.
    pub fn is_on(&self) -> bool {
        self.settings.is_on()
    }

    /// The caller of a request. A key or a token counts before the certificate of the connection.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Arc<Caller>, Cow<'static, str>> {
        if !self.is_on() {
            return Ok(Arc::clone(&self.anyone));
        }
        let now = Timestamp::now();

        match credential(headers) {
            Credential::None => self.owner_of(certificate, now).map_err(Cow::from),
            Credential::Unreadable => Err("malformed key".into()),
            Credential::Key(text) => {
                let caller = self.keys.load().as_deref().ok_or("unknown key")?.caller(text, now)?;
                let is_revoked = self.is_revoked_elsewhere(&caller);
                if is_revoked { Err(format!("revoked {}", caller.name).into()) } else { Ok(caller) }
            }
            Credential::Token(text) => {
                let tokens = self.tokens.load();
                tokens.as_deref().ok_or("tokens are not accepted")?.caller(text, now).map_err(Cow::from)
            }
        }
    }

    fn owner_of(&self, certificate: Option<&ClientCertificate>, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        let certificate = certificate.filter(|_| !self.settings.certificates.is_empty());
        let certificate = certificate.ok_or("no key and no token")?;
        let mut rules = self.settings.certificates.iter();
        let owner = rules.find_map(|rule| rule.caller(certificate)).ok_or("certificate without a rule")?;
        // The handshake has checked it, but a connection may outlast it.
        let is_current = owner.expires.is_none_or(|expires| expires > now);
        if is_current { Ok(owner) } else { Err("expired certificate") }
    }

    /// Whether a caller of an earlier moment may go on: a stream ends with its key or token, and when the key permits
    /// something else.
    pub(super) fn is_current(&self, caller: &Caller) -> bool {
        let now = Timestamp::now();
        if caller.key_id.is_some() {
            let is_known = self.keys.load().as_deref().is_some_and(|keys| keys.is_current(caller, now));
            return is_known && !self.is_revoked_elsewhere(caller);
        }

        let is_signed_by_known_key = caller
            .token_key
            .as_ref()
            .is_none_or(|kid| self.tokens.load().as_deref().is_some_and(|tokens| tokens.has_key(kid)));
        is_signed_by_known_key && caller.expires.is_none_or(|expires| expires > now)
    }

    fn is_revoked_elsewhere(&self, caller: &Caller) -> bool {
        let revoked = self.revoked_elsewhere.load();
        !revoked.is_empty() && caller.key_id.as_ref().is_some_and(|id| revoked.contains(id))
    }

    /// The files to watch, each with what reads it again.
    pub(super) fn watched(&self) -> Vec<(WatchedFile, KeyKind)> {
        let jwks = self.settings.tokens.as_ref().and_then(|rules| rules.keys_file.clone());
        let keys = self.settings.keys_file.clone().map(|path| (WatchedFile::new(path), KeyKind::ApiKeys));
        keys.into_iter().chain(jwks.map(|path| (WatchedFile::new(path), KeyKind::TokenKeys))).collect()
    }

    /// Reads keys again, and returns what changed. A file that cannot be used changes nothing: the keys that are known stay,
    /// and no others come.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(super) fn read_again(&self, kind: KeyKind) -> Result<Vec<KeyChange>, String> {
        match kind {
            KeyKind::ApiKeys => {
                let before = self.listed.lock().clone();
                self.read_keys()?;
                Ok(key_changes::changes(&before, &self.listed.lock()))
            }
            KeyKind::TokenKeys => {
                let before = self.token_keys.lock().clone();
                self.read_tokens()?;
                let change =
                    KeyChange { action: "change_token_keys", target: "token keys".to_owned(), detail: String::new() };
                Ok(if *self.token_keys.lock() == before { Vec::new() } else { vec![change] })
            }
        }
    }

    /// What changed about the API keys since a time, as their own times say: no server may have run then.
    pub(super) fn key_changes_since(&self, at: Option<Timestamp>) -> Vec<KeyChange> {
        let listed = self.listed.lock();
        key_changes::changes(&key_changes::as_of(&listed, at), &listed)
    }

    /// The ids of all keys that are known to be revoked.
    #[cfg(feature = "redis")]
    pub(super) fn revoked(&self) -> std::collections::BTreeSet<String> {
        let listed = self.listed.lock();
        let own = listed.iter().filter(|key| key.revoked.is_some()).map(|key| key.id.clone());
        own.chain(self.revoked_elsewhere.load().iter().cloned()).collect()
    }

    /// Refuses these keys from now on, until this server ends. Returns those that were not known to be revoked.
    #[cfg(feature = "redis")]
    pub(super) fn revoke(&self, ids: impl IntoIterator<Item = String>) -> Vec<String> {
        let known = self.revoked();
        let mut new: Vec<String> = ids.into_iter().filter(|id| api_key::is_id(id) && !known.contains(id)).collect();
        new.truncate(api_key::MAX_KEYS.saturating_sub(self.revoked_elsewhere.load().len()));
        if !new.is_empty() {
            // Another task may add others at the same time.
            self.revoked_elsewhere.rcu(|known| known.iter().chain(&new).cloned().collect::<HashSet<String>>());
        }
        new
    }

    fn read_keys(&self) -> Result<(), String> {
        let Some(path) = &self.settings.keys_file else { return Ok(()) };
        let unusable = |why| format!("{}: {why}", clean(&path.to_string_lossy()));
        let keys = read_keys(path).map_err(unusable)?;
        let table = keys.as_ref().map(KeyTable::new).transpose().map_err(unusable)?;
        if let Some(table) = &table {
            info!(keys = table.len(), "read the API keys");
        }
        self.keys.store(table.map(Arc::new));
        *self.listed.lock() = keys.map(|keys| keys.list().to_vec()).unwrap_or_default();
        Ok(())
    }

    fn read_tokens(&self) -> Result<(), String> {
        let Some(rules) = &self.settings.tokens else { return Ok(()) };
        let jwks = match &rules.keys_file {
            None => None,
            Some(path) => {
                let read = read_private(path, token::MAX_FILE_BYTES);
                let read = read.and_then(|text| text.ok_or_else(|| "there is no such file".to_owned()));
                Some(read.map_err(|why| format!("{}: {why}", clean(&path.to_string_lossy())))?)
            }
        };
        let verifier = TokenVerifier::new(rules.clone(), jwks.as_deref()).map_err(|why| match &rules.keys_file {
            Some(path) => format!("{}: {why}", clean(&path.to_string_lossy())),
            None => why,
        })?;

        self.tokens.store(Some(Arc::new(verifier)));
        *self.token_keys.lock() = jwks.unwrap_or_default();
        Ok(())
    }
}

/// The key or token of a request: `X-API-Key`, `Authorization: Bearer`, or Consul's `X-Consul-Token`.
fn credential(headers: &HeaderMap) -> Credential<'_> {
    for name in ["x-api-key", "x-consul-token"] {
        if let Some(value) = headers.get(name) {
            return value.to_str().map_or(Credential::Unreadable, |text| kind_of(text.trim()));
        }
    }
    let Some(value) = headers.get(AUTHORIZATION) else { return Credential::None };
    let Ok(text) = value.to_str() else { return Credential::Unreadable };

    match text.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => kind_of(rest.trim()),
        // Prometheus 2.42 sends the credentials of `http_sd_configs` without a type.
        None if text.starts_with(KEY_PREFIX) => Credential::Key(text),
        _ => Credential::Unreadable,
    }
}

fn kind_of(text: &str) -> Credential<'_> {
    if text.starts_with(KEY_PREFIX) {
        Credential::Key(text)
    } else if text.is_empty() {
        Credential::None
    } else {
        Credential::Token(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_credential_is_found_in_each_header_that_clients_use() {
        for (pairs, expected) in [
            (vec![], Credential::None),
            (vec![("x-api-key", "ptl_a_b")], Credential::Key("ptl_a_b")),
            (vec![("authorization", "Bearer ptl_a_b")], Credential::Key("ptl_a_b")),
            (vec![("authorization", "bearer x.y.z")], Credential::Token("x.y.z")),
            (vec![("x-consul-token", "ptl_a_b")], Credential::Key("ptl_a_b")),
            (vec![("authorization", "Basic dXNlcjpw")], Credential::Unreadable),
            (vec![("authorization", "Bearer")], Credential::Unreadable),
            (vec![("authorization", "ptl_a_b")], Credential::Key("ptl_a_b")),
            (vec![("authorization", "Bearer ")], Credential::None),
            // The first header decides: a proxy may add the other one.
            (vec![("x-api-key", "ptl_a_b"), ("authorization", "Bearer x.y.z")], Credential::Key("ptl_a_b")),
        ] {
            assert_eq!(credential(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn without_keys_and_tokens_everyone_may_do_everything() {
        let control = AccessControl::new(Authentication::default()).unwrap();
        let caller = control.caller(&headers(&[("x-api-key", "anything")]), None).unwrap();
        assert_eq!(caller.permissions, Permissions::ALL);
        assert!(control.is_current(&caller) && caller.scope.is_unlimited());
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_key_that_was_revoked_elsewhere_is_refused_and_what_is_no_id_is_ignored() {
        let control = AccessControl::new(Authentication::default()).unwrap();
        let caller = Caller { key_id: Some("0123456789ab".to_owned()), ..Caller::anyone() };
        assert!(!control.is_revoked_elsewhere(&caller));
        let ids = ["0123456789ab", "0123456789ab\n", "", "x"].map(ToOwned::to_owned);
        assert_eq!(control.revoke(ids.clone()), ["0123456789ab"]);
        assert!(control.is_revoked_elsewhere(&caller) && control.revoked().contains("0123456789ab"));
        assert_eq!(control.revoke(ids), [] as [String; 0], "it is known");

        control.revoke((0..20_000).map(|number| format!("{number:012x}")));
        assert_eq!(control.revoked().len(), api_key::MAX_KEYS, "memory is bounded");
    }

    #[test]
    fn with_a_file_of_keys_that_does_not_exist_yet_no_one_may_do_anything() {
        let keys_file = Some(std::env::temp_dir().join("portolan-no-such-file-of-keys"));
        let control = AccessControl::new(Authentication { keys_file, ..Authentication::default() }).unwrap();
        assert_eq!(control.caller(&headers(&[]), None).err().as_deref(), Some("no key and no token"));
        assert_eq!(control.caller(&headers(&[("x-api-key", "ptl_a_b")]), None).err().as_deref(), Some("unknown key"));
        assert_eq!(
            control.caller(&headers(&[("authorization", "Bearer a.b.c")]), None).err().as_deref(),
            Some("tokens are not accepted")
        );
    }

    #[test]
    fn a_certificate_that_expires_on_an_open_connection_is_refused() {
        let certificates = vec!["CN=agent role=viewer".parse().unwrap()];
        let control = AccessControl::new(Authentication { certificates, ..Authentication::default() }).unwrap();
        let hour = jiff::SignedDuration::from_hours(1);
        let caller = |expires| control.caller(&headers(&[]), Some(&ClientCertificate::named("CN=agent", expires)));

        assert_eq!(caller(Timestamp::now() + hour).unwrap().name, "certificate CN=agent");
        assert_eq!(caller(Timestamp::now() - hour).err().as_deref(), Some("expired certificate"));
    }

    #[test]
    fn a_stream_ends_with_the_key_that_signed_its_token() {
        let path = std::env::temp_dir().join(format!("portolan-token-keys-{}", std::process::id()));
        let write = |kid: &str| {
            let key = format!(r#"{{"kty":"oct","kid":"{kid}","alg":"HS256","k":"{}"}}"#, "A".repeat(43));
            std::fs::write(&path, format!(r#"{{"keys":[{key}]}}"#)).unwrap();
        };
        write("first");
        let rules = TokenRules {
            secret: None,
            keys_file: Some(path.clone()),
            algorithms: TokenAlgorithm::ALL.to_vec(),
            issuer: "portolan".to_owned(),
            audience: "portolan".to_owned(),
            max_lifetime: std::time::Duration::from_hours(1),
            default_role: Role::Viewer,
            with_roles: true,
        };
        let control = AccessControl::new(Authentication { tokens: Some(rules), ..Authentication::default() }).unwrap();
        let caller = Caller { token_key: Some("first".to_owned()), ..Caller::anyone() };
        assert!(control.is_current(&caller));

        write("second");
        assert_eq!(control.read_again(KeyKind::TokenKeys).unwrap().len(), 1);
        assert!(!control.is_current(&caller));
        std::fs::remove_file(path).unwrap();
    }
}
