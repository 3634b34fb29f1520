//! What the server tells of its work beside the log: its spans, if they are exported.

#[cfg(feature = "otel")]
use super::exporter::SpanPipeline;
use super::logging::BoxedLayer;
use super::plan::Plan;
use crate::error::Result;

/// The exporter of spans, if there is one.
pub(super) struct Telemetry {
    #[cfg(feature = "otel")]
    pipeline: Option<SpanPipeline>,
}

impl Telemetry {
    /// Starts what the plan asks for. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Settings that cannot be used.
    #[cfg_attr(not(feature = "otel"), expect(clippy::unnecessary_wraps, reason = "an exporter may fail"))]
    pub(super) fn start(plan: &Plan) -> Result<Self> {
        #[cfg(feature = "otel")]
        let pipeline = match &plan.trace_export {
            Some(export) => Some(SpanPipeline::start(export, &plan.server.node)?),
            None => None,
        };
        #[cfg(not(feature = "otel"))]
        let _ = plan;
        Ok(Self {
            #[cfg(feature = "otel")]
            pipeline,
        })
    }

    /// What takes spans.
    pub(super) fn layer(&self) -> Option<BoxedLayer> {
        #[cfg(feature = "otel")]
        return self.pipeline.as_ref().map(SpanPipeline::layer);
        #[cfg(not(feature = "otel"))]
        None
    }

    /// Exports what is left, within a bound.
    pub(super) async fn finish(self) {
        #[cfg(feature = "otel")]
        if let Some(pipeline) = self.pipeline {
            pipeline.finish().await;
        }
    }
}
