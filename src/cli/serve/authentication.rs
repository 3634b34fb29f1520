//! How callers prove who they are: keys, tokens, or neither.

use std::path::PathBuf;
use std::time::Duration;

use super::data::state_directory;
use super::given::{GivenValue, GivenValues, Variable};
use super::secret_files;
use super::values::{duration, flag, wrong};
use crate::clean::Secret;
use crate::error::{Error, Result};
use crate::model::ParseError;
use crate::server::{Authentication, CertificateRule, MIN_SECRET_BYTES, Role, TokenAlgorithm, TokenRules};

/// The name of the file of keys in the state directory.
pub(in crate::cli) const KEYS_FILE: &str = "api-keys.json";

/// What turns authentication on: every setting below `auth`, except that `auth.rbac.enabled` can be false.
const SWITCHES: [&str; 10] = [
    "auth.jwt.secret",
    "auth.jwt.secret_file",
    "auth.jwt.keys_file",
    "auth.keys_file",
    "auth.certificates",
    "auth.jwt.algorithms",
    "auth.jwt.issuer",
    "auth.jwt.audience",
    "auth.jwt.expiration",
    "auth.rbac.default_role",
];

/// Reads the settings. Authentication that was asked for never becomes a server without it.
pub(super) fn choose(
    given: &GivenValues,
    variable: Variable,
    is_insecure: bool,
    off: &mut Vec<String>,
) -> Result<Authentication> {
    let secret = secret(given)?;
    let switch = SWITCHES.iter().find_map(|key| given.get(key).map(|value| (*key, value)));
    let roles = given.get("auth.rbac.enabled").filter(|_| flag(given, "auth.rbac.enabled"));
    let switch = switch.or(roles.map(|value| ("auth.rbac.enabled", value)));

    let Some((key, value)) = switch else {
        off.push("authentication".to_owned());
        return Ok(Authentication::default());
    };
    if is_insecure {
        let why = format!("{key} (set by {}) asks for authentication", value.by.to_text());
        let hint = "leave one of them out; for DNS alone there is --dns-public (server.dns.public)";
        return Err(Error::usage("--insecure", why, hint));
    }
    let tokens = tokens(given, secret)?;
    if tokens.is_none() && SWITCHES.iter().any(|key| key.starts_with("auth.jwt.") && given.get(key).is_some()) {
        off.push("tokens (there is no auth.jwt.secret_file and no auth.jwt.keys_file)".to_owned());
    }
    Ok(Authentication { keys_file: Some(keys_file(given, variable)?), tokens, certificates: certificates(given)? })
}

/// The file of keys: the one that is named, or the one in the state directory.
pub(super) fn keys_file(given: &GivenValues, variable: Variable) -> Result<PathBuf> {
    if let Some(path) = given.get("auth.keys_file").and_then(|file| file.texts.first()) {
        return Ok(PathBuf::from(path));
    }
    let directory = state_directory(variable);
    directory.map(|directory| directory.join(KEYS_FILE)).ok_or_else(|| {
        let why = "there is no state directory and no home directory";
        Error::usage("the API key file", why, "name one with auth.keys_file")
    })
}

fn tokens(given: &GivenValues, secret: Option<Secret>) -> Result<Option<TokenRules>> {
    let keys_file = given.get("auth.jwt.keys_file").and_then(|file| file.texts.first()).map(PathBuf::from);
    let (expiration, algorithms) = (duration(given, "auth.jwt.expiration"), algorithms(given)?);
    if expiration < Duration::from_secs(1) {
        return Err(wrong(given, "auth.jwt.expiration", "it is shorter than a second", "write a time such as 1h"));
    }
    if secret.is_none() && keys_file.is_none() {
        return Ok(None);
    }

    // Without roles every valid token may do everything, which only an explicit `false` asks for.
    let with_roles = given.get("auth.rbac.enabled").is_none() || flag(given, "auth.rbac.enabled");
    let default_role = given.text("auth.rbac.default_role").and_then(|name| name.parse().ok());
    Ok(Some(TokenRules {
        secret,
        keys_file,
        algorithms,
        issuer: given.text("auth.jwt.issuer").unwrap_or_default().to_owned(),
        audience: given.text("auth.jwt.audience").unwrap_or_default().to_owned(),
        max_lifetime: expiration,
        default_role: default_role.unwrap_or(Role::Viewer),
        with_roles,
    }))
}

/// Whose client certificates are accepted.
fn certificates(given: &GivenValues) -> Result<Vec<CertificateRule>> {
    let key = "auth.certificates";
    let Some(list) = given.get(key) else { return Ok(Vec::new()) };
    if given.get("server.tls.client_ca_file").is_none() {
        let hint = "name the authorities of the clients with server.tls.client_ca_file (--tls-client-ca)";
        return Err(wrong(given, key, "the server requests no client certificates", hint));
    }

    let parsed = list
        .texts
        .iter()
        .map(|text| text.parse().map_err(|error: ParseError| wrong(given, key, &error.to_string(), error.hint())));
    parsed.collect()
}

/// The algorithms by their names.
fn algorithms(given: &GivenValues) -> Result<Vec<TokenAlgorithm>> {
    let Some(list) = given.get("auth.jwt.algorithms") else { return Ok(TokenAlgorithm::ALL.to_vec()) };
    let parsed = list.texts.iter().map(|name| {
        name.parse().map_err(|error: ParseError| wrong(given, "auth.jwt.algorithms", &error.to_string(), error.hint()))
    });
    let algorithms: Vec<TokenAlgorithm> = parsed.collect::<Result<_>>()?;
    if algorithms.is_empty() {
        return Err(wrong(given, "auth.jwt.algorithms", "it is empty", "name at least one, such as EdDSA"));
    }
    Ok(algorithms)
}

/// The secret of tokens, from a file or the settings.
fn secret(given: &GivenValues) -> Result<Option<Secret>> {
    if let Some(file) = given.get("auth.jwt.secret_file") {
        let path = file.texts.first().map(PathBuf::from).unwrap_or_default();
        let hint = "name a readable file with the secret";
        let secret = secret_files::read(&path);
        let secret = secret.map_err(|why| file.by.error("auth.jwt.secret_file", &file.shown, why, hint))?;
        return checked(file, "auth.jwt.secret_file", secret.trim()).map(Some);
    }
    let Some(secret) = given.get("auth.jwt.secret") else { return Ok(None) };

    checked(secret, "auth.jwt.secret", secret.texts.first().map_or("", String::as_str)).map(Some)
}

fn checked(value: &GivenValue, key: &str, secret: &str) -> Result<Secret> {
    if secret.len() >= MIN_SECRET_BYTES {
        return Ok(Secret::from(secret.to_owned()));
    }
    let why = match secret.len() {
        0 => "it is empty".to_owned(),
        length => format!("it has only {length} bytes"),
    };
    let hint = format!("use at least {MIN_SECRET_BYTES} random bytes, as from `openssl rand -hex 32`");
    Err(value.by.error(key, &value.shown, why, hint))
}
