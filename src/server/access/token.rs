//! JSON Web Tokens (RFC 7519): who signed them, for whom, until when, and what they permit.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Deserializer};

use super::signatures::{self, TokenAlgorithm};
use super::{Caller, Permission, Permissions, Role, Scope};
use crate::clean::{Secret, clean};

/// The longest token that is read.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the clocks of issuer and server may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// The most keys of a file.
const MAX_KEYS: usize = 1_000;
/// The longest file of keys that is read.
pub(super) const MAX_FILE_BYTES: u64 = 4 << 20;

/// Which tokens are accepted.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The secret of HS256, for tokens that name no key.
    pub secret: Option<Secret>,
    /// A file with a JSON Web Key Set (RFC 7517); it is read again when it changes.
    pub keys_file: Option<PathBuf>,
    /// The algorithms.
    pub algorithms: Vec<TokenAlgorithm>,
    /// `iss` must be this.
    pub issuer: String,
    /// `aud` must be or contain this.
    pub audience: String,
    /// The longest time from `iat` to `exp`.
    pub max_lifetime: Duration,
    /// The role of a token that names none.
    pub default_role: Role,
    /// Whether the role of the token counts. Otherwise every valid token is one of an admin.
    pub with_roles: bool,
}

/// What a token says.
#[derive(Debug, Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(rename = "iss")]
    _issuer: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    #[serde(default, deserialize_with = "list")]
    namespaces: Option<Vec<String>>,
    #[serde(default, deserialize_with = "list")]
    services: Option<Vec<String>>,
    #[serde(default, deserialize_with = "list")]
    hosts: Option<Vec<String>>,
}

/// A claim that is a list if it is there: null is none.
fn list<'de, D: Deserializer<'de>>(claim: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(claim).map(Some)
}

/// The names that a token is limited to. A token without the claim has no limit. An empty list or an empty prefix may mean
/// nothing at all to the issuer, so that it must not mean everything here.
fn limit(names: Option<&Vec<String>>) -> Result<Vec<String>, &'static str> {
    match names {
        None => Ok(Vec::new()),
        Some(names) if names.is_empty() || names.iter().any(String::is_empty) => Err("token with an empty scope"),
        Some(names) => Ok(names.clone()),
    }
}

/// Keys, ready for requests.
pub(super) struct TokenVerifier {
    rules: TokenRules,
    secret: Option<VerificationKey>,
    by_kid: HashMap<String, VerificationKey>,
}

struct VerificationKey {
    key: DecodingKey,
    validation: Validation,
}

impl TokenVerifier {
    /// `jwks` is the text of the key file.
    ///
    /// # Errors
    /// The secret or a key cannot be used.
    pub(super) fn new(rules: TokenRules, jwks: Option<&[u8]>) -> Result<Self, String> {
        signatures::install();
        let secret = match &rules.secret {
            Some(secret) => {
                let key = DecodingKey::from_secret(secret.expose().as_bytes()).map_err(|error| error.to_string())?;
                Some(VerificationKey { key, validation: validation(&rules, TokenAlgorithm::Hs256) })
            }
            None => None,
        };
        let by_kid = jwks.map(|text| keys_of(text, &rules)).transpose()?.unwrap_or_default();
        Ok(Self { secret: secret.filter(|_| rules.algorithms.contains(&TokenAlgorithm::Hs256)), by_kid, rules })
    }

    /// The caller with this token.
    ///
    /// # Errors
    /// Why it is refused, for the log: the client reads only that it is.
    pub(super) fn caller(&self, token: &str, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err("token too long");
        }
        let header = decode_header(token).map_err(|_| "malformed token")?;
        if header
            .typ
            .as_deref()
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT") && !kind.eq_ignore_ascii_case("at+jwt"))
        {
            return Err("token of another type");
        }
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err("token with an unknown extension");
        }
        // The key is chosen by us: keys and addresses of keys in a token are never used.
        let key = match &header.kid {
            Some(kid) => self.by_kid.get(kid).ok_or("token of an unknown key")?,
            None => self.secret.as_ref().ok_or("token that names no key")?,
        };

        let token = decode::<Claims>(token, &key.key, &key.validation).map_err(|error| reason(error.kind()))?;
        self.judged(&token.claims, header.kid, now)
    }

    /// Whether tokens of a key are still accepted.
    pub(super) fn has_key(&self, kid: &str) -> bool {
        self.by_kid.contains_key(kid)
    }

    fn judged(&self, claims: &Claims, token_key: Option<String>, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        let now = now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        let lifetime = claims.iat.map_or(claims.exp - now, |issued| claims.exp - issued);
        if claims.iat.is_some_and(|issued| issued > now + LEEWAY.as_secs_f64()) {
            return Err("token of the future");
        }
        if lifetime > self.rules.max_lifetime.as_secs_f64() + LEEWAY.as_secs_f64() {
            return Err("token that lasts too long");
        }

        let expires = SignedDuration::try_from_secs_f64(claims.exp).ok();
        let expires =
            expires.and_then(|exp| Timestamp::UNIX_EPOCH.checked_add(exp).ok()).ok_or("token that lasts too long")?;
        let subject = claims.sub.as_deref().filter(|subject| !subject.is_empty()).unwrap_or("without a subject");
        let scope = Scope {
            namespaces: limit(claims.namespaces.as_ref())?,
            services: limit(claims.services.as_ref())?,
            hosts: limit(claims.hosts.as_ref())?,
        };
        Ok(Arc::new(Caller {
            name: format!("token {}", clean(subject)),
            key_id: None,
            token_key,
            permissions: self.permissions(claims, &scope)?,
            scope,
            expires: Some(expires),
        }))
    }

    fn permissions(&self, claims: &Claims, scope: &Scope) -> Result<Permissions, &'static str> {
        if !self.rules.with_roles {
            return Ok(Permissions::ALL);
        }
        let role = match claims.role.as_deref() {
            Some(name) => name.parse::<Role>().map_err(|_| "token with an unknown role")?,
            None => self.rules.default_role,
        };
        if role.needs_hosts() && scope.hosts.is_empty() {
            return Err("token of an agent without hosts");
        }
        match &claims.permissions {
            None => Ok(role.permissions()),
            Some(names) => {
                let permissions: Result<Permissions, _> = names.iter().map(|name| name.parse::<Permission>()).collect();
                permissions.map_err(|_| "token with an unknown permission")
            }
        }
    }
}

/// What every token of an algorithm must have.
fn validation(rules: &TokenRules, algorithm: TokenAlgorithm) -> Validation {
    let mut validation = Validation::new(algorithm.of_library());
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[&rules.issuer]);
    validation.set_audience(&[&rules.audience]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY.as_secs();
    validation
}

/// The keys of a set, each for one algorithm.
fn keys_of(text: &[u8], rules: &TokenRules) -> Result<HashMap<String, VerificationKey>, String> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|error| format!("it is not a JSON Web Key Set: {error}"))?;
    if set.keys.len() > MAX_KEYS {
        return Err(format!("it has {} keys, at most {MAX_KEYS} are read", set.keys.len()));
    }

    let mut keys = HashMap::new();
    for (number, jwk) in (1..).zip(&set.keys) {
        // Issuers publish keys for other purposes too.
        let Some(algorithm) = algorithm_of(jwk).filter(|algorithm| rules.algorithms.contains(algorithm)) else {
            continue;
        };
        let kid = jwk.common.key_id.clone().ok_or_else(|| format!("key {number} has no kid"))?;
        let key = DecodingKey::from_jwk(jwk).map_err(|_| format!("the key {} is damaged", clean(&kid)))?;
        signatures::check_key(algorithm, &key).map_err(|why| format!("the key {} {why}", clean(&kid)))?;

        let entry = VerificationKey { key, validation: validation(rules, algorithm) };
        if keys.insert(kid.clone(), entry).is_some() {
            return Err(format!("two keys have the kid {}", clean(&kid)));
        }
    }
    if keys.is_empty() {
        return Err("it has no key for the algorithms of auth.jwt.algorithms".to_owned());
    }
    Ok(keys)
}

/// The one algorithm that a key is for: a key for several would let a token choose.
fn algorithm_of(jwk: &Jwk) -> Option<TokenAlgorithm> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (TokenAlgorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (TokenAlgorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (TokenAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (TokenAlgorithm::Hs256, KeyAlgorithm::HS256),
        _ => return None,
    };
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let is_stated = jwk.common.key_algorithm.is_none_or(|stated| stated == name);
    (is_for_signatures && is_stated).then_some(algorithm)
}

/// Why a token is refused, without anything of it.
fn reason(error: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error {
        ErrorKind::InvalidSignature => "token with an invalid signature",
        ErrorKind::ExpiredSignature => "expired token",
        ErrorKind::ImmatureSignature => "token that is not valid yet",
        ErrorKind::InvalidIssuer => "token of another issuer",
        ErrorKind::InvalidAudience => "token for another audience",
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "token with another algorithm"
        }
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => "token without exp, iss or aud",
        _ => "malformed token",
    }
}
