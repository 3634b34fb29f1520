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

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
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
    ) -> Result<Arc<Caller>, &'static str> {
        if !self.is_on() {
            return Ok(Arc::clone(&self.anyone));
        }
        let now = Timestamp::now();

        match credential(headers) {
            Credential::None => self.owner_of(certificate),
            Credential::Unreadable => Err("malformed key"),
            Credential::Key(text) => self.keys.load().as_deref().ok_or("unknown key")?.caller(text, now),
            Credential::Token(text) => {
                self.tokens.load().as_deref().ok_or("tokens are not accepted")?.caller(text, now)
            }
        }
    }

    fn owner_of(&self, certificate: Option<&ClientCertificate>) -> Result<Arc<Caller>, &'static str> {
        let certificate = certificate.filter(|_| !self.settings.certificates.is_empty());
        let certificate = certificate.ok_or("no key and no token")?;
        let mut rules = self.settings.certificates.iter();
        rules.find_map(|rule| rule.caller(certificate)).ok_or("certificate without a rule")
    }

    /// Whether a caller of an earlier moment may go on: a stream ends with its key or token.
    pub(super) fn is_current(&self, caller: &Caller) -> bool {
        let now = Timestamp::now();
        match &caller.key_id {
            Some(id) => self.keys.load().as_deref().is_some_and(|keys| keys.is_current(id, now)),
            None => caller.expires.is_none_or(|expires| expires > now),
        }
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

    #[test]
    fn with_a_file_of_keys_that_does_not_exist_yet_no_one_may_do_anything() {
        let keys_file = Some(std::env::temp_dir().join("portolan-no-such-file-of-keys"));
        let control = AccessControl::new(Authentication { keys_file, ..Authentication::default() }).unwrap();
        assert_eq!(control.caller(&headers(&[]), None).err(), Some("no key and no token"));
        assert_eq!(control.caller(&headers(&[("x-api-key", "ptl_a_b")]), None).err(), Some("unknown key"));
        assert_eq!(
            control.caller(&headers(&[("authorization", "Bearer a.b.c")]), None).err(),
            Some("tokens are not accepted")
        );
    }
}
