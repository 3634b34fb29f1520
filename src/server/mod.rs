//! The registry server: commands from HTTP, through one writer, to a durable store; answers from memory.

mod accept;
mod access;
mod activity;
mod address_rate;
mod answer_cache;
mod api_error;
mod audit;
mod authorize;
mod authorized;
mod balancing;
mod body;
mod body_room;
mod browser_rule;
mod call_rules;
mod checks;
mod cluster;
mod connection;
pub(crate) mod consul;
mod contact;
pub(crate) mod dns;
mod document_event;
pub(crate) mod eureka;
mod event;
mod exporter;
mod fleet_drift;
mod freshness;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzz;
mod gate;
mod handshake;
mod histogram;
mod host_instances;
mod import_board;
mod imports;
mod instance_view;
mod limits;
mod line_budget;
mod line_diff;
mod live_overrides;
mod log_level;
mod metrics;
mod monitor;
mod name_index;
mod noticed_instances;
mod own_node;
mod params;
mod percent;
mod recent_changes;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_link;
#[cfg(feature = "redis")]
mod redis_settings;
#[cfg(feature = "redis")]
mod redis_url;
mod refusal_log;
mod reload;
mod reply;
mod request_context;
mod request_head;
mod request_id;
mod ring;
mod routes;
mod schemas;
mod scoped_view;
mod scores;
mod selected_addresses;
mod service_addresses;
mod service_key;
mod settings;
mod shared;
mod shift_scores;
mod store_probe;
mod strategy;
mod times;
mod tls;
mod trace;
#[cfg(feature = "postgres")]
mod unavailable;
mod view;
mod watched_file;
mod write_queue;
mod write_room;
mod writer;
mod written_lists;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::accept::accept_until_stopped;
use self::audit::{AuditLog, PendingAudit};
use self::body_room::BodyRoom;
use self::browser_rule::BrowserRule;
use self::checks::Checks;
use self::cluster::{ClusterWriter, Hints};
use self::connection::ConnectionContext;
use self::contact::Contact;
use self::gate::Gate;
use self::import_board::ImportBoard;
use self::limits::RateLimits;
use self::metrics::Metrics;
use self::own_node::OwnNode;
use self::recent_changes::RecentChanges;
#[cfg(feature = "redis")]
use self::redis_link::RedisLink;
use self::request_id::RequestIds;
use self::ring::Ring;
use self::shared::{App, ServerState};
use self::store_probe::StoreProbe;
use self::view::View;
use self::write_queue::WriteQueue;
use self::writer::CommandWriter;
use self::written_lists::WrittenLists;
use crate::engine::{Clock, DrainReport, Shutdown};
use crate::registry::State;
use crate::store::{Store, StoredEvent};

pub use self::access::{
    AccessControl, ApiKey, ApiKeys, Authentication, CertificateRule, MIN_SECRET_BYTES, NewApiKey, Permission,
    Permissions, Role, Scope, TokenAlgorithm, TokenRules, read_keys,
};
#[cfg(feature = "cli")]
pub(crate) use self::consul::meta_problem;
pub use self::dns::{DnsListener, has_dns_names};
#[cfg(feature = "cli")]
pub(crate) use self::exporter::serve_exporter;
pub use self::import_board::Import;
pub use self::limits::{RateLimitSettings, RequestRate};
pub use self::log_level::LogLevel;
#[cfg(feature = "redis")]
pub use self::redis_settings::RedisSettings;
#[cfg(feature = "redis")]
pub use self::redis_url::RedisUrl;
pub use self::settings::{
    AuditSettings, DnsSettings, HealthCheckSettings, LiveSettings, ServerSettings, SizeLimits, TimeLimits,
};
pub use self::strategy::Strategy;
pub use self::tls::{ServerTls, TlsFiles};
pub use self::trace::TRACE_TARGET;
#[cfg(feature = "postgres")]
pub use self::unavailable::answer_unavailable;

/// A registry that can be served: what the store holds, and the store.
pub struct Registry {
    /// The state that was restored.
    pub state: State,
    /// The last events, the oldest first.
    pub events: Vec<StoredEvent>,
    /// Identifies the history that the indexes belong to.
    pub epoch: String,
    /// Where its changes are kept.
    pub store: Arc<dyn Store>,
    /// What the store is, for people.
    pub store_name: String,
    /// The clock of the state.
    pub clock: Clock,
    /// Who may call it.
    pub access: AccessControl,
    /// The certificate of its listeners; `None`: they speak plain HTTP.
    pub tls: Option<Arc<ServerTls>>,
    /// The log of the process.
    pub log: Arc<LogLevel>,
    /// Other registries whose services it shows beside its own.
    pub imports: watch::Receiver<Vec<Import>>,
}

/// Where a server listens.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For the REST API.
    pub rest: Vec<TcpListener>,
    /// For Consul's API; none turns it off.
    pub consul: Vec<TcpListener>,
    /// For Eureka's API; none turns it off.
    pub eureka: Vec<TcpListener>,
    /// For DNS; none turns it off.
    pub dns: Vec<DnsListener>,
}

/// What pages in browsers may ask these listeners.
fn browser_rule(app: &ServerState, listeners: &[TcpListener]) -> BrowserRule {
    let mut addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    let is_local = addresses.all(|address| address.ip().to_canonical().is_loopback());
    BrowserRule::new(&app.settings.allowed_origins, is_local && !app.access.is_on())
}

/// The limits of callers, which servers with a Redis share.
fn rate_limits(settings: &ServerSettings) -> RateLimits {
    let limits = RateLimits::new(settings.rate_limits, Clock::coarse());
    #[cfg(feature = "redis")]
    if settings.redis.is_some() {
        return limits.share();
    }
    limits
}

/// Serves until `shutdown` is stopped: accepts no more connections then, answers what was begun, and ends the event
/// streams. What is not done after the settings' timeout is dropped; the report says how much. `changes`: the settings that change
/// meanwhile; no connection is dropped for them.
pub async fn run(
    listeners: Listeners,
    (settings, changes): (ServerSettings, watch::Receiver<LiveSettings>),
    registry: Registry,
    shutdown: Shutdown,
) -> DrainReport {
    let Registry { state, events, epoch, store, store_name, clock, access, tls, log, imports } = registry;
    let (writes, jobs) = WriteQueue::new(settings.size_limits.queued_writes);
    let (audit, queues) = AuditLog::new(settings.audit, Arc::clone(&store));
    let metrics = Metrics::new(routes::PATHS.iter().chain(consul::paths()).chain(eureka::paths()));
    let limits = settings.size_limits;
    let gate = Gate::new(limits.connections, limits.connections_per_address, Clock::coarse());
    let timeout = settings.shutdown_timeout;
    // The connections stop first; the writer answers their last writes.
    let clients = shutdown.child();
    let writer_stop = Shutdown::new();
    let monitor_stop = Shutdown::new();
    let (checks, demands) = Checks::new();

    let shared_store = Arc::clone(&store).shared();
    let contact = match &shared_store {
        Some(_) => Contact::with_shared_store(clock.clone()),
        None => Contact::with_own_store(),
    };

    let consul_address = listeners.consul.first().and_then(|listener| listener.local_addr().ok());
    let (hints, carrier) = Hints::new();
    let own_node = Arc::new(OwnNode::new(&settings, consul_address, &epoch));
    let app = Arc::new(ServerState {
        unscoped: ArcSwap::from_pointee(View::new(state.snapshot(), !listeners.dns.is_empty())),
        ring: Ring::new(limits.kept_events, state.index(), events),
        unscoped_writes: writes,
        access: Arc::new(access),
        audit,
        rates: rate_limits(&settings),
        refusals: Arc::default(),
        #[cfg(feature = "redis")]
        redis: settings.redis.as_ref().map(|redis| Arc::new(RedisLink::new(redis, &carrier.is_connected))),
        log,
        metrics,
        gate,
        checks,
        imports: ImportBoard::new(&imports.borrow()),
        eureka_changes: RecentChanges::new(!listeners.eureka.is_empty(), state.index() == 0),
        lists: WrittenLists::default(),
        shutdown: clients.clone(),
        own_node,
        store: store_name,
        probe: StoreProbe::new(Arc::clone(&store)),
        epoch: ArcSwap::from_pointee(epoch),
        contact,
        started: Instant::now(),
        started_at: Timestamp::now(),
        is_store_well: AtomicBool::new(true),
        store_failed: parking_lot::Mutex::default(),
        tls: tls.clone(),
        live: ArcSwap::from_pointee(settings.live()),
        settings,
    });
    live_overrides::apply(&app, app.settings.live());
    clients.spawn(reload::follow_settings(Arc::clone(&app), changes, clients.clone()));
    clients.spawn(reload::follow_files(Arc::clone(&app), tls.clone(), clients.clone()));
    audit::note_start(&app.audit, &app.access).await;
    let audit = PendingAudit::new(queues);
    let writer = CommandWriter { app: Arc::clone(&app), state, store, clock, jobs, audit };
    match shared_store {
        Some(shared) => writer_stop.spawn(ClusterWriter::new(writer, shared, hints).run(writer_stop.clone())),
        None => writer_stop.spawn(writer.run(writer_stop.clone())),
    };
    #[cfg(feature = "redis")]
    redis::start(&app, carrier, &writer_stop);
    #[cfg(not(feature = "redis"))]
    drop(carrier);
    monitor::start(&app, demands, monitor_stop.clone());
    clients.spawn(imports::follow_all(Arc::clone(&app), imports, clients.clone()));
    monitor_stop.spawn(shift_scores::follow(Arc::clone(&app), monitor_stop.clone()));

    let apis = [
        (listeners.rest, routes::routes(&app)),
        (listeners.consul, consul::routes(&app)),
        (listeners.eureka, eureka::routes(&app)),
    ];
    accept_all(&app, apis, tls.as_ref(), &clients);
    dns::serve(listeners.dns, &app.settings.dns, &app, &clients);

    clients.stopping().await;
    monitor_stop.stop();
    let report = clients.drain(timeout).await;
    let checks = monitor_stop.drain(timeout).await;
    app.audit.note("stop", "", "");
    let writes = writer_stop.drain(timeout).await;
    let parts = [report, checks, writes];
    DrainReport { aborted: parts.iter().map(|part| part.aborted).sum(), left: parts.iter().map(|part| part.left).sum() }
}

/// Accepts the connections of each API.
fn accept_all(
    app: &App,
    apis: [(Vec<TcpListener>, routes::Routes); 3],
    tls: Option<&Arc<ServerTls>>,
    clients: &Shutdown,
) {
    let (ids, bodies) = (Arc::new(RequestIds::new()), BodyRoom::new());

    for (listeners, routes) in apis {
        let connections = Arc::new(ConnectionContext {
            app: Some(Arc::clone(app)),
            gate: Arc::clone(&app.gate),
            routes,
            limits: app.settings.time_limits,
            tls: tls.cloned(),
            max_head_bytes: app.settings.size_limits.head_bytes,
            metrics: Arc::clone(&app.metrics),
            ids: Arc::clone(&ids),
            browsers: browser_rule(app, &listeners),
            bodies: bodies.clone(),
            refusals: Arc::clone(&app.refusals),
        });
        for listener in listeners {
            let (context, clients_stop) = (Arc::clone(&connections), clients.clone());
            clients.spawn(async move { accept_until_stopped(&listener, context, clients_stop).await });
        }
    }
}
