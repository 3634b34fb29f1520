//! A registry as programs use it: register, resolve, watch.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::debug;
use uuid::Uuid;

use super::provider::{self, Provider, RegistrySettings};
use super::register::{RegistrationHandle, keep};
use super::resolve::{Resolver, ResolverBuilder, ServiceEvent, WatchTable};
use crate::balance::Balancer;
use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Endpoint, Registration};
use crate::source::{Source, Variable};

/// A registry. Clones are the same one.
///
/// ```no_run
/// use std::time::Duration;
///
/// use portolan::balance::PeakEwma;
/// use portolan::client::Registry;
/// use portolan::model::Registration;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::open("consul://127.0.0.1:8500")?;
///
/// // Heartbeats in the background; after a loss it registers again.
/// let me = registry.register(Registration::new("user-service", "10.0.3.7:8080".parse()?).version("1.2.0")).await?;
///
/// // One watch in the background, shared by name: a pick never asks the registry.
/// let carts = registry.resolve("cart").balance(PeakEwma).version("^1.2").zone("a").start()?;
/// let call = carts.pick(()).await?;
/// let is_ok = tokio::net::TcpStream::connect(call.endpoint().to_string()).await.is_ok();
/// call.done(is_ok);
///
/// me.deregister().await?;
/// registry.close(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registry(Arc<RegistryShared>);

struct RegistryShared {
    provider: Arc<dyn Provider>,
    watches: Arc<WatchTable>,
    /// The strategy of resolvers that do not choose one, if it was set.
    balancer: Option<Arc<dyn Balancer>>,
    only_healthy: bool,
    service_name: Option<String>,
    /// Ends all registrations.
    stop: Cancel,
    registrations: TaskTracker,
    /// The tasks behind channels, by service.
    channels: Mutex<HashMap<String, Vec<AbortHandle>>>,
}

/// The number of events that a channel holds.
const CHANNEL_EVENTS: usize = 64;

impl Registry {
    /// The registry at a URL: `consul://127.0.0.1:8500`, `etcd://127.0.0.1:2379`, `portolan://127.0.0.1:7440`,
    /// `dns://10.0.0.2/service.consul`, `k8s:shop` or `file:services.toml`. It is contacted when it is first used.
    ///
    /// # Errors
    /// If there is no such provider, or its part of the URL is invalid.
    pub fn open(url: &str) -> Result<Self> {
        Ok(RegistryBuilder::new(provider::open(url, None)?).build())
    }

    /// The registry that the environment names.
    ///
    /// | variable | meaning | default |
    /// |---|---|---|
    /// | `DISCOVERY_PROVIDER` | `portolan`, `consul`, `etcd`, `dns`, `static`, `kubernetes`, or a URL as for [`open`](Self::open) | the first of these whose variable is set: `PORTOLAN_REGISTRY`, `CONSUL_HTTP_ADDR`, `ETCD_ENDPOINTS`, `DNS_DOMAIN`, `DISCOVERY_FILE`, `KUBERNETES_SERVICE_HOST` |
    /// | `DISCOVERY_FILE` | the file of `static` | |
    /// | `DISCOVERY_SERVICE_NAME` | [`service_name`](Self::service_name) | |
    /// | `DISCOVERY_BALANCER` | the strategy of resolvers | `round_robin` |
    /// | `DISCOVERY_CACHE_TTL` | how long a reply is used, of a provider that cannot report changes | `10s` |
    /// | `DISCOVERY_HEALTH_CHECK` | whether only healthy endpoints get calls | `true` |
    ///
    /// The providers read their own variables, such as `CONSUL_HTTP_ADDR` and `CONSUL_HTTP_TOKEN`.
    ///
    /// # Errors
    /// If a value is invalid, with the list of valid ones.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// [`from_env`](Self::from_env) with another environment.
    ///
    /// # Errors
    /// The same.
    pub fn from_variables(variable: Variable) -> Result<Self> {
        Ok(Self::of_settings(provider::settings(variable)?))
    }

    /// The registry at a URL. All variables of [`from_env`](Self::from_env) apply except those that name a registry.
    ///
    /// # Errors
    /// As [`open`](Self::open), or if a value is invalid.
    #[cfg(feature = "cli")]
    pub(crate) fn at_url(url: &str, variable: Variable) -> Result<Self> {
        Ok(Self::of_settings(provider::settings_at(url, variable)?))
    }

    fn of_settings(settings: RegistrySettings) -> Self {
        let RegistrySettings { provider, service_name, balancer, cache_ttl, only_healthy } = settings;
        let mut builder = RegistryBuilder::new(provider).only_healthy(only_healthy);
        builder.service_name = service_name;
        builder.balancer = balancer;
        builder.cache_ttl = cache_ttl.or(builder.cache_ttl);
        builder.build()
    }

    /// A registry with settings of its own.
    ///
    /// # Errors
    /// As [`open`](Self::open). `variable` reads the providers' own variables; without it, they are ignored.
    pub fn builder(url: &str, variable: Option<Variable>) -> Result<RegistryBuilder> {
        Ok(RegistryBuilder::new(provider::open(url, variable)?))
    }

    /// A registry with a provider of one's own.
    pub fn with_provider(provider: impl Provider + 'static) -> RegistryBuilder {
        RegistryBuilder::new(Arc::new(provider))
    }

    pub(super) fn provider_of(&self) -> &dyn Provider {
        &*self.0.provider
    }

    /// Whether these variables say which registry [`from_env`](Self::from_env) opens.
    pub fn is_named(variable: Variable) -> bool {
        provider::is_named(variable)
    }

    /// The name of its provider: `consul`.
    pub fn provider(&self) -> &'static str {
        self.0.provider.name()
    }

    /// The variables that [`from_env`](Self::from_env) looks for to know which registry is meant.
    pub fn variables() -> impl Iterator<Item = &'static str> {
        provider::variables()
    }

    /// Its address as it is written for its own tools: `127.0.0.1:8500`, or the path of a file.
    pub fn place(&self) -> Option<String> {
        self.0.provider.place()
    }

    /// The source that lists and watches all its services.
    ///
    /// # Errors
    /// If it only looks up names, such as DNS.
    pub fn source(&self) -> Result<Arc<dyn Source>> {
        self.0.provider.all_services()
    }

    /// The source that lists and watches the services with this name. It may list others too.
    ///
    /// # Errors
    /// If the name cannot be used.
    pub fn source_of(&self, name: &str) -> Result<Arc<dyn Source>> {
        self.0.provider.source(name)
    }

    /// The name that this program registers as, according to its settings.
    pub fn service_name(&self) -> Option<&str> {
        self.0.service_name.as_deref()
    }

    /// Registers an instance and keeps it registered: see [`RegistrationHandle`]. Without an id, it gets a random one.
    ///
    /// # Errors
    /// If the registration is invalid, or its first request fails. [`announce`](Self::announce) goes on in that case.
    pub async fn register(&self, registration: Registration) -> Result<RegistrationHandle> {
        let registration = self.prepared(registration)?;
        let lease = self.0.provider.register(&registration).await?;
        let (provider, stop) = (Arc::clone(&self.0.provider), self.0.stop.child());
        Ok(keep(provider, registration, Some(lease), (stop, &self.0.registrations)))
    }

    /// Registers an instance as soon as the registry can be reached, and keeps it registered. Never waits.
    ///
    /// # Errors
    /// If the registration is invalid, or this is not called in a tokio runtime.
    pub fn announce(&self, registration: Registration) -> Result<RegistrationHandle> {
        let what = format!("announcement of '{}'", clean(&registration.name));
        Handle::try_current().map_err(|_| {
            Error::usage(
                what,
                "it must be called inside a tokio runtime",
                "call it from an async function, as in #[tokio::main]",
            )
        })?;

        let registration = self.prepared(registration)?;
        let (provider, stop) = (Arc::clone(&self.0.provider), self.0.stop.child());
        Ok(keep(provider, registration, None, (stop, &self.0.registrations)))
    }

    /// A valid registration with an id, which makes repeated requests the same one.
    pub(super) fn prepared(&self, mut registration: Registration) -> Result<Arc<Registration>> {
        if let Some(problem) = registration.problem() {
            let what = format!("registration of '{}'", clean(&registration.name));
            return Err(Error::usage(what, problem.to_string(), problem.hint));
        }
        if self.0.stop.is_set() {
            let what = format!("register {}", clean(&registration.name));
            let (why, hint) = ("the registry was closed".to_owned(), "register before `close`".to_owned());
            return Err(Error::Limit { what, why, hint });
        }
        registration.id.get_or_insert_with(|| Uuid::new_v4().to_string());
        Ok(Arc::new(registration))
    }

    /// A resolver of a service, to be configured and started. All resolvers of a name share one watch.
    pub fn resolve(&self, service: &str) -> ResolverBuilder {
        let builder = ResolverBuilder::new(service, Arc::clone(&self.0.watches)).only_healthy(self.0.only_healthy);
        match &self.0.balancer {
            Some(balancer) => builder.balance(Arc::clone(balancer)),
            None => builder,
        }
    }

    /// The strategy that was set for resolvers that do not choose one.
    #[cfg(feature = "cli")]
    pub(crate) fn default_balancer(&self) -> Option<Arc<dyn Balancer>> {
        self.0.balancer.clone()
    }

    /// A channel for gRPC clients, over a resolver with the settings of the registry: `discovery:///user-service`.
    ///
    /// # Errors
    /// If the target does not name a service, or as [`ResolverBuilder::start`].
    #[cfg(feature = "grpc")]
    pub fn grpc(&self, target: &str) -> Result<super::grpc::GrpcChannel> {
        Ok(super::grpc::GrpcChannel::new(self.resolve(super::grpc::service_of(target)?).start()?))
    }

    /// The endpoints of a service that may get calls now, sorted by address.
    ///
    /// # Errors
    /// If the registry cannot be reached.
    pub async fn discover(&self, service: &str) -> Result<Vec<Arc<Endpoint>>> {
        let (begin, cache_hit) = (Instant::now(), self.0.watches.has(service));
        let found = self.discover_usable(service).await;
        let (source, duration_ms) = (self.provider(), begin.elapsed().as_secs_f64() * 1e3);
        match &found {
            Ok(endpoints) => {
                let services_found = endpoints.len();
                debug!(source, service, services_found, duration_ms, cache_hit, "service discovered");
            }
            Err(error) => debug!(source, service, duration_ms, cache_hit, %error, "service not discovered"),
        }
        found
    }

    async fn discover_usable(&self, service: &str) -> Result<Vec<Arc<Endpoint>>> {
        let resolver = self.resolve(service).start()?;
        resolver.ready().await?;
        let mut endpoints = resolver.endpoints();
        endpoints.retain(|endpoint| !self.0.only_healthy || endpoint.is_usable());
        Ok(endpoints)
    }

    /// The changes of a service's endpoints in a channel, until the receiver is dropped or [`unwatch`](Self::unwatch) is
    /// called. A receiver that does not keep up gets `Lagged` and all endpoints again.
    ///
    /// # Errors
    /// As [`ResolverBuilder::start`].
    pub fn channel(&self, service: &str) -> Result<mpsc::Receiver<ServiceEvent>> {
        let resolver = self.resolve(service).start()?;
        let (sender, receiver) = mpsc::channel(CHANNEL_EVENTS);
        // In the runtime in which the resolver has started.
        let task = tokio::spawn(forward(resolver, sender)).abort_handle();

        let mut channels = self.0.channels.lock();
        let tasks = channels.entry(service.to_owned()).or_default();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
        Ok(receiver)
    }

    /// Ends all channels of a service. Returns how many there were.
    pub fn unwatch(&self, service: &str) -> usize {
        let tasks = self.0.channels.lock().remove(service).unwrap_or_default();
        let running = tasks.iter().filter(|task| !task.is_finished());
        running.map(AbortHandle::abort).count()
    }

    /// The number of services that are watched now.
    pub fn watched_services(&self) -> usize {
        self.0.watches.len()
    }

    /// Removes all registrations and ends all channels. Waits until that is done. Resolvers go on until they are dropped.
    ///
    /// # Errors
    /// If the deadline passes first: the registry removes the rest when their leases end.
    pub async fn close(&self, deadline: Duration) -> Result<()> {
        self.0.stop.cancel();
        for (_, tasks) in self.0.channels.lock().drain() {
            tasks.iter().for_each(AbortHandle::abort);
        }

        self.0.registrations.close();
        timeout(deadline, self.0.registrations.wait()).await.map_err(|_| Error::TimedOut {
            what: format!("close {} within {deadline:?}", self.provider()),
            why: format!("{} registrations are not removed yet", self.0.registrations.len()),
            hint: "their leases end by themselves; wait longer to be sure".to_owned(),
        })
    }
}

/// Passes events on until the receiver is gone.
async fn forward(resolver: Resolver, sender: mpsc::Sender<ServiceEvent>) {
    let mut watch = resolver.watch();

    loop {
        tokio::select! {
            () = sender.closed() => return,
            event = watch.next() => {
                let Some(event) = event else { return };
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("provider", &self.0.provider).finish_non_exhaustive()
    }
}

/// Settings of a [`Registry`].
#[derive(Debug)]
pub struct RegistryBuilder {
    provider: Arc<dyn Provider>,
    balancer: Option<Arc<dyn Balancer>>,
    cache_ttl: Option<Duration>,
    only_healthy: bool,
    service_name: Option<String>,
}

/// How long a reply is used, of a provider that cannot report changes.
const CACHE_TTL: Duration = Duration::from_secs(10);

impl RegistryBuilder {
    fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, balancer: None, cache_ttl: Some(CACHE_TTL), only_healthy: true, service_name: None }
    }

    /// The strategy of resolvers that do not choose one.
    #[must_use]
    pub fn balancer(mut self, balancer: impl Balancer + 'static) -> Self {
        self.balancer = Some(Arc::new(balancer));
        self
    }

    /// How long a reply is used, of a provider that cannot report changes; 10 seconds by default.
    #[must_use]
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }

    /// Whether only healthy endpoints get calls; on by default.
    #[must_use]
    pub fn only_healthy(mut self, only_healthy: bool) -> Self {
        self.only_healthy = only_healthy;
        self
    }

    /// The name that this program registers as.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The registry.
    pub fn build(self) -> Registry {
        let lister = Arc::clone(&self.provider);
        let watches = WatchTable::new(self.cache_ttl, move |service| lister.source(service));

        Registry(Arc::new(RegistryShared {
            provider: self.provider,
            watches: Arc::new(watches),
            balancer: self.balancer,
            only_healthy: self.only_healthy,
            service_name: self.service_name,
            stop: Cancel::new(),
            registrations: TaskTracker::new(),
            channels: Mutex::default(),
        }))
    }
}
