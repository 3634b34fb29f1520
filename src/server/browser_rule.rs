//! What keeps pages of other sites away from a server that takes requests without a key: those of this machine, and those
//! with a client certificate, which a browser adds by itself.
//!
//! A page may send some requests to any address, although it cannot read the answers. And a site can let its own name lead to
//! 127.0.0.1 after a browser has loaded its page (DNS rebinding). Page and server are one origin for the browser then, so that
//! the page may do everything; only the header `Host` still has the name of the site.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use super::api_error::ApiError;
use crate::clean::clean;

/// Which requests of browsers are answered.
#[derive(Clone, Debug, Default)]
pub(super) struct BrowserRule {
    /// The origins whose pages may use the API, as in `https://ui.example`; `*` is any.
    origins: Vec<String>,
    /// Whether only names that no site can have are answered.
    has_own_names: bool,
}

impl BrowserRule {
    /// `is_open`: the server asks for no credentials, and only this machine reaches it.
    pub(super) fn new(allowed_origins: &[String], is_open: bool) -> Self {
        Self { origins: allowed_origins.to_vec(), has_own_names: is_open }
    }

    /// The error for a request that a page of another site may have sent.
    pub(super) fn refusal<B>(&self, request: &Request<B>) -> Option<ApiError> {
        self.foreign_name(request).or_else(|| self.foreign_origin(request))
    }

    fn foreign_name<B>(&self, request: &Request<B>) -> Option<ApiError> {
        if !self.has_own_names {
            return None;
        }
        let in_head = request.headers().get_all(HOST).iter().map(text);
        let hosts = request.uri().authority().map(http::uri::Authority::as_str).into_iter().chain(in_head);
        let foreign = hosts.map(name_of).find(|name| !is_of_this_machine(name) && !self.has_host(name))?;

        let message = format!("this server does not answer to the name {}", clean(foreign));
        let hint = "use 127.0.0.1, localhost or [::1]; behind a proxy, turn on authentication (--auth) or add the origin to \
            server.cors.allowed_origins";
        Some(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message).hint(hint))
    }

    /// No page can add a key or a token without being allowed to.
    fn foreign_origin<B>(&self, request: &Request<B>) -> Option<ApiError> {
        let headers = request.headers();
        let origin = headers.get(ORIGIN).map(text)?;
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || has_credential(headers) {
            return None;
        }
        let host = headers.get(HOST).map(text).or_else(|| Some(request.uri().authority()?.as_str()));
        let is_own = host.is_some_and(|host| host.eq_ignore_ascii_case(without_scheme(origin)));
        if is_own || self.origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
            return None;
        }

        let message = format!("a page of {} may not write here", clean(origin));
        let error = ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message);
        Some(error.hint("add the origin to server.cors.allowed_origins if its pages may use the API"))
    }

    /// Whether an allowed origin has this name.
    fn has_host(&self, name: &str) -> bool {
        self.origins.iter().any(|origin| name_of(without_scheme(origin)).eq_ignore_ascii_case(name))
    }
}

fn text(value: &HeaderValue) -> &str {
    // A name has only visible characters.
    value.to_str().unwrap_or("?.?")
}

fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || headers.contains_key("x-api-key") || headers.contains_key("x-consul-token")
}

fn without_scheme(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// The name or address in `NAME:PORT`.
fn name_of(host: &str) -> &str {
    let host = host.rsplit('@').next().unwrap_or(host).trim();
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return if is_whole { address } else { host };
    }
    host.split(':').next().unwrap_or(host).trim_end_matches('.')
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether only this machine and its network can give a meaning to a name. A site needs a name with a dot, whose last part
/// is not a number; browsers take any other for an IPv4 address (`127.1`, `0x7f.0.0.1`).
fn is_of_this_machine(name: &str) -> bool {
    let Some((_, last)) = name.rsplit_once('.') else {
        return !name.contains(':') || name.parse::<Ipv6Addr>().is_ok();
    };
    // Every request passes here, and most have an IPv4 address: no address needs to be parsed for them.
    is_number(last)
        || ["localhost", "localdomain"].iter().any(|own| last.eq_ignore_ascii_case(own))
        || name.parse::<IpAddr>().is_ok()
}

/// Whether a browser takes a label for a part of an IPv4 address, which then is the whole name (URL Standard, "ends in a
/// number").
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(is_open: bool) -> BrowserRule {
        BrowserRule::new(&["https://ui.example:8443".to_owned()], is_open)
    }

    fn refused(rule: &BrowserRule, line: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        rule.refusal(&request.body(()).unwrap()).map(|error| error.code)
    }

    #[test]
    fn an_open_server_answers_only_to_names_that_no_site_can_have() {
        let host = |host| refused(&rule(true), "GET /api/v1/services", &[("host", host)]);
        for known in [
            "127.0.0.1:7440",
            "127.0.0.1",
            "127.1:7440",
            "0x7f.0.0.1",
            "10.0.0.5:80",
            "[::1]:7440",
            "[::ffff:127.0.0.1]",
            "localhost:7440",
            "LOCALHOST.",
            "registry.localhost",
            "localhost.localdomain:7440",
            "registry",
            "",
            "ui.example",
            "UI.example:7440",
        ] {
            assert_eq!(host(known), None, "{known}");
        }
        for foreign in [
            "evil.example",
            "evil.example:7440",
            "evil.example.",
            "127.0.0.1.evil.example",
            "localhost.evil.example:7440",
            "localhost:7440@evil.example",
            "ui.example.evil.example",
            "xui.example",
            "xn--bcher-kva.example",
            "a.b:c.evil.example",
            "\u{e9}.example",
            // A name server of a network can give these a meaning; no browser takes them for an address.
            "evil.123abc",
            "evil.1x",
            "evil.0x7g",
            "[::1].evil.com",
            "[evil.example]",
            "[::1]x",
            "evil.example:1:2",
        ] {
            assert_eq!(host(foreign), Some("unknown_host"), "{foreign}");
        }

        let open = rule(true);
        assert!(refused(&open, "GET /", &[("host", "localhost"), ("host", "evil.example")]).is_some(), "each counts");
        assert!(refused(&open, "GET http://evil.example/", &[("host", "localhost")]).is_some(), "the absolute form");
        assert_eq!(refused(&open, "GET /", &[]), None, "a browser always names the host");
        assert_eq!(refused(&rule(false), "GET /", &[("host", "registry.example")]), None, "others have any names");
        let any = BrowserRule::new(&["*".to_owned()], true);
        assert_eq!(refused(&any, "POST /", &[("host", "localhost"), ("origin", "https://b.example")]), None);
        let rebound = [("host", "a.example"), ("origin", "https://a.example")];
        assert_eq!(
            refused(&any, "POST /", &rebound),
            Some("unknown_host"),
            "the name of a site is none of this machine"
        );
    }

    #[test]
    fn a_page_of_another_origin_writes_nothing_without_a_key() {
        let host = ("host", "registry.internal:7440");
        for (line, headers, is_refused) in [
            ("POST /", vec![("origin", "https://evil.example")], true),
            ("POST /", vec![("origin", "null")], true),
            ("POST /", vec![("origin", "http://registry.internal:3000")], true),
            ("DELETE /", vec![("origin", "http://ui.example:8443")], true),
            ("POST /", vec![("origin", "https://ui.example:8443")], false),
            ("POST /", vec![("origin", "http://REGISTRY.internal:7440")], false),
            ("POST /", vec![], false),
            ("GET /", vec![("origin", "https://evil.example")], false),
            ("OPTIONS /", vec![("origin", "https://evil.example")], false),
            ("POST /", vec![("origin", "https://evil.example"), ("authorization", "Bearer x")], false),
            ("POST /", vec![("origin", "https://evil.example"), ("x-api-key", "x")], false),
        ] {
            let found = refused(&rule(false), line, &[&[host], headers.as_slice()].concat());
            assert_eq!(found, is_refused.then_some("foreign_origin"), "{line} {headers:?}");
        }
    }
}
