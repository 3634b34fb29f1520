//! A registry as programs use it: resolve and watch.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::provider::{self, Provider, RegistrySettings};
use super::resolve::{Resolver, ResolverBuilder, ServiceEvent, WatchTable};
use crate::balance::{Balancer, RoundRobin};
use crate::error::Result;
use crate::model::Endpoint;
use crate::source::Variable;

/// A registry. Clones are the same one.
///
/// ```no_run
/// use portolan::balance::PeakEwma;
/// use portolan::client::Registry;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::open("file:services.toml")?;
///
/// // One watch in the background, shared by name: a pick never asks the registry.
/// let carts = registry.resolve("cart").balance(PeakEwma).version("^1.2").zone("a").start()?;
/// let call = carts.pick(()).await?;
/// let is_ok = tokio::net::TcpStream::connect(call.endpoint().to_string()).await.is_ok();
/// call.done(is_ok);
///
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registry(Arc<RegistryShared>);

struct RegistryShared {
    provider: Arc<dyn Provider>,
    watches: Arc<WatchTable>,
    balancer: Arc<dyn Balancer>,
    only_healthy: bool,
    service_name: Option<String>,
    /// The tasks behind channels, by service.
    channels: Mutex<HashMap<String, Vec<AbortHandle>>>,
}

/// The number of events that a channel holds.
const CHANNEL_EVENTS: usize = 64;

impl Registry {
    /// The registry at a URL: `file:services.toml`. It is contacted when it is first used.
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
    /// | `DISCOVERY_PROVIDER` | `consul`, `etcd`, `portolan`, `dns`, `static`, `kubernetes`, or a URL as for [`open`](Self::open) | the first whose own variables are set |
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
        let RegistrySettings { provider, service_name, balancer, cache_ttl, only_healthy } =
            provider::settings(variable)?;
        let mut builder = RegistryBuilder::new(provider).only_healthy(only_healthy);
        builder.service_name = service_name;
        builder.balancer = balancer.unwrap_or(builder.balancer);
        builder.cache_ttl = cache_ttl.or(builder.cache_ttl);
        Ok(builder.build())
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

    /// The name of its provider: `consul`.
    pub fn provider(&self) -> &'static str {
        self.0.provider.name()
    }

    /// The name that this program registers as, according to its settings.
    pub fn service_name(&self) -> Option<&str> {
        self.0.service_name.as_deref()
    }

    /// A resolver of a service, to be configured and started. All resolvers of a name share one watch.
    pub fn resolve(&self, service: &str) -> ResolverBuilder {
        ResolverBuilder::new(service, Arc::clone(&self.0.watches))
            .balance(Arc::clone(&self.0.balancer))
            .only_healthy(self.0.only_healthy)
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
    balancer: Arc<dyn Balancer>,
    cache_ttl: Option<Duration>,
    only_healthy: bool,
    service_name: Option<String>,
}

/// How long a reply is used, of a provider that cannot report changes.
const CACHE_TTL: Duration = Duration::from_secs(10);

impl RegistryBuilder {
    fn new(provider: Arc<dyn Provider>) -> Self {
        let balancer: Arc<dyn Balancer> = Arc::new(RoundRobin);
        Self { provider, balancer, cache_ttl: Some(CACHE_TTL), only_healthy: true, service_name: None }
    }

    /// The strategy of resolvers that do not choose one.
    #[must_use]
    pub fn balancer(mut self, balancer: impl Balancer + 'static) -> Self {
        self.balancer = Arc::new(balancer);
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
            channels: Mutex::default(),
        }))
    }
}
