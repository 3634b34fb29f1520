//! Listings: the services of a source, and whether the list is complete.

use std::collections::BTreeMap;

use super::{Detail, PartialError, Service};

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
