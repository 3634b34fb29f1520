//! Starts a server: its addresses, its data, its log; and ends it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::info;
use uuid::Uuid;

use super::activation::PassedListeners;
use super::addresses::bind;
use super::data::DataPlace;
use super::given::GivenValues;
use super::plan::Plan;
use super::reload::{Reloader, SettingsChanges, SettingsOrigin};
use super::service_manager::ServiceManager;
use super::telemetry::Telemetry;
#[cfg(feature = "postgres")]
use super::wait_for_database::StartingServer;
use super::{compat, dns, imports, logging};
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::signals::Stop;
use crate::cli::stderr;
use crate::engine::{Clock, Shutdown};
use crate::error::{Error, Result, plain};
use crate::model::{Ports, SocketState};
use crate::net::{forbid_core_dumps, runtime};
use crate::registry::{Now, State};
use crate::server::{self, AccessControl, DnsListener, Import, Listeners, LogLevel, Registry, ServerTls};
use crate::source::Local;
#[cfg(feature = "postgres")]
use crate::store::PostgresUrl;
use crate::store::{Contents, Memory, Sqlite, Store, StoreError};

/// More threads do not help: a request takes microseconds.
const MAX_THREADS: usize = 8;

/// Runs the server until a signal stops it.
///
/// # Errors
/// An address or the data cannot be used. Nothing was started then.
pub(super) fn start(
    (given, plan): (&GivenValues, &Plan),
    origin: &dyn SettingsOrigin,
    environment: Option<&str>,
    quiet: bool,
    passed: PassedListeners,
) -> Result<Exit> {
    forbid_core_dumps();
    let stop = Stop::listen_except_hangup()?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = runtime(threads.clamp(2, MAX_THREADS))?;
    runtime.block_on(async {
        let settings = SettingsChanges::catch(origin)?;
        let (access, tls) = (access(plan)?, tls(plan)?);
        let rest = if passed.rest.is_empty() {
            plan.listen.iter().map(|address| listen(*address, plan)).collect()
        } else {
            adopt(passed.rest)
        };
        let consul = if passed.consul.is_empty() {
            plan.consul.listen.iter().map(|address| listen_consul(*address, plan)).collect()
        } else {
            adopt(passed.consul)
        };
        let eureka: Result<Vec<TcpListener>> =
            plan.eureka.listen.iter().map(|address| listen_eureka(*address, plan)).collect();
        let dns: Result<Vec<DnsListener>> = plan.dns.listen.iter().map(|address| listen_dns(*address, plan)).collect();
        let listeners = Listeners { rest: rest?, consul: consul?, eureka: eureka?, dns: dns? };
        let telemetry = Telemetry::start(plan)?;
        let log = Arc::new(logging::start(&plan.log_filter, plan.log_json, telemetry.layer())?);
        let manager = ServiceManager::of_environment(super::variable);
        let shutdown = stop.tree()?;
        let (set_imports, imports) = watch::channel(plan.imports.clone());
        let starting = Starting {
            plan,
            imports,
            #[cfg(feature = "postgres")]
            listeners: &listeners,
            #[cfg(feature = "postgres")]
            manager: &manager,
            #[cfg(feature = "postgres")]
            shutdown: &shutdown,
            #[cfg(feature = "postgres")]
            quiet,
        };
        let Some(registry) = starting.open(access, tls, Arc::clone(&log)).await? else {
            return Ok(Exit::Done);
        };
        announce(plan, &listeners, &registry, environment, quiet);

        let (live, changes) = watch::channel(plan.server.live());
        let reloader = Reloader::new((origin, settings), given, log, (live, set_imports), &manager);
        let serving = server::run(listeners, (plan.server.clone(), changes), registry, shutdown.clone());
        manager.ready();
        let stopping = async {
            shutdown.stopping().await;
            manager.stopping();
        };
        let watchdog = manager.feed_watchdog(shutdown.clone());
        let (report, (), (), ()) = tokio::join!(serving, reloader.follow(shutdown.clone()), stopping, watchdog);
        info!(aborted = report.aborted, "stopped");
        telemetry.finish().await;
        // The task that waits for signals belongs to the tree.
        let _ = shutdown.drain(plan.server.shutdown_timeout).await;
        if report.is_clean() {
            return Ok(Exit::Done);
        }
        let text = match report.aborted {
            1 => "1 request was not finished within the shutdown timeout".to_owned(),
            count => format!("{count} requests were not finished within the shutdown timeout"),
        };
        stderr::failure(&text, "raise --shutdown-timeout");
        Ok(Exit::Incomplete)
    })
}

/// The sockets of the service manager, which listen already.
fn adopt(passed: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>> {
    let adopted: io::Result<Vec<TcpListener>> = passed.into_iter().map(TcpListener::from_std).collect();
    adopted.map_err(|error| Error::io("use the sockets of the service manager", error, "check the socket unit"))
}

fn listen(address: SocketAddr, plan: &Plan) -> Result<TcpListener> {
    let what = format!("the address {address} (set by {})", plan.listen_by);
    bind(address).map_err(|error| unbound(&error, what, address, ["--port", "--listen"]))
}

fn listen_consul(address: SocketAddr, plan: &Plan) -> Result<TcpListener> {
    let what = format!("the address {address} of Consul's API (set by {})", plan.consul.by);
    bind(address).map_err(|error| unbound(&error, what, address, ["--consul", "--consul"]))
}

fn listen_eureka(address: SocketAddr, plan: &Plan) -> Result<TcpListener> {
    let what = format!("the address {address} of Eureka's API (set by {})", plan.eureka.by);
    bind(address).map_err(|error| unbound(&error, what, address, ["--eureka", "--eureka"]))
}

fn listen_dns(address: SocketAddr, plan: &Plan) -> Result<DnsListener> {
    let what = format!("the DNS address {address} (set by {})", plan.dns.by);
    dns::open(address).map_err(|error| unbound(&error, what, address, ["--dns", "--dns"]))
}

/// Why an address cannot be listened on. The options choose another port, and another address.
fn unbound(error: &io::Error, what: String, address: SocketAddr, [port_option, address_option]: [&str; 2]) -> Error {
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder =
                holder(address).map_or_else(|| "it is in use".to_owned(), |holder| format!("it is in use by {holder}"));
            let port = address.port();
            let hint = format!(
                "stop that program (`portolan who {port}` shows it), or choose another port with {port_option}"
            );
            Error::usage(what, holder, hint)
        }
        ErrorKind::PermissionDenied => {
            let hint = format!("choose a port above 1023 with {port_option}");
            Error::usage(what, "only root may listen on this port", hint)
        }
        ErrorKind::AddrNotAvailable => {
            Error::usage(what, "this machine has no such address", "list its addresses with `ip address`")
        }
        _ => Error::usage(what, plain(error), format!("choose another address with {address_option}")),
    }
}

/// The program that holds a port: `nginx (pid 42)`.
fn holder(address: SocketAddr) -> Option<String> {
    let ports: Ports = address.port().to_string().parse().ok()?;
    let state = vec![SocketState::Listen, SocketState::Unconnected];
    let listing = Local { ports: Some(ports), state, ..Local::default() }.listing().ok()?;
    let process = listing.services.iter().find_map(|service| service.detail.main_process().cloned())?;
    Some(format!("{} (pid {})", process.name, process.pid))
}

/// Reads the keys.
fn access(plan: &Plan) -> Result<AccessControl> {
    AccessControl::new(plan.authentication.clone()).map_err(|why| {
        let hint = "fix that file, or create a new one with `portolan key create`";
        Error::usage("authentication", why, hint)
    })
}

/// Reads the certificate.
fn tls(plan: &Plan) -> Result<Option<Arc<ServerTls>>> {
    let Some(files) = plan.tls.clone() else { return Ok(None) };
    let tls = ServerTls::new(files, plan.handshakes).map_err(|why| {
        let hint = "name a certificate and its key with --tls-cert and --tls-key, as PEM files";
        Error::usage("TLS", why, hint)
    });
    tls.map(Arc::new).map(Some)
}

/// What a server has when it opens its store. Only a database on another machine may be away, and is waited for.
struct Starting<'s> {
    plan: &'s Plan,
    imports: watch::Receiver<Vec<Import>>,
    #[cfg(feature = "postgres")]
    listeners: &'s Listeners,
    #[cfg(feature = "postgres")]
    manager: &'s ServiceManager,
    #[cfg(feature = "postgres")]
    shutdown: &'s Shutdown,
    #[cfg(feature = "postgres")]
    quiet: bool,
}

impl Starting<'_> {
    /// Opens the registry; `None` if the server was stopped meanwhile.
    async fn open(
        &self,
        access: AccessControl,
        tls: Option<Arc<ServerTls>>,
        log: Arc<LogLevel>,
    ) -> Result<Option<Registry>> {
        let plan = self.plan;
        let clock = Clock::precise();
        let max_events = plan.server.size_limits.kept_events as u64;
        let opened = match &plan.data {
            DataPlace::Memory => OpenStore {
                store: Arc::new(Memory::new(0)),
                name: "memory".to_owned(),
                contents: Contents { epoch: Uuid::new_v4().to_string(), ..Contents::default() },
            },
            DataPlace::File(path) => open_file(path, max_events)?,
            #[cfg(feature = "postgres")]
            DataPlace::Postgres(url) => match self.open_postgres(url, tls.as_ref(), max_events).await? {
                Some(opened) => opened,
                None => return Ok(None),
            },
        };

        let OpenStore { store, name: store_name, contents } = opened;
        let now = Now { elapsed: clock.now(), wall: Timestamp::now() };
        let state = State::restore_stored(plan.rules.clone(), contents.index, &contents.records, now);
        let state = state.map_err(|error| {
            let hint = "restore a backup, or begin with an empty registry elsewhere";
            Error::usage(store_name.clone(), format!("it is damaged: {}", clean(&error.to_string())), hint)
        })?;
        let (events, epoch, imports) = (contents.events, contents.epoch, self.imports.clone());
        Ok(Some(Registry { state, events, epoch, store, store_name, clock, access, tls, log, imports }))
    }

    /// Opens a database, and waits for it if it is away.
    #[cfg(feature = "postgres")]
    async fn open_postgres(
        &self,
        url: &PostgresUrl,
        tls: Option<&Arc<ServerTls>>,
        max_events: u64,
    ) -> Result<Option<OpenStore>> {
        let Self { plan, listeners, manager, shutdown, quiet, .. } = *self;
        let name = clean(&format!("PostgreSQL {url}"));
        let starting = StartingServer { plan, listeners, tls, manager, shutdown, quiet };
        let opened = starting.open(url, max_events).await?;
        Ok(opened.map(|(store, contents)| OpenStore { store: Arc::new(store), name, contents }))
    }
}

/// A store with what it holds.
struct OpenStore {
    store: Arc<dyn Store>,
    name: String,
    contents: Contents,
}

fn open_file(path: &Path, max_events: u64) -> Result<OpenStore> {
    create_folder(path)?;
    let (store, contents) = Sqlite::open(path, max_events).map_err(|error| unusable(path, &error))?;
    let name = format!("SQLite file {}", clean(&path.to_string_lossy()));
    Ok(OpenStore { store: Arc::new(store), name, contents })
}

/// Makes the folder of the data, readable for its owner only.
fn create_folder(path: &Path) -> Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        let what = format!("the data file {}", clean(&path.to_string_lossy()));
        Error::usage(
            what,
            format!("its directory cannot be created: {}", plain(&error)),
            "name another file with --data",
        )
    })
}

fn unusable(path: &Path, error: &StoreError) -> Error {
    Error::usage(format!("the data file {}", clean(&path.to_string_lossy())), clean(&error.to_string()), error.hint())
}

/// Says where the server listens, where its data is, and what is off.
fn announce(plan: &Plan, listeners: &Listeners, registry: &Registry, environment: Option<&str>, quiet: bool) {
    let addresses: Vec<SocketAddr> = listeners.rest.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let consul: Vec<SocketAddr> = listeners.consul.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let eureka: Vec<SocketAddr> = listeners.eureka.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let dns: Vec<SocketAddr> = listeners.dns.iter().filter_map(|listener| listener.udp.local_addr().ok()).collect();
    let scheme = if plan.tls.is_some() { "https" } else { "http" };
    let urls: Vec<String> = addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
    let (instances, index) = (registry.state.view().len(), registry.state.index());
    if plan.log_json {
        let off = plan.off.join(", ");
        let consul: Vec<String> = consul.iter().map(ToString::to_string).collect();
        let consul = Some(consul.join(" ")).filter(|consul| !consul.is_empty());
        let eureka: Vec<String> = eureka.iter().map(ToString::to_string).collect();
        let eureka = Some(eureka.join(" ")).filter(|eureka| !eureka.is_empty());
        let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
        let dns = Some(dns.join(" ")).filter(|dns| !dns.is_empty());
        let imports = Some(imports::line(&plan.imports)).filter(|_| !plan.imports.is_empty());
        info!(
            listen = urls.join(" "),
            consul,
            eureka,
            dns,
            data = registry.store_name,
            instances,
            index,
            imports,
            off,
            environment,
            "started"
        );
        return;
    }
    if quiet {
        return;
    }

    stderr::note(&format!("portolan {} listens on {}", env!("CARGO_PKG_VERSION"), urls.join(" and ")));
    if !consul.is_empty() {
        stderr::note(&compat::line("Consul", &consul, scheme, ""));
    }
    if !eureka.is_empty() {
        stderr::note(&compat::line("Eureka", &eureka, scheme, "/eureka/"));
    }
    if !dns.is_empty() {
        stderr::note(&plan.dns_line(&dns));
    }
    let noun = if instances == 1 { "instance" } else { "instances" };
    stderr::note(&format!("data: {} ({instances} {noun}, index {index})", registry.store_name));
    if plan.data == DataPlace::Memory {
        stderr::note("nothing is kept when this server ends");
    }
    if !plan.imports.is_empty() {
        stderr::note(&imports::line(&plan.imports));
    }
    if let Some(environment) = environment {
        stderr::note(&format!("environment: {environment}"));
    }
    plan.notes().iter().for_each(|line| stderr::note(line));
}
