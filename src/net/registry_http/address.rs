//! The address of a registry's server.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use crate::clean::{clean, redacted_url};
use crate::error::{Error, Result};
use crate::model::ParseError;

/// `http://HOST:PORT`, `https://HOST:PORT`, with a path if the API has a prefix, or `unix:///PATH`. Without a scheme it is
/// http.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryAddress {
    /// Without a slash at its end.
    base: Url,
    socket: Option<PathBuf>,
    /// The host to connect to, if the URL has the name of the certificate instead.
    real_host: Option<String>,
    shown: String,
}

const HINT: &str = "write it as host:port, https://host:port or unix:///path";

impl FromStr for RegistryAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::of_socket(path);
        }

        let base = parse_url(&if text.contains("://") { text.to_owned() } else { format!("http://{text}") })?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(ParseError::new("its scheme is not http, https or unix", HINT));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(ParseError::new(
                "it has a user name or a password",
                "write the token or the password as an option",
            ));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(ParseError::new("it has a query or a fragment", HINT));
        }
        let shown = clean(base.as_str().trim_end_matches('/'));
        Ok(Self { base, socket: None, real_host: None, shown })
    }
}

impl RegistryAddress {
    /// Reads the value of an option or a variable, named in errors.
    ///
    /// # Errors
    /// It is not an address.
    pub(crate) fn of_option(name: &str, text: &str) -> Result<Self> {
        text.parse().map_err(|error: ParseError| {
            Error::usage(format!("{name} '{}'", clean(&redacted_url(text))), error.to_string(), error.hint())
        })
    }

    /// The same address with the default port, if it names none.
    pub(crate) fn with_default_port(mut self, port: u16, text: &str) -> Self {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if self.socket.is_none() && !has_port && self.base.set_port(Some(port)).is_ok() {
            self.shown = clean(self.base.as_str().trim_end_matches('/'));
        }
        self
    }

    /// The same address with TLS.
    pub(crate) fn encrypted(mut self) -> Self {
        // http and https may replace each other.
        if self.socket.is_none() && self.base.set_scheme("https").is_ok() {
            self.shown = clean(self.base.as_str().trim_end_matches('/'));
        }
        self
    }

    fn of_socket(path: &str) -> Result<Self, ParseError> {
        if !path.starts_with('/') || path.len() == 1 {
            return Err(ParseError::new("it is not an absolute path", HINT));
        }
        let shown = clean(&format!("unix://{path}"));
        Ok(Self { base: parse_url("http://localhost")?, socket: Some(PathBuf::from(path)), real_host: None, shown })
    }

    /// The URL of a path of the API.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    pub(super) fn real_host(&self) -> Option<&str> {
        self.real_host.as_deref()
    }

    /// For errors.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The same server, whose certificate is for another name.
    pub(super) fn named(mut self, name: &str) -> Result<Self> {
        let real_host = self.base.host_str().map(|host| host.trim_matches(['[', ']']).to_owned());
        self.base.set_host(Some(name)).map_err(|_| {
            Error::usage(
                format!("the server name '{}'", clean(name)),
                "it is not a host name",
                "write it as in the certificate",
            )
        })?;
        self.real_host = real_host;
        Ok(self)
    }
}

fn parse_url(text: &str) -> Result<Url, ParseError> {
    Url::parse(text).map_err(|error| ParseError::new(format!("it is not a URL: {error}"), HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_forms_of_the_registries_own_variables() {
        for (text, url, shown) in [
            ("127.0.0.1:8500", "http://127.0.0.1:8500/v1", "http://127.0.0.1:8500"),
            ("consul.example", "http://consul.example:8500/v1", "http://consul.example:8500"),
            ("http://consul.example:80", "http://consul.example/v1", "http://consul.example"),
            ("https://h:8501/proxy/", "https://h:8501/proxy/v1", "https://h:8501/proxy"),
            ("[::1]:1", "http://[::1]:1/v1", "http://[::1]:1"),
            ("[::1]", "http://[::1]:8500/v1", "http://[::1]:8500"),
            ("unix:///run/consul.sock", "http://localhost/v1", "unix:///run/consul.sock"),
        ] {
            let address = text.parse::<RegistryAddress>().unwrap().with_default_port(8500, text);
            assert_eq!((address.url("/v1").as_str(), address.shown()), (url, shown), "{text}");
        }
        let address = "127.0.0.1:8501".parse::<RegistryAddress>().unwrap().encrypted();
        assert!(address.is_encrypted() && address.shown() == "https://127.0.0.1:8501");

        for text in ["", "ftp://h", "unix://relative", "unix:///", "http://", "http://u:p@h", "http://h/?dc=1", "a b"] {
            assert!(text.parse::<RegistryAddress>().is_err(), "{text}");
        }
    }

    /// A token written into the address by mistake must not reach the terminal.
    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let error = RegistryAddress::of_option("--address", "http://u:s3cret@h").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
