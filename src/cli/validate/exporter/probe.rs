//! `/probe?target=T&module=M`: checks a target at once, as blackbox_exporter does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::metrics::gauge;
use super::probe_target::{ProbeRefusal, service_of};
use super::{ExporterState, TEXT_FORMAT, metrics};
use crate::clean::clean;
use crate::cli::validate::reload::ReloadStatus;
use crate::health::{Validator, ValidatorOptions, missed_expectation};
use crate::model::{CheckSpec, DeclaredDetail, HealthState, Listing, Service};
use crate::net::AddressPolicy;

/// Probes at once: each has a thread of its own.
const MAX_PROBES: usize = 64;
/// The time limit of a probe whose request names none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest and the shortest time limit of a probe.
const MAX_TIMEOUT: Duration = Duration::from_mins(2);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// How long before the end of a scrape its reply must be ready: the default of blackbox_exporter.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// In which header Prometheus says how long it waits, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Checks targets on request.
pub(super) struct Prober {
    validator: Validator,
    options: ValidatorOptions,
    targets: Arc<ReloadStatus>,
    /// Limits the targets that the command does not name; `None` if only named ones are allowed.
    others: Option<Arc<AddressPolicy>>,
    room: Semaphore,
}

impl Prober {
    /// A prober of these services, and with the first of `any` of all targets except what a listener at that address must not reach.
    pub(super) fn new(
        validator: Validator,
        options: ValidatorOptions,
        targets: Arc<ReloadStatus>,
        any: (bool, IpAddr),
    ) -> Self {
        let (allow_any, listens_at) = any;
        let is_local = listens_at.to_canonical().is_loopback();
        let others = allow_any.then(|| Arc::new(AddressPolicy::for_probes(is_local)));
        Self { validator, options, targets, others, room: Semaphore::new(MAX_PROBES) }
    }

    /// The targets that the command names.
    pub(super) fn targets(&self) -> &ReloadStatus {
        &self.targets
    }

    /// Checks a service within this time.
    async fn check(&self, service: Service, limit: Duration) -> crate::error::Result<Listing> {
        let is_named = self.targets.services().iter().any(|known| known.id == service.id);
        let addresses = match &self.others {
            Some(policy) if !is_named => {
                policy.refresh();
                Arc::clone(policy)
            }
            _ => Arc::default(),
        };
        let options = ValidatorOptions {
            // A silent target is found out before the time is up.
            timeout: self.options.timeout.min(limit.mul_f64(0.75)),
            retries: 0,
            samples: 1,
            deadline: Some(limit),
            addresses,
            ..self.options.clone()
        };

        self.validator.clone().with_options(options).validate(vec![service]).await
    }
}

/// Answers a request for a probe.
pub(super) async fn answer(State(state): State<Arc<ExporterState>>, uri: Uri, headers: HeaderMap) -> Response {
    let parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let (mut target, mut module) = (None, None);
    for (name, value) in parameters {
        match &*name {
            "target" => target = Some(value.into_owned()),
            "module" => module = Some(value.into_owned()),
            _ => {}
        }
    }

    let prober = &state.prober;
    let service =
        match service_of(&prober.targets.services(), (target.as_deref(), module.as_deref()), prober.others.is_some()) {
            Ok(service) => service,
            Err(ProbeRefusal::Invalid(why)) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
            Err(ProbeRefusal::Forbidden(why)) => return (StatusCode::FORBIDDEN, why + "\n").into_response(),
        };
    let Ok(_permit) = prober.room.try_acquire() else {
        return unavailable(&format!("{MAX_PROBES} probes are running already"));
    };

    let (begun, min_score) = (Instant::now(), min_score(&service));
    let spec = prober.validator.spec_of(&service);
    match prober.check(service, time_limit(&headers)).await {
        Ok(listing) => reply(&listing, (min_score, &spec), begun.elapsed()),
        Err(error) => unavailable(&error.to_string()),
    }
}

fn min_score(service: &Service) -> Option<u8> {
    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    declared.and_then(|declared| declared.ask.limits.min_score)
}

fn misses_expectation(listing: &Listing, spec: &CheckSpec) -> bool {
    let mut endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    endpoints.any(|endpoint| missed_expectation(endpoint, spec).is_some())
}

/// How long the scrape waits, less the time to deliver the reply.
fn time_limit(headers: &HeaderMap) -> Duration {
    let header = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let limit = header.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(DEFAULT_TIMEOUT);
    limit.saturating_sub(TIMEOUT_OFFSET).clamp(MIN_TIMEOUT, MAX_TIMEOUT)
}

/// The metrics of a probe. What could not be judged has none: a missing sample is no failure of the target.
fn reply(listing: &Listing, (min_score, spec): (Option<u8>, &CheckSpec), elapsed: Duration) -> Response {
    let Some(health) = listing.services.first().and_then(|service| service.health.as_deref()) else {
        return unavailable("nothing was checked");
    };
    if health.state == HealthState::Unknown {
        return unavailable(&unknown_cause(listing));
    }

    let is_success = match min_score {
        Some(min_score) => health.score.is_some_and(|score| score >= min_score),
        None => health.state != HealthState::Unhealthy && !misses_expectation(listing, spec),
    };
    let mut text = String::new();
    gauge(&mut text, "probe_success", "Whether portolan validate would exit with 0.", u8::from(is_success));
    gauge(&mut text, "probe_duration_seconds", "How long the probe took.", elapsed.as_secs_f64());
    if let Some(status) = http_status(listing) {
        gauge(&mut text, "probe_http_status_code", "Status of the HTTP reply; 0 without one.", status);
    }
    if let Some(end) = figures(listing).and_then(|figures| figures.certificate_end) {
        gauge(&mut text, "probe_ssl_earliest_cert_expiry", "When the first certificate in the chain expires.", end);
    }
    if let Some(name) = figures(listing).and_then(|figures| figures.latency_us.name) {
        let seconds = Duration::from_micros(name).as_secs_f64();
        gauge(&mut text, "probe_dns_lookup_time_seconds", "How long the name lookup took.", seconds);
    }

    text.push_str(&metrics::of_listing(listing));
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

/// The status of the HTTP reply of the only endpoint: 0 if it was asked by HTTP and did not reply.
fn http_status(listing: &Listing) -> Option<u16> {
    let [endpoint] = &listing.services.first()?.endpoints[..] else { return None };
    let health = endpoint.health.as_deref()?;
    let was_asked = health.coverage.iter().any(|check| check == "http");
    health.figures.http_status.or(was_asked.then_some(0))
}

/// The figures of the only endpoint: of several, none speaks for the others.
fn figures(listing: &Listing) -> Option<crate::model::Figures> {
    let [endpoint] = &listing.services.first()?.endpoints[..] else { return None };
    endpoint.health.as_deref().map(|health| health.figures)
}

/// Why the health of the service is unknown.
fn unknown_cause(listing: &Listing) -> String {
    let mut endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    let cause = endpoints.find_map(|endpoint| endpoint.health.as_deref()?.hindered.first());
    cause.map_or_else(|| "no check applies".to_owned(), |cause| clean(cause))
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("cannot judge the target: {why}\n")).into_response()
}
