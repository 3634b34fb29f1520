//! Validation for programs: takes services and returns them with their health.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{RunSummary, Thresholds, Validation, ValidatorOptions};
use crate::check::{Check, Resolvers, Roots};
use crate::engine;
use crate::error::Result;
use crate::model::{CheckSpec, Column, Completeness, DeclaredDetail, Listing, Service, UpdateSink};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture, collect, list_blocking};

/// Checks services and scores them, as `portolan validate` does.
///
/// It works in any tokio runtime. The checks run on a thread of their own, so that the load of the runtime does not
/// affect the measurements.
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
    /// A validator that uses the root certificates and the resolvers of the system.
    pub fn new(options: ValidatorOptions) -> Self {
        let resolvers = Arc::new(Resolvers::new(Vec::new(), options.timeout));
        let roots = Arc::new(Roots::of_system(Vec::new()));
        let (spec, ignored, thresholds) = (CheckSpec::default(), Vec::new(), Thresholds::default());
        Self { options, spec, ignored, thresholds, roots, resolvers }
    }

    /// What applies to a service: the options of this validator, and those that the service declares.
    #[cfg(feature = "serve")]
    pub(crate) fn spec_of(&self, service: &Service) -> CheckSpec {
        let declared = service.detail.downcast_ref::<DeclaredDetail>();
        declared.map_or_else(|| self.spec.clone(), |declared| self.spec.over(&declared.ask))
    }

    /// A validator with the options of `validation`, for other services.
    pub(crate) fn of(validation: &Validation<'_>) -> Self {
        Self {
            options: validation.options.clone(),
            spec: validation.spec.clone(),
            ignored: validation.ignored.clone(),
            thresholds: validation.thresholds,
            roots: Arc::clone(&validation.roots),
            resolvers: Arc::clone(&validation.resolvers),
        }
    }

    /// Applies this spec to every service; a service's own declarations have precedence.
    #[must_use]
    pub fn with_spec(mut self, spec: CheckSpec) -> Self {
        self.spec = spec;
        self
    }

    /// Trusts these roots and no others.
    #[must_use]
    pub(crate) fn with_roots(self, roots: Arc<Roots>) -> Self {
        Self { roots, ..self }
    }

    /// Adds a check, which runs at every endpoint after the built-in ones.
    #[must_use]
    pub fn with_check(mut self, check: impl Check + 'static) -> Self {
        self.options.custom.0.push(Arc::new(check));
        self
    }

    /// Ignores findings with this code.
    #[must_use]
    pub fn ignoring(mut self, code: impl Into<String>) -> Self {
        self.ignored.push(code.into());
        self
    }

    /// Sets how many checks in a row confirm a change of health in a watch.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Checks services and returns them in the same order, each with its health.
    ///
    /// # Errors
    /// If nothing could be checked at all.
    pub async fn validate(&self, services: Vec<Service>) -> Result<Listing> {
        collect(&self.validated(Arc::new(ServiceList(services)))).await
    }

    /// A source whose services have their health. A listing checks them once, a watch at each interval.
    pub fn validated(&self, source: Arc<dyn Source>) -> ValidatedSource {
        ValidatedSource { source, validator: self.clone() }
    }

    /// The same checks with other options.
    #[must_use]
    pub(crate) fn with_options(self, options: ValidatorOptions) -> Self {
        Self { options, ..self }
    }

    /// The same checks within this time. A check may use all of it, so that a silent peer gets its own finding instead of the
    /// end of the run.
    pub(crate) fn within(&self, limit: Duration) -> Self {
        // A service that stays silent for all of the time must not keep the others from being checked.
        let options = ValidatorOptions {
            timeout: limit,
            retries: 0,
            deadline: Some(limit * 2),
            limits_bursts: false,
            ..self.options.clone()
        };
        Self { options, ..self.clone() }
    }

    fn over<'s>(&self, source: &'s dyn Source) -> Validation<'s> {
        Validation {
            source,
            options: self.options.clone(),
            spec: self.spec.clone(),
            ignored: self.ignored.clone(),
            evidence: None,
            roots: Arc::clone(&self.roots),
            resolvers: Arc::clone(&self.resolvers),
            thresholds: self.thresholds,
            via: source.proxy().map(|proxy| proxy.0),
            latest: None,
            summary: parking_lot::Mutex::new(RunSummary::against(None)),
            source_notes: parking_lot::Mutex::default(),
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

    fn inner(&self) -> Option<&dyn Source> {
        Some(&*self.source)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        let (source, validator) = (Arc::clone(&self.source), self.validator.clone());
        // The checks have a runtime of their own, which blocks its thread.
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

/// Services from a program.
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
