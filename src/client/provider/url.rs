//! `consul://127.0.0.1:8500?dc=eu`: which registry, and how it is reached.

use crate::clean::{clean, redacted};
use crate::error::{Error, Result};

/// The parts of a registry's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegistryUrl {
    /// `consul`, in lower case.
    pub(super) scheme: String,
    /// Between `//` and the path; several hosts are separated by commas. Empty if the URL has none.
    pub(super) authority: String,
    /// What follows, without a question mark. After `file:` all of it.
    pub(super) path: String,
    /// The parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
    text: String,
}

const HINT: &str = "write a URL such as portolan://127.0.0.1:7440 or consul://127.0.0.1:8500";

impl RegistryUrl {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| no_scheme(text))?;
        let is_scheme =
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+'));
        if !is_scheme {
            return Err(no_scheme(text));
        }

        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        if authority.contains('@') {
            let hint = "give the name and the token in the variables of the provider, such as CONSUL_HTTP_TOKEN";
            let what = format!("registry '{}'", shown(text));
            return Err(Error::usage(what, "a URL must not contain a password: other users see it", hint));
        }

        let parameters = ::url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let (scheme, authority, path) = (scheme.to_ascii_lowercase(), authority.to_owned(), path.to_owned());
        Ok(Self { scheme, authority, path, parameters, text: text.to_owned() })
    }

    /// The URL for an error, without secrets.
    pub(super) fn shown(&self) -> String {
        shown(&self.text)
    }

    /// Hands each parameter to `take`, which says whether it knows it.
    ///
    /// # Errors
    /// If it knows one not. `known` lists those that it knows.
    pub(super) fn parameters(&self, known: &str, mut take: impl FnMut(&str, &str) -> bool) -> Result<()> {
        for (name, value) in &self.parameters {
            if !take(name, value) {
                let why = format!("it has no parameter '{}'", clean(name));
                let hint = if known.is_empty() { "leave it out".to_owned() } else { format!("it has {known}") };
                return Err(Error::usage(format!("registry '{}'", self.shown()), why, hint));
            }
        }
        Ok(())
    }
}

/// `portolan` without its colon, or a host without a scheme.
fn no_scheme(text: &str) -> Error {
    let is_provider = super::EXAMPLES.iter().any(|example| example.split(':').next() == Some(text));
    let is_file = [".toml", ".json"].iter().any(|ending| text.ends_with(ending));
    let hint = match (is_provider, is_file) {
        (true, _) => format!("write {text}: with a colon"),
        (false, true) => format!("write file:{}", shown(text)),
        (false, false) => HINT.to_owned(),
    };
    Error::usage(format!("registry '{}'", shown(text)), "it has no scheme", hint)
}

fn shown(text: &str) -> String {
    clean(&redacted(text))
}
