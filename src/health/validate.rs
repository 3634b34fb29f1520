//! Validation for programs: services in, services with their health out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{RunSummary, Thresholds, Validation, ValidatorOptions};
use crate::check::{Check, Resolvers, Roots};
use crate::engine;
use crate::error::Result;
use crate::model::{CheckSpec, Column, Completeness, Listing, Service, UpdateSink};
use crate::source::{
    AfterCheck, CheckProxy, ItemSink, ListContext, ListFuture, Source, WatchFuture, collect, list_blocking,
};

/// Checks services and scores them, as `portolan validate` does.
///
/// It may be used in any tokio runtime; the checks run on a thread of their own, so that what they measure is the peer.
#[derive(Clone, Debug)]
pub struct Validator {
    options: ValidatorOptions,
    spec: CheckSpec,
    ignored: Vec<String>,
    thresholds: Thresholds,
    roots: Arc<Roots>,
    resolvers: Arc<Resolvers>,
}

impl Default for Validator {
    fn default() -> Self {
        Self::new(ValidatorOptions::default())
    }
}

impl Validator {
    /// A validator that trusts the system's certificates and asks the system's resolvers.
    pub fn new(options: ValidatorOptions) -> Self {
        let resolvers = Arc::new(Resolvers::new(Vec::new(), options.timeout));
        let roots = Arc::new(Roots::of_system(Vec::new()));
        let (spec, ignored, thresholds) = (CheckSpec::default(), Vec::new(), Thresholds::default());
        Self { options, spec, ignored, thresholds, roots, resolvers }
    }

    /// What to ask every service, beside what it declares itself.
    #[must_use]
    pub fn with_spec(mut self, spec: CheckSpec) -> Self {
        self.spec = spec;
        self
    }

    /// Runs this check too, at every endpoint, after the built-in ones.
    #[must_use]
    pub fn with_check(mut self, check: impl Check + 'static) -> Self {
        self.options.custom.0.push(Arc::new(check));
        self
    }

    /// Does not count findings with this code.
    #[must_use]
    pub fn ignoring(mut self, code: impl Into<String>) -> Self {
        self.ignored.push(code.into());
        self
    }

    /// How many samples in a row a watch needs before it reports a change of health.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Checks services; they come back in their order, each with its health.
    ///
    /// # Errors
    /// Where nothing could be checked at all.
    pub async fn validate(&self, services: Vec<Service>) -> Result<Listing> {
        collect(&self.validated(Arc::new(ServiceList(services)))).await
    }

    /// A source whose services come with their health: listed they are checked once, watched they are checked again at
    /// each interval.
    pub fn validated(&self, source: Arc<dyn Source>) -> ValidatedSource {
        ValidatedSource { source, validator: self.clone() }
    }

    fn over<'s>(&self, source: &'s dyn Source) -> Validation<'s> {
        Validation {
            source,
            options: self.options.clone(),
            ask: self.spec.clone(),
            ignored: self.ignored.clone(),
            evidence: None,
            roots: Arc::clone(&self.roots),
            resolvers: Arc::clone(&self.resolvers),
            thresholds: self.thresholds,
            via: None,
            summary: parking_lot::Mutex::new(RunSummary::against(None)),
            said: parking_lot::Mutex::default(),
        }
    }
}

/// A source whose services are checked. [`Validator::validated`] makes one.
pub struct ValidatedSource {
    source: Arc<dyn Source>,
    validator: Validator,
}

impl fmt::Debug for ValidatedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, validator } = self;
        f.debug_struct("ValidatedSource").field("source", &source.name()).field("validator", validator).finish()
    }
}

impl Source for ValidatedSource {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        super::columns::beside(self.source.columns())
    }

    fn deadline(&self) -> Option<Duration> {
        self.source.deadline()
    }

    fn proxy(&self) -> Option<CheckProxy> {
        self.source.proxy()
    }

    fn after_check(&self) -> Option<AfterCheck> {
        self.source.after_check()
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        let (source, validator) = (Arc::clone(&self.source), self.validator.clone());
        // The checks bring a runtime of their own, which blocks the thread that it runs on.
        Box::pin(list_blocking(context, out, move |context, out| {
            engine::block_on(validator.over(&*source).list(context, out))
        }))
    }

    fn interval(&self) -> Duration {
        self.validator.over(&*self.source).interval()
    }

    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move { self.validator.over(&*self.source).watch(interval, feed).await })
    }
}

/// Services that a program has.
struct ServiceList(Vec<Service>);

impl Source for ServiceList {
    fn name(&self) -> &'static str {
        "given"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for service in &self.0 {
                if out.service(service.clone()).is_break() {
                    break;
                }
            }
            Ok(Completeness::Complete)
        })
    }
}
