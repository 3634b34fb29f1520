//! Listings: the services of a source, and whether the list is complete.

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
            Some(cause) => (text, cause.to_string()),
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
}

impl<D> Default for Listing<D> {
    fn default() -> Self {
        Self { services: Vec::new(), completeness: Completeness::Complete, errors: Vec::new(), limits: Vec::new() }
    }
}
