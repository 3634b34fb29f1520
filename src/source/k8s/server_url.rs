//! The URLs of API servers and proxies: read as kubectl reads them, and checked before a request is sent.

use http::Uri;
use http::uri::Authority;

/// The URL of an API server. As for kubectl, a server without a scheme is plain HTTP.
///
/// # Errors
/// Why it cannot be used, as a predicate: "is not a URL".
pub(super) fn server(text: &str) -> Result<Uri, String> {
    let text = text.trim();
    if !text.contains("://") {
        let url = parse("http", text)?;
        return if url.path() == "/" { Ok(url) } else { Err("is neither a URL nor HOST:PORT".to_owned()) };
    }

    let (scheme, rest) = split(text, "http");
    match scheme.as_str() {
        "http" | "https" => parse(&scheme, rest),
        _ => Err("has another scheme than http or https".to_owned()),
    }
}

/// The URL of a proxy. Without a scheme it is an HTTP proxy.
///
/// # Errors
/// As for [`server`].
pub(super) fn proxy(text: &str) -> Result<Uri, String> {
    let (scheme, rest) = split(text.trim(), "http");
    match scheme.as_str() {
        "http" | "https" | "socks5" => parse(&scheme, rest),
        // The client always leaves the resolution of names to a SOCKS proxy.
        "socks5h" => parse("socks5", rest),
        _ => Err("has another scheme than http, https or socks5".to_owned()),
    }
}

/// Whether requests to the URL are encrypted.
pub(super) fn is_tls(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

fn split<'t>(text: &'t str, default: &str) -> (String, &'t str) {
    match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (default.to_owned(), text),
    }
}

fn parse(scheme: &str, rest: &str) -> Result<Uri, String> {
    let url: Uri = format!("{scheme}://{rest}").parse().map_err(|_| "is not a URL".to_owned())?;
    let Some(authority) = url.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err("has no host".to_owned());
    };

    check_port(authority)?;
    Ok(url)
}

/// Checks the port's range: the client would take the scheme's default port instead of an invalid one.
fn check_port(authority: &Authority) -> Result<(), String> {
    let place = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = place.strip_prefix(authority.host()).unwrap_or_default().trim_start_matches(':');

    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        Err(_) if port.is_empty() => Ok(()),
        _ => Err(format!("has the invalid port '{}'", crate::clean::clean(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_as_kubectl_reads_it() {
        let cases = [
            ("https://127.0.0.1:6443", Ok("https://127.0.0.1:6443/")),
            (" HTTPS://example/base\n", Ok("https://example/base")),
            ("127.0.0.1:1", Ok("http://127.0.0.1:1/")),
            ("localhost", Ok("http://localhost/")),
            ("https://[::1]:6443", Ok("https://[::1]:6443/")),
            ("http://user@example:8080", Ok("http://user@example:8080/")),
            ("https://example:", Ok("https://example:/")),
            ("http://127.0.0.1:65979", Err("has the invalid port '65979'")),
            ("127.0.0.1:99999999999", Err("has the invalid port '99999999999'")),
            ("https://127.0.0.1:0", Err("has the invalid port '0'")),
            ("127.0.0.1:1/base", Err("is neither a URL nor HOST:PORT")),
            ("ftp://127.0.0.1:1", Err("has another scheme than http or https")),
            ("https://", Err("is not a URL")),
            ("https://:6443", Err("has no host")),
            ("/path", Err("is not a URL")),
            ("", Err("is not a URL")),
        ];
        for (text, expected) in cases {
            let url = server(text).map(|url| url.to_string());
            assert_eq!(url.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_proxy_may_lack_its_scheme() {
        let cases = [
            ("proxy.example:3128", Ok("http://proxy.example:3128/")),
            ("socks5h://127.0.0.1:1080", Ok("socks5://127.0.0.1:1080/")),
            ("http://proxy.example:70000", Err("has the invalid port '70000'")),
            ("gopher://proxy.example", Err("has another scheme than http, https or socks5")),
        ];
        for (text, expected) in cases {
            let url = proxy(text).map(|url| url.to_string());
            assert_eq!(url.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }
}
