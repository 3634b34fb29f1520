//! `SOURCE/NAME`: the services of a source that are called so.

use std::ffi::OsString;

use super::targets::FORMS;
use crate::clean::clean;
use crate::cli::discover::Discover;
use crate::cli::parse::{self, Parsed};
use crate::cli::{Command, Global};
use crate::engine;
use crate::error::{Error, Result};
use crate::model::{Completeness, Listing, PartialError, Service};
use crate::source::{collect, source_words};

/// A source, and what is looked for in it.
pub(in crate::cli) struct Named {
    discover: Discover,
    source: String,
    name: String,
}

impl Named {
    /// Whether a word begins with a source.
    pub(in crate::cli) fn is_one(word: &str) -> bool {
        word.split_once('/').is_some_and(|(source, _)| source_words().contains(&source))
    }

    /// # Errors
    /// A source that does not exist, or that needs more options.
    pub(in crate::cli) fn parse(word: &str, global: &Global) -> Result<Self> {
        let unknown = || Error::usage(format!("target '{}'", clean(word)), "no source is called so", FORMS);
        let (source, name) = word.split_once('/').filter(|_| Self::is_one(word)).ok_or_else(unknown)?;
        let mut words: Vec<OsString> = ["portolan", "discover", source].map(Into::into).to_vec();
        words.extend(global.config.iter().flat_map(|file| ["--config".into(), file.clone().into_os_string()]));
        let Parsed::Run(cli) = parse::parse(&words)? else { return Err(unknown()) };
        let Command::Discover(discover) = cli.command else { return Err(unknown()) };
        Ok(Self { discover, source: source.to_owned(), name: name.to_owned() })
    }

    /// The services that are called so now, and what could not be read of the others.
    ///
    /// # Errors
    /// As the source says.
    pub(in crate::cli) fn services(&mut self) -> Result<(Vec<Service>, Vec<PartialError>)> {
        let listing = engine::block_on(collect(self.discover.source()))?;
        let Listing { services, completeness, errors, .. } = listing;
        let faults = if completeness == Completeness::Incomplete { errors } else { Vec::new() };
        Ok((services.into_iter().filter(|service| self.is_called(service)).collect(), faults))
    }

    fn is_called(&self, service: &Service) -> bool {
        let plain = service.name.as_ref().map_or("", |name| name.as_raw());
        let full = service.namespace.as_ref().map(|namespace| format!("{}/{plain}", namespace.as_raw()));
        service.id == self.name
            || service.id == format!("{}/{}", self.source, self.name)
            || plain == self.name
            || full.is_some_and(|full| full == self.name)
    }
}
