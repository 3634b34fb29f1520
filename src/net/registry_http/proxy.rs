//! The proxies that the environment names.

use std::ffi::OsString;

use reqwest::{NoProxy, Proxy};
use url::Url;

use crate::error::{Error, Result};

/// The variables of the environment that name proxies. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyVariables {
    /// The proxy for servers with TLS (`HTTPS_PROXY` or `https_proxy`).
    pub https: Option<String>,
    /// The proxy for servers without TLS (`HTTP_PROXY` or `http_proxy`).
    pub http: Option<String>,
    /// The hosts that are reached without a proxy (`NO_PROXY` or `no_proxy`).
    pub exceptions: Option<String>,
}

/// Hosts that no proxy reaches.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";
const HINT: &str = "write it as http://proxy.example:3128, or exclude the server with NO_PROXY";

impl ProxyVariables {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or small letters.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            https: first(&variable, ["HTTPS_PROXY", "https_proxy"]),
            // A CGI script gets HTTP_PROXY from a request's header, but no program of this kind is one.
            http: first(&variable, ["HTTP_PROXY", "http_proxy"]),
            exceptions: first(&variable, ["NO_PROXY", "no_proxy"]),
        }
    }

    /// # Errors
    /// A variable does not hold the URL of a proxy.
    pub(crate) fn proxies(&self) -> Result<Vec<Proxy>> {
        let exceptions = self.exceptions.as_deref().unwrap_or_default();
        let exceptions = NoProxy::from_string(&format!("{THIS_MACHINE},{exceptions}"));
        let named = [("HTTPS_PROXY", &self.https), ("HTTP_PROXY", &self.http)];

        let mut proxies = Vec::new();
        for (name, url) in named {
            let Some(url) = url else { continue };
            let url = parse(url).ok_or_else(|| Error::usage(name, "it is not the URL of an HTTP proxy", HINT))?;
            let proxy = if name == "HTTPS_PROXY" { Proxy::https(url) } else { Proxy::http(url) };
            let proxy = proxy.map_err(|_| Error::usage(name, "it is not the URL of an HTTP proxy", HINT))?;
            proxies.push(proxy.no_proxy(exceptions.clone()));
        }
        Ok(proxies)
    }
}

fn parse(text: &str) -> Option<Url> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&full).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The first of these variables that is set and not empty.
fn first(variable: &impl Fn(&str) -> Option<OsString>, names: [&str; 2]) -> Option<String> {
    names.iter().filter_map(|name| variable(name)?.into_string().ok()).find(|text| !text.is_empty())
}
