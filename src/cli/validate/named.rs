//! `SOURCE/NAME`: the services of a source with this name.

use std::time::Duration;

use tokio::time::timeout;

use crate::clean::clean;
use crate::cli::{Global, user_settings};
use crate::engine;
use crate::error::{Error, Result};
use crate::model::{Column, Completeness, Listing, PartialError, Service};
use crate::net::runtime;
use crate::source::{AnySource, ItemSink, ListContext, ListFuture, Source, collect, source_words};

pub(super) const FORMS: &str =
    "write host:port, a URL, SOURCE/NAME (as in portolan/web), a services file, or - for JSON on standard input";

/// The services of a source that have a name.
pub(in crate::cli) struct NamedServices {
    source: AnySource,
    /// The name of the source on the command line.
    word: String,
    name: String,
}

impl NamedServices {
    /// Whether a word starts with the name of a source.
    pub(in crate::cli) fn is_one(word: &str) -> bool {
        word.split_once('/').is_some_and(|(source, _)| source_words().contains(&source))
    }

    /// # Errors
    /// If the source does not exist or needs more options. `options` are options of the source.
    pub(in crate::cli) fn parse(word: &str, options: &[String], global: &Global) -> Result<Self> {
        let (word, name) = word.split_once('/').filter(|_| Self::is_one(word)).ok_or_else(|| unknown_source(word))?;
        let source = user_settings::source(word, options, global.config.as_ref())?;
        let mut source = source.ok_or_else(|| unknown_source(word))?;
        source.select(name);
        source.read_environment(|name| std::env::var_os(name));
        Ok(Self { source, word: word.to_owned(), name: name.to_owned() })
    }

    /// The services that have this name now, and the parts that could not be read in this time.
    ///
    /// # Errors
    /// If the source fails.
    pub(in crate::cli) fn services(&self, limit: Option<Duration>) -> Result<(Vec<Service>, Vec<PartialError>)> {
        let Some(limit) = limit else {
            let Listing { services, errors, .. } = engine::block_on(collect(self))?;
            return Ok((services, errors));
        };

        let runtime = runtime(0)?;
        let listed = runtime.block_on(async { timeout(limit, collect(self)).await });
        // A request that is under way is not waited for.
        runtime.shutdown_background();
        let Ok(listing) = listed else {
            let late = PartialError {
                operation: format!("list {}/{}", self.word, clean(&self.name)),
                cause: "there was no complete reply before the deadline".to_owned(),
                hint: "allow more time (--deadline)".to_owned(),
            };
            return Ok((Vec::new(), vec![late]));
        };
        let Listing { services, errors, .. } = listing?;
        Ok((services, errors))
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

impl Source for NamedServices {
    fn name(&self) -> &'static str {
        self.source.as_source().name()
    }

    fn columns(&self) -> &'static [Column] {
        self.source.as_source().columns()
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(self.source.as_source())
    }

    /// Without a service of that name, the listing is incomplete where the service may be in a part that could not be read.
    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let Listing { services, completeness, errors, limits, .. } = collect(self.source.as_source()).await?;
            let mut faults = if completeness == Completeness::Incomplete { errors } else { Vec::new() };
            let has_unnamed = services.iter().any(|service| service.name.is_none());

            let services: Vec<Service> = services.into_iter().filter(|service| self.matches(service)).collect();
            // A service whose owner is hidden has no name, so it may be the one; its id is known.
            let is_id = self.name.contains('/');
            if services.is_empty() && has_unnamed && !is_id {
                faults.extend(limits);
            }

            let completeness = if faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
            // After a `Break` there is nothing more to stop.
            let _ = services.into_iter().try_for_each(|service| out.service(service));
            for fault in faults {
                out.partial_error(fault);
            }
            Ok(completeness)
        })
    }
}

fn unknown_source(word: &str) -> Error {
    // As curl takes it: `localhost:8001/health`.
    let host = word.split('/').next().filter(|host| host.contains([':', '.']));
    let hint = host.map_or_else(|| FORMS.to_owned(), |_| format!("a URL begins with http:// or https://; {FORMS}"));
    Error::usage(format!("target '{}'", clean(word)), "there is no such source", hint)
}
