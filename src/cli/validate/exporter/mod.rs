//! `validate --watch --listen ADDRESS`: the results of a watch as metrics, and probes on request, for Prometheus.

mod metrics;
mod probe;
mod probe_target;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::probe::Prober;
use crate::catalog::Reader;
use crate::cli::stderr;
use crate::cli::validate::reload::ReloadStatus;
use crate::cli::watch::Beside;
use crate::engine::Shutdown;
use crate::error::{Error, Result};
use crate::health::LatestHealth;
use crate::model::ParseError;
use crate::net::runtime;
use crate::server::serve_exporter;

/// The Prometheus text format 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long requests that have begun may take after the watch ended.
const GRACE: Duration = Duration::from_secs(1);

/// Where the metrics of a watch are served.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Metrics")]
pub(in crate::cli::validate) struct ExporterArgs {
    /// With --watch, serve metrics for Prometheus at this address: /metrics, and /probe?target=T&module=M
    ///
    /// /metrics has the result of the last check of each endpoint. /probe checks one target immediately, as
    /// blackbox_exporter does: T is a target of this command, or an endpoint or the name of a service in its services file;
    /// M is the name of a service in the file, whose options apply. probe_success is 1 if `portolan validate` would exit
    /// with 0. If a target cannot be judged, the reply is 503 with the cause. portolan reads the services file again when
    /// it changes and on SIGHUP; an invalid file changes nothing, and portolan_config_last_reload_successful is 0.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_listen, requires = "watch")]
    pub(in crate::cli::validate) listen: Option<SocketAddr>,
    /// Let /probe check targets that this command does not name, except link-local addresses and metadata services
    ///
    /// Everyone who reaches the address can then make this machine connect to others. Addresses of this machine are probed only
    /// if --listen is a loopback address.
    #[arg(long, requires = "listen")]
    pub(in crate::cli::validate) allow_any_target: bool,
}

/// What an exporter needs to check targets as the watch does.
pub(in crate::cli::validate) struct ExporterChecks {
    pub(in crate::cli::validate) validator: crate::health::Validator,
    pub(in crate::cli::validate) options: crate::health::ValidatorOptions,
    pub(in crate::cli::validate) targets: Arc<ReloadStatus>,
    pub(in crate::cli::validate) latest: Arc<LatestHealth>,
}

/// An exporter that listens already.
pub(in crate::cli::validate) struct Exporter {
    address: SocketAddr,
    listener: std::net::TcpListener,
    latest: Arc<LatestHealth>,
    prober: Arc<Prober>,
    quiet: bool,
}

/// What the routes share.
struct ExporterState {
    reader: Reader,
    latest: Arc<LatestHealth>,
    prober: Arc<Prober>,
}

impl Exporter {
    /// Listens at the address of the options, if they have one.
    ///
    /// # Errors
    /// If that is impossible.
    pub(in crate::cli::validate) fn open(
        args: &ExporterArgs,
        checks: ExporterChecks,
        quiet: bool,
    ) -> Result<Option<Self>> {
        let Some(wanted) = args.listen else { return Ok(None) };
        let listener = std::net::TcpListener::bind(wanted).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.map_err(|error| {
            Error::io(format!("listen at {wanted}"), error, "choose another port, or an address of this machine")
        })?;

        let ExporterChecks { validator, options, targets, latest } = checks;
        let prober = Arc::new(Prober::new(validator, options, targets, (args.allow_any_target, address.ip())));
        Ok(Some(Self { address, listener, latest, prober, quiet }))
    }
}

impl Beside for Exporter {
    fn run(&self, reader: Reader, stop: &CancellationToken) -> Result<()> {
        let runtime = runtime(0)?;
        let state = ExporterState { reader, latest: Arc::clone(&self.latest), prober: Arc::clone(&self.prober) };
        let listener = self.listener.try_clone();
        let listener =
            listener.map_err(|error| Error::io("listen", error, "raise the limit of open files (`ulimit -n`)"))?;

        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)
                .map_err(|error| Error::io("listen", error, "raise the limit of open files (`ulimit -n`)"))?;
            if !self.quiet {
                stderr::note(&format!("metrics at http://{}/metrics", self.address));
            }

            let shutdown = Shutdown::new();
            shutdown.spawn(serve_exporter(listener, router(state), shutdown.clone()));
            stop.cancelled().await;
            let _ = shutdown.drain(GRACE).await;
            Ok(())
        })
    }
}

fn router(state: ExporterState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/probe", get(probe::answer))
        .route("/", get(index))
        .with_state(Arc::new(state))
}

async fn metrics(State(state): State<Arc<ExporterState>>) -> Response {
    let mut text = metrics::of_watch(&state.reader.load(), &state.latest.services());
    text.push_str(&metrics::of_reload(state.prober.targets()));
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

async fn index() -> &'static str {
    "portolan: /metrics has the last results, /probe?target=T&module=M checks a target\n"
}

/// An address with a port; `:9115` is every address of this machine.
fn parse_listen(text: &str) -> Result<SocketAddr, ParseError> {
    let whole = match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => text.replacen("localhost:", "127.0.0.1:", 1),
    };
    let hint = "write an IP address with a port, as in 127.0.0.1:9115 or [::1]:9115";
    whole.parse().map_err(|_| ParseError::new("it is not an address with a port", hint))
}
