//! `server.cors.allowed_origins`: whose pages may use the API from a browser.

use super::given::GivenValues;
use super::values::wrong;
use crate::clean::clean;
use crate::error::Result;

const KEY: &str = "server.cors.allowed_origins";

/// The origins. `may_be_any`: a page without a key may do nothing, or everyone may do everything anyway.
///
/// # Errors
/// One is not an origin, or `*` would let every page change the registry.
pub(super) fn choose(given: &GivenValues, may_be_any: bool) -> Result<Vec<String>> {
    let origins = given.get(KEY).map(|list| list.texts.clone()).unwrap_or_default();
    if let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) {
        let why = format!("'{}' is not an origin", clean(origin));
        let hint = "write a scheme and a host without a path, as in https://ui.example:8443, each origin by itself; or * for \
            any origin";
        return Err(wrong(given, KEY, &why, hint));
    }
    if !may_be_any && origins.iter().any(|origin| origin == "*") {
        let why = "every web page could change the registry without authentication";
        return Err(wrong(given, KEY, why, "name the origins, or turn authentication on (--auth)"));
    }
    Ok(origins)
}

/// Whether a browser may send this as its Origin, or it stands for any.
fn is_origin(text: &str) -> bool {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    text == "*" || url.is_some_and(|url| url.origin().ascii_serialization() == text && !text.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_not_an_origin() {
        for known in ["*", "https://ui.example", "http://127.0.0.1:8080", "https://[::1]:8443"] {
            assert!(is_origin(known), "{known}");
        }
        for wrong in
            ["https://*.example", "https://ui.*", "https://ui.example/", "ui.example", "ftp://ui.example", "**"]
        {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}
