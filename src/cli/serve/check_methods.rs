//! `registry.health_checks.methods`: what the checks of registrations may send.

use super::given::GivenValues;
use super::values::wrong;
use crate::clean::clean;
use crate::error::Result;
use crate::model::Method;
use crate::registry::Rules;

const KEY: &str = "registry.health_checks.methods";

/// The methods of HTTP that a check may have.
///
/// # Errors
/// One is not a method, or there is none.
pub(super) fn choose(given: &GivenValues) -> Result<Vec<String>> {
    let Some(list) = given.get(KEY) else { return Ok(Rules::default().check_methods) };
    if list.texts.is_empty() {
        return Err(wrong(given, KEY, "it is empty", "name at least one method, such as GET"));
    }

    let methods = list.texts.iter().map(|text| {
        let method = text.parse::<Method>().ok().filter(|method| !method.as_str().contains(char::is_lowercase));
        method.map(|method| method.as_str().to_owned()).ok_or_else(|| {
            let why = format!("'{}' is not a method", clean(text));
            wrong(given, KEY, &why, "write methods in capital letters, as in [GET, HEAD, POST]")
        })
    });
    methods.collect()
}
