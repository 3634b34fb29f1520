//! Exports the server's spans to a collector, with OTLP over HTTP.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{info, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer;

use super::trace_export::TraceExport;
use crate::error::{Error, Result};
use crate::net::registry_http::{
    LastWrite, ProxyVariables, RegistryHttp, RegistryOptions, RegistryRequest, RegistryTls,
};
use crate::server::TRACE_TARGET;

/// For one batch of spans.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// For what is left when the server stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long spans wait for others to go with them.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// The most spans that wait; further ones are dropped.
const MAX_QUEUED_SPANS: usize = 8_192;
/// The reply to a batch is a few bytes.
const MAX_REPLY_BYTES: usize = 64 << 10;

/// Exports spans until it is finished.
pub(super) struct SpanPipeline {
    provider: SdkTracerProvider,
}

impl SpanPipeline {
    /// Starts the exporter. The collector need not be there. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// An endpoint or variables of OpenTelemetry that cannot be used.
    pub(super) fn start(export: &TraceExport, node: &str) -> Result<Self> {
        let client = CollectorClient::new(export)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", export.endpoint))
            .with_timeout(EXPORT_TIMEOUT)
            .with_http_client(client)
            .build()
            .map_err(|error| {
                Error::usage("trace export", error.to_string(), "check the variables OTEL_EXPORTER_OTLP_*")
            })?;

        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_QUEUED_SPANS)
            .with_scheduled_delay(BATCH_DELAY)
            .build();
        let resource = Resource::builder()
            .with_service_name("portolan")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
            .build();
        let share = Sampler::TraceIdRatioBased(f64::from(export.sample_percent) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// Takes the server's spans, and nothing else.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("portolan"))
            // A span begins with its first child or its end: until then an admitted request can name its parent.
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        spans.with_filter(Targets::new().with_target(TRACE_TARGET, LevelFilter::DEBUG)).boxed()
    }

    /// Exports what is left, as far as the collector takes it in time.
    pub(super) async fn finish(self) {
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            warn!("the last spans were not exported");
        }
    }
}

/// Sends batches with the client that registries are reached with. The exporter calls it from a thread of its own.
struct CollectorClient {
    http: RegistryHttp,
    runtime: Handle,
    endpoint: String,
    is_failing: Arc<AtomicBool>,
}

impl CollectorClient {
    fn new(export: &TraceExport) -> Result<Self> {
        let hint = "name the OTLP address of a collector with monitoring.tracing.endpoint, as in http://127.0.0.1:4318";
        let http = RegistryHttp::new(RegistryOptions {
            registry: "the trace collector",
            addresses: vec![export.address.clone()],
            headers: Vec::new(),
            tls: RegistryTls::default(),
            proxy: ProxyVariables::read(super::variable),
            timeout: EXPORT_TIMEOUT,
            last_write: LastWrite::default(),
            address_hint: hint,
            token_hint: "set OTEL_EXPORTER_OTLP_HEADERS",
        })?;
        let is_failing = Arc::new(AtomicBool::new(false));

        Ok(Self { http, runtime: Handle::current(), endpoint: export.endpoint.clone(), is_failing })
    }

    /// Notes how a batch fared: the first failure is a warning, and the recovery is reported.
    fn note(&self, failure: Option<&str>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_failing => {
                warn!(endpoint = self.endpoint, why, "spans cannot be exported, and are dropped");
            }
            None if was_failing => info!(endpoint = self.endpoint, "spans are exported again"),
            _ => {}
        }
    }
}

impl fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl HttpClient for CollectorClient {
    fn send_bytes<'client, 'future>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<Response<Bytes>, HttpError>> + Send + 'future>>
    where
        'client: 'future,
        Self: 'future,
    {
        let http = self.http.clone();
        let (head, body) = request.into_parts();
        let request = RegistryRequest::post("/v1/traces").body(head.headers, body.into()).limit(MAX_REPLY_BYTES);
        let sent = self.runtime.spawn(async move { http.send(&request).await });

        Box::pin(async move {
            let reply = match sent.await {
                Ok(Ok(reply)) => reply,
                Ok(Err(failure)) => {
                    let why = failure.why();
                    self.note(Some(&why));
                    return Err(why.into());
                }
                Err(ended) => return Err(ended.into()),
            };
            self.note(None);
            Ok(Response::new(reply.into_body().into()))
        })
    }
}
