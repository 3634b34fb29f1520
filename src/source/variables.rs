//! Variables of the environment. An empty one counts as not set.

use std::ffi::OsString;
#[cfg(any(feature = "consul", feature = "registry"))]
use std::path::PathBuf;

/// The value of a variable as text; none if it is not set, empty, or not text.
pub(super) fn text(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<String> {
    variable(name)?.into_string().ok().filter(|text| !text.is_empty())
}

/// The value of a variable as a path.
#[cfg(any(feature = "consul", feature = "registry"))]
pub(super) fn path(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    variable(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}
