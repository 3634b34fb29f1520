//! Follows HTTP redirects safely.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};

use super::reply::HttpReply;
use super::request::method;
use crate::check::resolvers::first_address;
use crate::check::target::{CheckContext, CheckResult, CheckTarget, Layer, LocalFailure};
use crate::net::Route;

/// Browsers give up after 20 redirects, curl after 50; 10 are more than a working service needs.
const MAX_REDIRECTS: usize = 10;
/// The only custom headers that follow to another origin. Any other may carry a credential (`x-api-key`) or belong to the
/// first host (`host`).
const PORTABLE_HEADERS: [&str; 6] =
    ["accept", "accept-encoding", "accept-language", "cache-control", "pragma", "user-agent"];

/// The current URL and target, and the URLs before it.
pub(super) struct RedirectChain {
    pub(super) target: CheckTarget,
    pub(super) url: Url,
    /// Each request so far: its method and URL.
    visited: Vec<(String, Url)>,
}

/// Where a response leads.
pub(super) enum RedirectStep {
    /// The response is not a redirect.
    Final,
    To(Redirect),
    /// The redirect must not be followed, for this reason.
    Unsafe(String),
}

/// The request that follows a redirect.
pub(super) struct Redirect {
    url: Url,
    /// Whether the method changes to GET.
    becomes_get: bool,
}

impl RedirectChain {
    pub(super) fn new(target: CheckTarget, url: Url) -> Self {
        let visited = vec![(method(&target.spec).to_owned(), url.clone())];
        Self { target, url, visited }
    }

    pub(super) fn next(&self, reply: &HttpReply) -> RedirectStep {
        let location = reply.values("location").next();
        let (true, Some(location)) = (matches!(reply.code, 301 | 302 | 303 | 307 | 308), location) else {
            return RedirectStep::Final;
        };
        let Some(url) = str::from_utf8(location).ok().and_then(|text| self.url.join(text).ok()) else {
            return RedirectStep::Unsafe("redirects to an invalid URL".to_owned());
        };

        match (self.url.scheme(), url.scheme()) {
            ("https", "http") => return RedirectStep::Unsafe(format!("redirects from https to {}", redacted(&url))),
            (_, "http" | "https") => {}
            (_, scheme) => return RedirectStep::Unsafe(format!("redirects to the scheme {scheme}, which is not HTTP")),
        }

        // The fragment never reaches the server.
        let before = method(&self.target.spec);
        let becomes_get = becomes_get(reply.code, before);
        let after = if becomes_get { "GET" } else { before };
        let requested = &url[..url::Position::AfterQuery];
        let mut visited = self.visited.iter().map(|(method, url)| (method, &url[..url::Position::AfterQuery]));
        if visited.any(|(method, url)| method == after && url == requested) {
            return RedirectStep::Unsafe(format!("redirects in a loop, back to {}", redacted(&url)));
        }

        RedirectStep::To(Redirect { url, becomes_get })
    }

    /// Moves on to the next request, or returns why not.
    pub(super) async fn follow(&mut self, next: Redirect, context: &CheckContext) -> CheckResult<Result<(), String>> {
        let Redirect { url, becomes_get } = next;
        if self.visited.len() > MAX_REDIRECTS {
            return Ok(Err(format!("redirects more than {MAX_REDIRECTS} times")));
        }

        if url.origin() != self.url.origin() {
            let address = match resolve(&url, context).await? {
                Ok(address) => address,
                Err(cause) => return Ok(Err(cause)),
            };
            // A server must not make portolan request addresses that only this host can reach.
            if is_link_local(address.ip()) {
                return Ok(Err(format!("redirects to {}, a link-local address", redacted(&url))));
            }
            self.change_origin(&url, address);
        }

        if becomes_get {
            Arc::make_mut(&mut self.target.spec).method = None;
        }

        self.visited.push((method(&self.target.spec).to_owned(), url.clone()));
        self.url = url;
        Ok(Ok(()))
    }

    fn change_origin(&mut self, url: &Url, address: SocketAddr) {
        let mut spec = (*self.target.spec).clone();
        spec.header.retain(|header| PORTABLE_HEADERS.contains(&header.name.as_str()));

        self.target = CheckTarget {
            address,
            interface: None,
            name: url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned()),
            layer: if url.scheme() == "https" { Layer::Tls } else { Layer::Plain },
            spec: Arc::new(spec),
            route: Route::Direct,
            ..self.target.clone()
        };
    }
}

/// Whether a redirect changes the method to GET: as RFC 9110, 15.4 says for 303, and as browsers and curl do it for a POST
/// after 301 and 302.
fn becomes_get(status: u16, method: &str) -> bool {
    match status {
        303 => !matches!(method, "GET" | "HEAD"),
        301 | 302 => method == "POST",
        _ => false,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The first address of the URL's host.
async fn resolve(url: &Url, context: &CheckContext) -> CheckResult<Result<SocketAddr, String>> {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(Ok((ip, port).into())),
        Some(Host::Ipv6(ip)) => return Ok(Ok((ip, port).into())),
        Some(Host::Domain(name)) => name,
        None => return Ok(Err("redirects to a URL without a host".to_owned())),
    };

    let replies = context.resolvers.query(name).await.map_err(LocalFailure)?;
    let address = first_address(&replies).map(|ip| (ip, port).into());
    Ok(address.ok_or_else(|| format!("redirects to {}, which does not resolve", redacted(url))))
}

/// The URL without credentials and query, at most 200 characters.
fn redacted(url: &Url) -> String {
    let host = url.authority().rsplit('@').next().unwrap_or_default();
    let text = format!("{}://{host}{}", url.scheme(), url.path());
    text.chars().take(200).collect()
}
