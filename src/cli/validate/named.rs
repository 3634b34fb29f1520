//! `SOURCE/NAME`: the services of a source with this name.

use crate::clean::clean;
use crate::cli::{Global, user_settings};
use crate::engine;
use crate::error::{Error, Result};
use crate::model::{Completeness, Listing, PartialError, Service};
use crate::source::{AnySource, collect, source_words};

pub(super) const FORMS: &str =
    "write host:port, a URL, SOURCE/NAME, a services file (.toml, .yaml), or - for JSON on standard input";

/// A source, and the name of the services in it.
pub(in crate::cli) struct Named {
    source: AnySource,
    /// The name of the source on the command line.
    word: String,
    name: String,
}

impl Named {
    /// Whether a word starts with the name of a source.
    pub(in crate::cli) fn is_one(word: &str) -> bool {
        word.split_once('/').is_some_and(|(source, _)| source_words().contains(&source))
    }

    /// # Errors
    /// If the source does not exist or needs more options.
    pub(in crate::cli) fn parse(word: &str, global: &Global) -> Result<Self> {
        let (word, name) = word.split_once('/').filter(|_| Self::is_one(word)).ok_or_else(|| unknown_source(word))?;
        let mut source = user_settings::source(word, global.config.as_ref())?.ok_or_else(|| unknown_source(word))?;
        source.select(name);
        Ok(Self { source, word: word.to_owned(), name: name.to_owned() })
    }

    /// The services that have this name now, and the parts that could not be read.
    ///
    /// # Errors
    /// If the source fails.
    pub(in crate::cli) fn services(&mut self) -> Result<(Vec<Service>, Vec<PartialError>)> {
        self.source.read_environment(&|name| std::env::var_os(name));
        let listing = engine::block_on(collect(self.source.as_source()))?;
        let Listing { services, completeness, errors, limits, .. } = listing;
        let mut faults = if completeness == Completeness::Incomplete { errors } else { Vec::new() };
        let has_unnamed = services.iter().any(|service| service.name.is_none());

        let services: Vec<Service> = services.into_iter().filter(|service| self.matches(service)).collect();
        // A service whose owner is hidden has no name, so it may be the one; its id is known.
        let is_id = self.name.contains('/');
        if services.is_empty() && has_unnamed && !is_id {
            faults.extend(limits);
        }
        Ok((services, faults))
    }

    fn matches(&self, service: &Service) -> bool {
        let plain = service.name.as_ref().map_or("", |name| name.as_raw());
        let full = service.namespace.as_ref().map(|namespace| format!("{}/{plain}", namespace.as_raw()));
        service.id == self.name
            || service.id == format!("{}/{}", self.word, self.name)
            || plain == self.name
            || full.is_some_and(|full| full == self.name)
    }
}

fn unknown_source(word: &str) -> Error {
    Error::usage(format!("target '{}'", clean(word)), "there is no such source", FORMS)
}
