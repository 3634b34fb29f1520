//! `--diff FILE`: the listing of an earlier run.

use std::path::Path;
use std::time::Instant;

use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result, plain};
use crate::model::{Completeness, Filters, Listing, Service};
use crate::net::read_file;

/// An earlier listing, as a JSON document or line by line.
pub(super) struct Baseline {
    pub(super) services: Vec<Service>,
    /// Whether it was complete.
    pub(super) complete: bool,
    /// The filters it was made with.
    pub(super) filters: Filters,
}

/// The largest file that is read.
const MAX_BYTES: usize = 1 << 30;
const HINT: &str = "name what an earlier run wrote with -o json=FILE";

impl Baseline {
    /// Reads it.
    ///
    /// # Errors
    /// A file that cannot be read, or not before `cancel` or `until`; one that is not a listing of that source.
    pub(super) fn read(path: &Path, source: &str, cancel: &Cancel, until: Option<Instant>) -> Result<Self> {
        let refused =
            |why: String, hint: &str| Error::usage(format!("--diff '{}'", clean(&path.to_string_lossy())), why, hint);

        let bytes = read_file(path, MAX_BYTES, cancel, until).map_err(|error| refused(plain(&error), HINT))?;
        let listing = Listing::from_json(&bytes).map_err(|error| refused(error.to_string(), HINT))?;

        if let Some(other) = listing.services.iter().find(|service| service.source != *source) {
            let hint = format!("compare with a listing of {source}");
            return Err(refused(format!("it is a listing of {}", clean(&other.source)), &hint));
        }
        let complete = listing.completeness == Completeness::Complete;
        Ok(Self { services: listing.services, complete, filters: listing.filters })
    }
}
