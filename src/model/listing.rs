//! Listings: the services of a source, and whether the list is complete.

use std::collections::BTreeMap;
use std::error::Error as _;

use serde::{Deserialize, Serialize};

use super::{Detail, Service};
use crate::error::Error;

/// Whether a listing contains every requested service.
///
/// Completeness is about rows: a service with a hidden owner is still listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing is missing.
    Complete,
    /// Something could not be read; a [`PartialError`] says what.
    Incomplete,
}

/// How much of each service is needed. A source reads nothing beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DetailLevel {
    /// Identity and endpoints.
    Names,
    /// The columns of the plain table: names and owners.
    Brief,
    /// Everything.
    #[default]
    Full,
}

/// A part that could not be read, while the rest went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialError {
    /// What failed, as an operation on something: `list UDP sockets`.
    #[serde(rename = "what")]
    pub operation: String,
    /// Why it failed, in the words of the side that refused.
    #[serde(rename = "why")]
    pub cause: String,
    /// What to try.
    #[serde(default)]
    pub hint: String,
}

impl From<&Error> for PartialError {
    /// The same text, for an error of one part while the rest goes on.
    fn from(error: &Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("cannot ").unwrap_or(&text);
        let (operation, cause) = match error.source() {
            // "(os error 24)" means nothing to a user.
            Some(cause) => (text, cause.to_string().split(" (os error").next().unwrap_or_default().to_owned()),
            None => text.split_once(": ").map_or((text, String::new()), |(what, why)| (what, why.to_owned())),
        };
        Self { operation: operation.to_owned(), cause, hint: error.hint().to_owned() }
    }
}

/// The result of listing a source.
#[derive(Clone, Debug)]
pub struct Listing<D = std::sync::Arc<dyn Detail>> {
    /// The services, sorted.
    pub services: Vec<Service<D>>,
    /// Whether these are all.
    pub completeness: Completeness,
    /// Parts that could not be read: rows may be missing.
    pub errors: Vec<PartialError>,
    /// Details of listed services that need permission.
    pub limits: Vec<PartialError>,
    /// The filters that it was made with, if it is known: services that they leave out may exist.
    pub filters: Filters,
}

/// The options of a source that leave services out, with their values: `ports` and `22,80`.
pub type Filters = BTreeMap<String, String>;

/// Whether filters keep a service, judged by what a listing says of it.
pub type Selector = Box<dyn Fn(&Service) -> bool + Send + Sync>;

impl<D> Default for Listing<D> {
    fn default() -> Self {
        let completeness = Completeness::Complete;
        Self { services: Vec::new(), completeness, errors: Vec::new(), limits: Vec::new(), filters: Filters::new() }
    }
}
