//! The credentials of a user, by kubectl's rules: which of several count, and when none are sent.

use std::fs;
use std::path::Path;

use http::HeaderValue;
use kube::config::AuthInfo;
use secrecy::ExposeSecret;

use super::config_files::{check_file, io_text};
use crate::clean::clean;

/// Keeps the credentials that are sent to a server.
///
/// # Errors
/// Why they contradict each other.
pub(super) fn select(mut user: AuthInfo, is_tls: bool) -> Result<AuthInfo, String> {
    // As kubectl does, portolan sends no credentials in plain text.
    if !is_tls {
        return Ok(AuthInfo {
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        });
    }

    // As for kubectl, half of a pair is none.
    let has_half = user.client_certificate.is_none() && user.client_certificate_data.is_none()
        || user.client_key.is_none() && user.client_key_data.is_none();
    let has_token = user.token.is_some() || user.token_file.is_some();
    if has_half && (has_token || user.username.is_some() || user.exec.is_some()) {
        (user.client_certificate, user.client_certificate_data) = (None, None);
        (user.client_key, user.client_key_data) = (None, None);
    }

    if has_token && user.username.is_some() {
        return Err("its user has both a token and a password; only one of them can be sent".to_owned());
    }
    if user.username.is_some() {
        user.password.get_or_insert_with(|| String::new().into());
    }

    // Other credentials make the program unnecessary.
    let has_certificate = (user.client_certificate.is_some() || user.client_certificate_data.is_some())
        && (user.client_key.is_some() || user.client_key_data.is_some());
    if has_token || has_certificate || user.username.is_some() {
        user.exec = None;
    }

    Ok(user)
}

/// Reads the token file, if there is one: it wins over the token, which only replaces a file that cannot be read.
///
/// # Errors
/// Why there is no token.
pub(super) fn read_token_file(user: &mut AuthInfo) -> Result<(), String> {
    let Some(file) = user.token_file.clone() else { return Ok(()) };

    match read(Path::new(&file)) {
        Ok(token) if token.trim() == token => user.token = None,
        // A token file often ends with a newline, which kube would send with the token. The trimmed token is not read again
        // until the server rejects it.
        Ok(token) => (user.token, user.token_file) = (Some(token.trim().into()), None),
        Err(_) if user.token.is_some() => user.token_file = None,
        Err(why) => return Err(format!("its file '{}': {why}", clean(&file))),
    }

    Ok(())
}

fn read(file: &Path) -> Result<String, String> {
    check_file(file)?;
    let text = fs::read_to_string(file).map_err(|error| io_text(&error))?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if !is_header_text(text.trim()) {
        return Err(NOT_A_TOKEN.to_owned());
    }
    Ok(text)
}

const NOT_A_TOKEN: &str = "it contains a line break or another control character";

/// Removes white space around tokens, and empty tokens.
///
/// # Errors
/// A token cannot be part of a request; kube panics on some of them.
pub(super) fn check_tokens(user: &mut AuthInfo) -> Result<(), String> {
    if let Some(token) = user.token.take() {
        let token = token.expose_secret().trim();
        if !is_header_text(token) {
            return Err(format!("its token is invalid: {NOT_A_TOKEN}"));
        }
        user.token = Some(token).filter(|token| !token.is_empty()).map(Into::into);
    }

    let Some(provider) = &mut user.auth_provider else { return Ok(()) };
    for name in ["id-token", "access-token"] {
        let Some(token) = provider.config.remove(name) else { continue };
        let token = token.trim();
        if !is_header_text(token) {
            return Err(format!("the {name} of its auth-provider is invalid: {NOT_A_TOKEN}"));
        }
        if !token.is_empty() {
            provider.config.insert(name.to_owned(), token.to_owned());
        }
    }

    Ok(())
}

fn is_header_text(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use kube::config::ExecConfig;

    use super::*;

    fn token(text: &str) -> AuthInfo {
        AuthInfo { token: Some(text.into()), ..AuthInfo::default() }
    }

    fn exposed(user: &AuthInfo) -> Option<&str> {
        user.token.as_ref().map(ExposeSecret::expose_secret)
    }

    #[test]
    fn white_space_around_a_token_is_not_sent_and_control_characters_are_an_error() {
        for (text, expected) in [("a\n", Some("a")), (" \r\n", None), ("", None), ("a b", Some("a b"))] {
            let mut user = token(text);
            check_tokens(&mut user).unwrap();
            assert_eq!(exposed(&user), expected, "{text:?}");
        }
        for text in ["a\nb", "a\u{0}b", "a\u{7f}"] {
            assert!(check_tokens(&mut token(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_file_wins_over_a_token_unless_it_cannot_be_read() {
        let directory = std::env::temp_dir().join(format!("portolan-token-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("token");
        for (content, expected, is_reread) in [
            (Some("file"), None, true),
            (Some("file\n"), Some("file"), false),
            (Some("\n"), Some("inline"), false),
            (Some("a\nb"), Some("inline"), false),
            (None, Some("inline"), false),
        ] {
            let _ = fs::remove_file(&file);
            if let Some(content) = content {
                fs::write(&file, content).unwrap();
            }
            let mut user = token("inline");
            user.token_file = file.to_str().map(str::to_owned);
            read_token_file(&mut user).unwrap();
            assert_eq!((exposed(&user), user.token_file.is_some()), (expected, is_reread), "{content:?}");
        }

        let mut user = AuthInfo { token_file: file.to_str().map(str::to_owned), ..AuthInfo::default() };
        assert!(read_token_file(&mut user).is_err(), "without the file there is no token");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn other_credentials_make_the_program_unnecessary_and_plain_http_has_none() {
        let alone = AuthInfo { exec: program(), ..AuthInfo::default() };
        assert!(select(alone, true).unwrap().exec.is_some());
        let both = AuthInfo { exec: program(), ..token("a") };
        let both = select(both, true).unwrap();
        assert_eq!((both.exec.is_some(), exposed(&both)), (false, Some("a")));
        let plain = AuthInfo { exec: program(), impersonate: Some("jane".to_owned()), ..token("a") };
        let plain = select(plain, false).unwrap();
        assert_eq!((plain.exec.is_some(), exposed(&plain), plain.impersonate.as_deref()), (false, None, Some("jane")));
    }

    fn program() -> Option<ExecConfig> {
        Some(ExecConfig { command: Some("program".to_owned()), ..no_program() })
    }

    fn no_program() -> ExecConfig {
        yaml_serde::from_str("{}").unwrap()
    }

    #[test]
    fn a_token_and_a_password_contradict_each_other() {
        let both = AuthInfo { username: Some("jane".to_owned()), ..token("a") };
        assert!(select(both, true).is_err());
        let name = AuthInfo { username: Some("jane".to_owned()), ..AuthInfo::default() };
        assert!(select(name, true).unwrap().password.is_some(), "an empty password is one");
    }
}
