//! Authentication that is asked for is never left out silently.

use std::path::PathBuf;

use super::given::{Given, GivenValue};
use super::values::flag;
use crate::error::{Result, plain};

/// The shortest secret for HS256 (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Authentication that was asked for and cannot be done never becomes a server without it.
pub(super) fn check(given: &Given, is_insecure: bool, off: &mut Vec<String>) -> Result<()> {
    let secret = given.get("auth.jwt.secret").or_else(|| given.get("auth.jwt.secret_file"));
    check_secret(given)?;

    let roles = given.get("auth.rbac.enabled").filter(|_| flag(given, "auth.rbac.enabled"));
    let Some(asked) = secret.or(roles) else {
        off.push("authentication".to_owned());
        return Ok(());
    };
    let key = if secret.is_some() { "auth.jwt" } else { "auth.rbac" };
    if is_insecure {
        off.push(format!("authentication ({key} is set by {}, and --insecure turns it off)", asked.by.to_text()));
        return Ok(());
    }
    let why = "it asks for tokens, which this version does not check yet";
    let hint = "leave auth out and listen on 127.0.0.1, or add --insecure to start without authentication";
    Err(asked.by.error(key, &asked.shown, why, hint))
}

fn check_secret(given: &Given) -> Result<()> {
    if let Some(file) = given.get("auth.jwt.secret_file") {
        let path = file.texts.first().map(PathBuf::from).unwrap_or_default();
        let read = std::fs::metadata(&path).and_then(|_| std::fs::read(&path));
        let hint = "name a readable file with the secret";
        let secret = read.map_err(|error| file.by.error("auth.jwt.secret_file", &file.shown, plain(&error), hint))?;
        return check_length(file, "auth.jwt.secret_file", secret.trim_ascii().len());
    }
    match given.get("auth.jwt.secret") {
        Some(secret) => check_length(secret, "auth.jwt.secret", secret.texts.first().map_or(0, String::len)),
        None => Ok(()),
    }
}

fn check_length(value: &GivenValue, key: &str, length: usize) -> Result<()> {
    if length >= MIN_SECRET_BYTES {
        return Ok(());
    }
    let why = if length == 0 { "it is empty".to_owned() } else { format!("it has only {length} bytes") };
    let hint = format!("use at least {MIN_SECRET_BYTES} random bytes, as from `openssl rand -hex 32`");
    Err(value.by.error(key, &value.shown, why, hint))
}
