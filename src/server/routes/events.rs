//! `events`: every change as it happens, as server-sent events or as lines of JSON.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clean::clean;
use crate::model::{CONFIG_NAMESPACE, DEFAULT_NAMESPACE, DRIFT_NAMESPACE};
use crate::registry::CommandRejection;
use crate::server::api_error::{ApiError, ApiResult, ErrorBody};
use crate::server::authorized::Access;
use crate::server::event::Event;
use crate::server::instance_view::InstanceView;
use crate::server::metrics::OpenStream;
use crate::server::params::{self, Params};
use crate::server::reply::INDEX;
use crate::server::ring::{EventSubject, Filter, MissedEvents, PIECE_BYTES};
use crate::server::scoped_view::ScopedView;
use crate::server::shared::App;

/// After this long without an event a line says that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Server-sent events.
    Sse,
    /// Lines of JSON.
    Ndjson,
}

/// Follow every change
///
/// With `since` (or the header Last-Event-ID), the stream begins with exactly what came after that index. If that is no
/// longer kept, or without it, it begins with `reset`, every instance as `added`, and `synced`.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "followEvents", tag = "discovery",
    params(
        ("since" = Option<u64>, Query, description = "The last index that the client knows"),
        ("epoch" = Option<String>, Query, description = "The history that `since` belongs to, as in `reset` and `synced`"),
        ("service" = Option<String>, Query, description = "Only this service"),
        ("namespace" = Option<String>, Query, description = "Its namespace"),
        ("config" = Option<String>, Query, description = "Only this configuration, and no services"),
        ("drift" = Option<String>, Query, description = "Only what the agent of this host reports, and no services; * is every host"),
        ("format" = Option<String>, Query, description = "sse or ndjson; otherwise the header Accept decides",
            pattern = "^(sse|ndjson)$"),
    ),
    responses((status = 200, description = "An endless stream of server-sent events, or of lines of JSON", content_type = "text/event-stream"),
        (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(in crate::server) async fn get(access: Access, request: Request) -> ApiResult {
    let known = ["since", "epoch", "service", "namespace", "config", "drift", "format"];
    let params = Params::read(request.uri().query(), &known, &[])?;
    let form = form(&params, request.headers())?;
    let since = match params.number("since", 0, u64::MAX)? {
        Some(since) => Some(since),
        // A browser sends back what it read last; anything else is not an index of ours.
        None => request.headers().get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse().ok()),
    };
    let resets = access.app().ring.resets();
    // The indexes of another history mean nothing here.
    let since = since.filter(|_| params.get("epoch").is_none_or(|epoch| epoch == *access.app().epoch()));
    let service = params.get("service").map(str::to_owned);
    let namespace = params.get("namespace").map(str::to_owned);
    let namespace = namespace.or_else(|| service.is_some().then(|| DEFAULT_NAMESPACE.to_owned()));
    let filter = match (params.get("config"), params.get("drift")) {
        (None, None) => Filter { namespace, service, scope: access.scope(), subject: EventSubject::Services },
        (config, drift) if service.is_some() || namespace.is_some() || (config.is_some() && drift.is_some()) => {
            let message = "a configuration and a host have no service and no namespace";
            let error = ApiError::bad_request("invalid_parameter", message);
            let field = if config.is_some() { "config" } else { "drift" };
            return Err(error.field(field).hint("follow it with a separate request"));
        }
        (Some(name), _) => config_filter(&access, name)?,
        (None, Some(host)) => {
            access.require_all_services("GET /api/v1/events")?;
            Filter::of_hosts(Some(host).filter(|host| *host != "*"))
        }
    };

    let wake = access.app().ring.subscribe(&filter);
    let index = access.app().index();
    let open = StreamEntry::enter(access.app(), &wake, since.unwrap_or(index))?;
    let start = EventStream {
        access,
        form,
        filter,
        wake,
        position: Position::Start(since),
        resets,
        last_sent: Instant::now(),
        open,
    };
    let mut response = Response::new(Body::from_stream(stream::unfold(start, next)));
    let kind = match form {
        Form::Sse => "text/event-stream",
        Form::Ndjson => "application/x-ndjson",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(INDEX, HeaderValue::from(index));
    // A proxy such as nginx would otherwise hold lines back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn config_filter(access: &Access, name: &str) -> ApiResult<Filter> {
    if access.view().sees_config(name) {
        return Ok(Filter::of_config(name));
    }
    Err(CommandRejection::UnknownConfig { name: clean(name).into() }.into())
}

fn form(params: &Params<'_>, headers: &HeaderMap) -> ApiResult<Form> {
    match params.get("format") {
        Some("sse") => return Ok(Form::Sse),
        Some("ndjson") => return Ok(Form::Ndjson),
        Some(other) => {
            return Err(params::invalid("format", other, "it is not a form of events", "write sse or ndjson"));
        }
        None => {}
    }
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wants_lines = accepted.contains("ndjson") || accepted.contains("json-seq") || accepted.contains("jsonl");
    Ok(if wants_lines { Form::Ndjson } else { Form::Sse })
}

/// One open stream among all others, until it is dropped.
struct StreamEntry {
    app: App,
    stream: OpenStream,
}

impl StreamEntry {
    /// Enters a stream whose client knows everything up to `index`.
    fn enter(app: &App, wake: &watch::Receiver<u64>, index: u64) -> ApiResult<Self> {
        let max = app.settings.size_limits.event_streams;
        let stream = app.metrics.event_streams.open(max, wake.clone(), index);
        let full = || ApiError::unavailable("too_many_streams", format!("{max} event streams are open"));
        Ok(Self { app: Arc::clone(app), stream: stream.ok_or_else(full)? })
    }
}

impl Drop for StreamEntry {
    fn drop(&mut self) {
        self.app.metrics.event_streams.close(self.stream.number);
    }
}

/// Where a stream is.
enum Position {
    /// Nothing was sent. The index is what the client knows.
    Start(Option<u64>),
    /// In the middle of the whole set, which is true for this index.
    Listing(std::vec::IntoIter<Arc<InstanceView>>, u64),
    /// What the client missed is sent until this index, and then that it has all.
    CatchingUp(u64),
    /// The client knows everything until this index.
    Following(u64),
}

struct EventStream {
    access: Access,
    form: Form,
    filter: Filter,
    wake: watch::Receiver<u64>,
    position: Position,
    /// The history that the position belongs to.
    resets: u64,
    last_sent: Instant,
    open: StreamEntry,
}

/// The next piece. The client pulls: a slow one delays only itself, and gets a reset if it falls too far behind.
async fn next(mut stream: EventStream) -> Option<(Result<Bytes, Infallible>, EventStream)> {
    let mut piece = Vec::new();
    while piece.is_empty() {
        if stream.app().shutdown.is_stopping() || !stream.access.is_current() {
            return None;
        }
        let position = std::mem::replace(&mut stream.position, Position::Following(0));
        stream.position = match position {
            Position::Start(Some(since)) => Position::CatchingUp(since),
            Position::Start(None) => stream.reset(&mut piece),
            Position::Listing(instances, index) => stream.write_listing(instances, index, &mut piece),
            Position::CatchingUp(since) => stream.catch_up(since, &mut piece),
            Position::Following(index) => stream.follow(index, &mut piece).await?,
        };
    }
    stream.last_sent = Instant::now();
    if let Position::Listing(_, index) | Position::CatchingUp(index) | Position::Following(index) = &stream.position {
        stream.open.stream.sent(*index);
    }

    Some((Ok(Bytes::from(piece)), stream))
}

impl EventStream {
    fn app(&self) -> &App {
        self.access.app()
    }

    /// Begins anew: the client forgets what it knew.
    fn reset(&mut self, piece: &mut Vec<u8>) -> Position {
        self.app().metrics.event_resets.fetch_add(1, Ordering::Relaxed);
        // Seen before the view is read: what comes after wakes the stream again.
        self.wake.mark_unchanged();
        self.resets = self.app().ring.resets();
        let view = self.access.view();
        let index = view.index();
        self.write_mark(piece, "reset", None, index);
        match self.filter.subject {
            EventSubject::Services => {}
            EventSubject::Config => {
                self.write_config(&view, index, piece);
                return Position::Listing(Vec::new().into_iter(), index);
            }
            EventSubject::Drift => {
                self.write_hosts(&view, index, piece);
                return Position::Listing(Vec::new().into_iter(), index);
            }
        }

        let wanted = view.services().filter(|service| {
            self.filter.service.as_deref().is_none_or(|name| name == &*service.key.name)
                && self.filter.namespace.as_deref().is_none_or(|namespace| namespace == &*service.key.namespace)
        });
        let instances: Vec<_> = wanted.flat_map(|service| service.list().iter().cloned()).collect();
        Position::Listing(instances.into_iter(), index)
    }

    /// The configuration that is followed, as it is.
    fn write_config(&self, view: &ScopedView, index: u64, piece: &mut Vec<u8>) {
        let name = self.filter.service.as_deref().unwrap_or_default();
        let Some(current) = view.config(name).and_then(|entry| entry.current()) else { return };
        let line = serde_json::json!({
            "index": index, "type": "added", "source": "portolan", "namespace": CONFIG_NAMESPACE, "service": name,
            "changed": [], "item": current.to_item(),
        });
        self.write_line(piece, "added", None, line.to_string().as_bytes());
    }

    /// The hosts that are followed, as their agents reported them last.
    fn write_hosts(&self, view: &ScopedView, index: u64, piece: &mut Vec<u8>) {
        let wanted = self.filter.service.as_deref();
        for host in view.hosts().filter(|entry| wanted.is_none_or(|wanted| wanted == &*entry.record.host)) {
            let line = serde_json::json!({
                "index": index, "type": "added", "source": "portolan", "namespace": DRIFT_NAMESPACE,
                "service": &*host.record.host, "changed": [], "item": host.record.to_item(),
            });
            self.write_line(piece, "added", None, line.to_string().as_bytes());
        }
    }

    fn write_listing(
        &self,
        mut instances: std::vec::IntoIter<Arc<InstanceView>>,
        index: u64,
        piece: &mut Vec<u8>,
    ) -> Position {
        while piece.len() < PIECE_BYTES {
            let Some(instance) = instances.next() else {
                // Only from here on may a client come back with this index.
                self.write_mark(piece, "synced", Some(index), index);
                return Position::Following(index);
            };
            let known = &instance.instance;
            let head = serde_json::json!({
                "index": index, "type": "added", "source": "portolan", "namespace": known.namespace(),
                "service": known.name(), "id": &*known.id, "changed": [],
            });
            let mut line = head.to_string().into_bytes();
            line.pop();
            line.extend_from_slice(b",\"item\":");
            line.extend_from_slice(&instance.to_json());
            line.push(b'}');
            self.write_line(piece, "added", None, &line);
        }

        Position::Listing(instances, index)
    }

    fn catch_up(&mut self, since: u64, piece: &mut Vec<u8>) -> Position {
        self.wake.mark_unchanged();

        match self.missed(since) {
            MissedEvents::TooOld => self.reset(piece),
            MissedEvents::Events(events, until) => {
                // There may be more than one piece.
                if let Some(last) = self.write_events(piece, &events) {
                    return Position::CatchingUp(last);
                }
                self.write_mark(piece, "synced", Some(until), until);
                Position::Following(until)
            }
        }
    }

    /// Waits for the next event; `None` if the server stops.
    async fn follow(&mut self, index: u64, piece: &mut Vec<u8>) -> Option<Position> {
        let keep_alive = sleep_until(self.last_sent + KEEP_ALIVE);
        tokio::select! {
            biased;
            () = self.access.app().shutdown.stopping() => return None,
            changed = self.wake.changed() => changed.ok()?,
            () = keep_alive => {
                // Nothing came for this stream: it knows everything up to now.
                let index = match self.missed(index) {
                    MissedEvents::Events(events, until) if events.is_empty() => until,
                    _ => index,
                };
                match self.form {
                    Form::Sse => piece.extend_from_slice(b": keep-alive\n\n"),
                    Form::Ndjson => {
                        piece.extend_from_slice(format!("{{\"index\":{index},\"type\":\"keep-alive\"}}\n").as_bytes());
                    }
                }
                return Some(Position::Following(index));
            }
        }

        if !self.access.is_current() {
            return None;
        }
        Some(match self.missed(index) {
            MissedEvents::TooOld => self.reset(piece),
            MissedEvents::Events(events, until) => {
                let last = self.write_events(piece, &events);
                if last.is_some() {
                    // More may have come than this piece holds.
                    self.wake.mark_changed();
                }
                Position::Following(last.unwrap_or(until))
            }
        })
    }

    fn missed(&self, since: u64) -> MissedEvents {
        let missed = self.app().ring.missed(since, self.app().index(), &self.filter);
        // Looked at afterwards: what was read may already be of another history.
        if self.app().ring.resets() == self.resets { missed } else { MissedEvents::TooOld }
    }

    /// Writes events, as many as fit a piece, and returns the index of the last.
    fn write_events(&self, piece: &mut Vec<u8>, events: &[Arc<Event>]) -> Option<u64> {
        let mut last = None;
        for event in events {
            if piece.len() >= PIECE_BYTES {
                break;
            }
            self.write_line(piece, event.kind, Some(event.index), &event.json);
            last = Some(event.index);
        }
        last
    }

    fn write_mark(&self, piece: &mut Vec<u8>, kind: &str, id: Option<u64>, index: u64) {
        let line = serde_json::json!({ "index": index, "type": kind, "epoch": *self.app().epoch() });
        self.write_line(piece, kind, id, line.to_string().as_bytes());
    }

    fn write_line(&self, piece: &mut Vec<u8>, kind: &str, id: Option<u64>, json: &[u8]) {
        if self.form == Form::Sse {
            if let Some(id) = id {
                piece.extend_from_slice(format!("id: {id}\n").as_bytes());
            }
            piece.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
        }
        // JSON has no line breaks of its own.
        piece.extend_from_slice(json);
        piece.extend_from_slice(if self.form == Form::Sse { b"\n\n" } else { b"\n" });
    }
}
