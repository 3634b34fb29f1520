//! Identification for programs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Identification, IdentifyOptions};
use crate::engine;
use crate::model::{Column, UpdateSink};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture, list_blocking};

/// A source whose services are identified: each endpoint gets its protocol, product and version, as far as its replies tell.
///
/// It may be listed and watched in any tokio runtime.
#[derive(Clone)]
pub struct IdentifiedSource {
    source: Arc<dyn Source>,
    options: IdentifyOptions,
}

impl IdentifiedSource {
    /// Identifies the services of `source`.
    pub fn new(source: Arc<dyn Source>, options: IdentifyOptions) -> Self {
        Self { source, options }
    }

    fn identification<'s>(source: &'s dyn Source, options: &IdentifyOptions) -> Identification<'s> {
        Identification { source, options: options.clone(), checked: false }
    }
}

impl fmt::Debug for IdentifiedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, options } = self;
        f.debug_struct("IdentifiedSource").field("source", &source.name()).field("options", options).finish()
    }
}

impl Source for IdentifiedSource {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        IdentifyOptions::columns(self.source.columns())
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(&*self.source)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        let (source, options) = (Arc::clone(&self.source), self.options.clone());
        // The probes have their own runtime, and collecting their replies blocks a thread.
        Box::pin(list_blocking(context, out, move |context, out| {
            engine::block_on(Self::identification(&*source, &options).list(context, out))
        }))
    }

    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move { Self::identification(&*self.source, &self.options).watch(interval, feed).await })
    }
}
