//! Follows HTTP redirects safely.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use url::{Host, Url};

use super::cookies::CookieJar;
use super::reply::HttpReply;
use crate::check::race::Race;
use crate::check::resolvers::all_addresses;
use crate::check::target::{CheckContext, CheckResult, CheckTarget, Layer, LocalFailure};
use crate::net::{Deadline, Route};

/// Browsers give up after 20 redirects, curl after 50; 10 are more than a working service needs.
const MAX_REDIRECTS: usize = 10;
/// The only custom headers that follow to another origin. Any other may carry a credential (`x-api-key`) or belong to the
/// first host (`host`).
const PORTABLE_HEADERS: [&str; 7] =
    ["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "pragma", "user-agent"];

/// The current URL and target, and the URLs before it.
pub(super) struct RedirectChain {
    pub(super) target: CheckTarget,
    pub(super) url: Url,
    /// Each request so far. A further one that is equal closes a loop.
    visited: Vec<Visit>,
    cookies: CookieJar,
}

/// What a server can tell a request by.
#[derive(Debug, PartialEq, Eq)]
struct Visit {
    method: String,
    /// Without its fragment, which never reaches the server.
    url: String,
    cookies: Option<String>,
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
        let mut chain = Self { target, url, visited: Vec::new(), cookies: CookieJar::default() };
        chain.visited.push(chain.visit(chain.target.spec.method_name(), &chain.url));
        chain
    }

    fn visit(&self, method: &str, url: &Url) -> Visit {
        let cookies = self.cookies.header(url);
        Visit { method: method.to_owned(), url: url[..url::Position::AfterQuery].to_owned(), cookies }
    }

    /// The headers of the current request, `Host` apart. Cookies of the chain follow those of the user.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let own = self.target.spec.header.iter().filter(|header| header.name != "host");
        let mut headers: Vec<_> = own.map(|header| (header.name.clone(), header.value.clone())).collect();

        if let Some(cookies) = self.cookies.header(&self.url) {
            match headers.iter_mut().find(|(name, value)| name == "cookie" && !value.is_empty()) {
                Some((_, value)) => *value = format!("{value}; {cookies}"),
                None => headers.push(("cookie".to_owned(), cookies)),
            }
        }
        headers
    }

    /// Where a response leads. Its cookies are kept for the next request.
    pub(super) fn next(&mut self, reply: &HttpReply) -> RedirectStep {
        self.cookies.store(&self.url, reply.values("set-cookie"), Timestamp::now());
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

        let before = self.target.spec.method_name();
        let becomes_get = becomes_get(reply.code, before);
        let after = if becomes_get { "GET" } else { before };
        // A client that does not follow is in no loop.
        if self.target.spec.follow && self.visited.contains(&self.visit(after, &url)) {
            return RedirectStep::Unsafe(format!("redirects in a loop, back to {}", redacted(&url)));
        }

        RedirectStep::To(Redirect { url, becomes_get })
    }

    /// Moves on to the next request, or returns why not.
    pub(super) async fn follow(
        &mut self,
        next: Redirect,
        context: &CheckContext,
        deadline: Deadline,
    ) -> CheckResult<Result<(), String>> {
        let Redirect { url, becomes_get } = next;
        if self.visited.len() > MAX_REDIRECTS {
            return Ok(Err(format!("redirects more than {MAX_REDIRECTS} times")));
        }

        if url.origin() != self.url.origin() {
            let port = url.port_or_known_default().unwrap_or(80);
            let mut addresses = match resolve(&url, context).await? {
                Ok(addresses) => addresses,
                Err(cause) => return Ok(Err(cause)),
            };
            // A server must not make portolan request addresses that only this host can reach.
            addresses.retain(|ip| !is_link_local(*ip));
            let Some(first) = addresses.first() else {
                return Ok(Err(format!("redirects to {}, a link-local address", redacted(&url))));
            };
            if let Some(refusal) = addresses.iter().find_map(|ip| context.addresses.refusal(*ip)) {
                return Ok(Err(format!("redirects to {}: {refusal}", redacted(&url))));
            }

            // The request itself shows why no address accepts a connection.
            let winner = if addresses.len() > 1 { Race::new(&addresses, port, deadline).winner().await } else { None };
            self.change_origin(&url, SocketAddr::new(winner.unwrap_or(*first), port));
        }

        if becomes_get {
            let spec = Arc::make_mut(&mut self.target.spec);
            (spec.method, spec.body) = (None, None);
            // These describe the body.
            spec.header.retain(|header| !header.name.starts_with("content-"));
        }

        self.url = url;
        self.visited.push(self.visit(self.target.spec.method_name(), &self.url));
        Ok(Ok(()))
    }

    fn change_origin(&mut self, url: &Url, address: SocketAddr) {
        let mut spec = (*self.target.spec).clone();
        spec.header.retain(|header| PORTABLE_HEADERS.contains(&header.name.as_str()));
        // The client certificate is for the first server.
        (spec.cert, spec.key) = (None, None);

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

/// The addresses of the URL's host.
async fn resolve(url: &Url, context: &CheckContext) -> CheckResult<Result<Vec<IpAddr>, String>> {
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(Ok(vec![ip.into()])),
        Some(Host::Ipv6(ip)) => return Ok(Ok(vec![ip.into()])),
        Some(Host::Domain(name)) => name,
        None => return Ok(Err("redirects to a URL without a host".to_owned())),
    };

    let replies = context.resolvers.query(name).await.map_err(LocalFailure)?;
    let addresses = all_addresses(&replies);
    let found = if addresses.is_empty() { Err(()) } else { Ok(addresses) };
    Ok(found.map_err(|()| format!("redirects to {}, which does not resolve", redacted(url))))
}

/// The URL without credentials and query, at most 200 characters.
fn redacted(url: &Url) -> String {
    let host = url.authority().rsplit('@').next().unwrap_or_default();
    let text = format!("{}://{host}{}", url.scheme(), url.path());
    text.chars().take(200).collect()
}
