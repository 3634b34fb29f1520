//! Query parameters: every one is known, used once, and has a valid value.

use std::borrow::Cow;
use std::fmt::Display;

use url::form_urlencoded;

use super::api_error::{ApiError, ApiResult};
use crate::clean::clean;
use crate::error::nearest;

/// The longest query that is read.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// The most parameters of a request.
const MAX_PARAMETERS: usize = 64;

/// The parameters of one request.
#[derive(Debug, Default)]
pub(super) struct Params<'q> {
    pairs: Vec<(Cow<'q, str>, Cow<'q, str>)>,
}

impl<'q> Params<'q> {
    /// Reads a query. `known` are the parameters of the route; one that ends with a dot is a prefix.
    ///
    /// # Errors
    /// A parameter that is unknown, or given twice although it is not in `repeated`.
    pub(super) fn read(query: Option<&'q str>, known: &[&str], repeated: &[&str]) -> ApiResult<Self> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            let message = format!("the query has {} bytes, but at most {MAX_QUERY_BYTES} are read", query.len());
            return Err(ApiError::bad_request("query_too_long", message));
        }

        let mut params = Self::default();
        if query.contains(['%', '+']) {
            for (name, value) in form_urlencoded::parse(query.as_bytes()) {
                params.add(name, value, known, repeated)?;
            }
            return Ok(params);
        }
        // Most queries have nothing to decode.
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.add(name.into(), value.into(), known, repeated)?;
        }
        Ok(params)
    }

    fn add(&mut self, name: Cow<'q, str>, value: Cow<'q, str>, known: &[&str], repeated: &[&str]) -> ApiResult<()> {
        if !known.iter().any(|known| is_known(&name, known)) {
            return Err(unknown(&name, known));
        }
        if self.pairs.iter().any(|(other, _)| *other == name) && !repeated.contains(&&*name) {
            let message = format!("the parameter {} is given twice", clean(&name));
            return Err(ApiError::bad_request("repeated_parameter", message).field(name));
        }
        if self.pairs.len() == MAX_PARAMETERS {
            let message = format!("at most {MAX_PARAMETERS} parameters are read");
            return Err(ApiError::bad_request("too_many_parameters", message));
        }
        self.pairs.push((name, value));
        Ok(())
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A flag: absent is false, and a name without a value is true. Python writes `False`.
    ///
    /// # Errors
    /// Any other value than true and false.
    pub(super) fn flag(&self, name: &str) -> ApiResult<bool> {
        let Some(value) = self.get(name) else { return Ok(false) };
        match value.to_ascii_lowercase().as_str() {
            "" | "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err(invalid(name, value, "it is neither true nor false", "write true or false")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// Anything that is not a number from `min` to `max`.
    pub(super) fn number(&self, name: &str, min: u64, max: u64) -> ApiResult<Option<u64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| (min..=max).contains(number));
        let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
        number.filter(|_| is_digits).map(Some).ok_or_else(|| {
            let why = format!("it is not a whole number from {min} to {max}");
            invalid(name, value, &why, "write digits only")
        })
    }
}

/// 400 for a parameter whose value cannot be used.
pub(super) fn invalid(name: &str, value: &str, why: &str, hint: impl Display) -> ApiError {
    let message = format!("{name} cannot be '{}': {why}", clean(value));
    ApiError::bad_request("invalid_parameter", message).hint(hint.to_string()).field(name)
}

fn is_known(name: &str, known: &str) -> bool {
    if known.ends_with('.') { name.len() > known.len() && name.starts_with(known) } else { name == known }
}

fn unknown(name: &str, known: &[&str]) -> ApiError {
    let list = match known {
        [] => "this route takes no parameters".to_owned(),
        known => format!("the parameters are {}", known.join(", ").replace(".,", ".KEY,")),
    };
    let dashed: Vec<String> = known.iter().map(|known| known.replace('_', "-")).collect();
    let near = nearest(name, &dashed.iter().map(String::as_str).collect::<Vec<_>>()).map(str::to_owned);
    let hint = match near.and_then(|near| dashed.iter().position(|known| *known == near)) {
        Some(at) => format!("did you mean {}? {list}", known[at]),
        None => list,
    };
    let message = format!("there is no parameter '{}'", clean(name));
    ApiError::bad_request("unknown_parameter", message).hint(hint).field(clean(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["service_name", "limit", "tag", "metadata."];

    fn read(query: &str) -> ApiResult<Params<'_>> {
        Params::read(Some(query), &KNOWN, &["tag"])
    }

    #[test]
    fn values_are_decoded_and_found() {
        let params = read("service_name=a%20b&tag=x&tag=y&metadata.region=eu&limit=5").unwrap();
        assert_eq!(params.get("service_name"), Some("a b"));
        assert_eq!(params.get("metadata.region"), Some("eu"));
        assert_eq!(params.number("limit", 1, 10), Ok(Some(5)));
        let plain = read("&service_name=a=b&&tag=x&tag").unwrap();
        assert_eq!((plain.get("service_name"), plain.pairs.len()), (Some("a=b"), 3));
        assert_eq!(plain.pairs, read("service%5Fname=a=b&&tag=x&tag").unwrap().pairs);
        assert!(Params::read(None, &[], &[]).is_ok());
    }

    #[test]
    fn anything_else_is_refused_with_the_field() {
        for (query, code, hint) in [
            ("servce_name=a", "unknown_parameter", "did you mean service_name?"),
            ("limit=1&limit=2", "repeated_parameter", ""),
            ("metadata.=x", "unknown_parameter", "metadata."),
            ("%ff=x", "unknown_parameter", "the parameters are"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(error.code, code, "{query}");
            assert!(error.hint.unwrap_or_default().contains(hint), "{query}");
        }
        for query in ["limit=0", "limit=11", "limit=x", "limit=", "limit=-1", "limit=+1", "limit=1e1"] {
            assert!(read(query).unwrap().number("limit", 1, 10).is_err(), "{query}");
        }
        assert!(read(&"a".repeat(9_000)).is_err());
    }

    #[test]
    fn a_flag_is_read_as_python_and_curl_write_it() {
        for (query, value) in [
            ("", Some(false)),
            ("x", Some(true)),
            ("x=", Some(true)),
            ("x=True", Some(true)),
            ("x=False", Some(false)),
            ("x=0", Some(false)),
            ("x=maybe", None),
        ] {
            let params = Params::read(Some(query), &["x"], &[]).unwrap();
            assert_eq!(params.flag("x").ok(), value, "{query}");
        }
    }
}
