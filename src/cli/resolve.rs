//! `portolan resolve NAME`: an endpoint for the next call.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use super::exit::Exit;
use super::registry::RegistryOptions;
use super::signals::Stop;
use super::{Global, stderr, stdout};
use crate::balance::{self, Balancer};
use crate::clean::{Untrusted, clean};
use crate::client::{AllUnhealthy, EndpointCounts, PickError, Registry, Resolver, ResolverBuilder};
use crate::error::{Error, Result, nearest};
use crate::model::{Endpoint, ParseError, PartialError};
use crate::net::runtime;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  portolan resolve web --registry consul://127.0.0.1:8500
  curl http://$(portolan resolve web)/       the registry by DISCOVERY_PROVIDER
  portolan resolve web --version '^1.2' --tag api  versions by range, all tags
  portolan resolve web --lb consistent_hash --key user-42
  portolan resolve web --count 3 --explain   what each filter leaves
  portolan resolve web --registry file:services.toml --json";

/// Print an endpoint of a service for the next call
///
/// Asks a registry for the endpoints of the service, leaves out those that do not match or are not healthy, and picks one
/// with the chosen strategy. Prints its address, as in 10.0.0.5:8080 or [2001:db8::5]:8080. Without --registry,
/// DISCOVERY_PROVIDER and the variables of that provider select the registry, as in the library.
///
/// Exits with 1 if no endpoint is left; the error says how many endpoints each filter left.
#[allow(rustdoc::broken_intra_doc_links, reason = "a help text: [2001:db8::5] is an address")]
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Resolve {
    /// The name of the service, or NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// Pick N times, and print each pick
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Balancing")]
    count: u16,
    /// Pick with this strategy: round_robin, weighted_round_robin, random, least_connections, p2c, peak_ewma, consistent_hash
    /// or ip_hash [default: DISCOVERY_BALANCER, else that of the service, as `portolan services balance` shows it, else
    /// round_robin]
    #[arg(long = "lb", value_name = "STRATEGY", value_parser = parse_strategy, help_heading = "Balancing")]
    strategy: Option<Arc<dyn Balancer>>,
    /// Pick by this key, with consistent_hash and ip_hash
    #[arg(long, value_name = "KEY", help_heading = "Balancing")]
    key: Option<String>,
    /// Pick among these if no endpoint is healthy
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = FallbackChoice::None, help_heading = "Balancing")]
    on_all_unhealthy: FallbackChoice,
    /// Use only instances of this version or range, as in 1.2.0, ^1.2 or '>=1.2, <2'
    #[arg(long = "version", id = "wanted_version", value_name = "VERSION", help_heading = "Filters")]
    version: Option<String>,
    /// Use only instances with this tag; can be repeated, and then all tags are required
    #[arg(long, value_name = "TAG", help_heading = "Filters")]
    tag: Vec<String>,
    /// Use only instances with this metadata; can be repeated, and then all of it is required
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair, help_heading = "Filters")]
    meta: Vec<(String, String)>,
    /// Prefer instances in this zone
    #[arg(long, value_name = "ZONE", help_heading = "Filters")]
    zone: Option<String>,
    /// Report how many endpoints each filter leaves
    #[arg(long, help_heading = "Output")]
    explain: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// What to pick if no endpoint is healthy. The command has no last good set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FallbackChoice {
    /// None: exit with 1
    None,
    /// All endpoints, as if they were healthy
    All,
}

fn parse_strategy(name: &str) -> Result<Arc<dyn Balancer>, ParseError> {
    balance::strategy(name).map_err(|error| {
        let why = match &error {
            Error::Usage { why, .. } => why.clone(),
            error => error.to_string(),
        };
        ParseError::new(why, error.hint().to_owned())
    })
}

/// `KEY=VALUE`
pub(super) fn parse_pair(text: &str) -> Result<(String, String), ParseError> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let pair = pair.ok_or_else(|| ParseError::new("it has no =", "write KEY=VALUE, as in region=eu"))?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

/// The result in JSON: the picked endpoints, and what the filters left.
#[derive(Serialize)]
struct ResolvedDocument<'a> {
    schema: &'static str,
    service: &'a str,
    items: &'a [Endpoint],
    counts: EndpointCounts,
    /// Why the registry is unreachable, so that these are of its last reply.
    stale: Option<&'a PartialError>,
}

/// The picks, and what they were picked from.
struct Resolution {
    resolver: Resolver,
    picks: Result<Vec<Endpoint>, PickError>,
    /// Where no service has the name, one that is probably meant.
    near: Option<String>,
}

impl Resolve {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan resolve")?;
        if self.strategy.is_some() {
            self.check_key(self.strategy.as_ref())?;
        }

        let stop = Stop::listen()?;
        let runtime = runtime(0)?;
        let resolved = runtime.block_on(stop.cancel().run_until_cancelled(self.resolve(global)));
        // A resolver may block a thread for a long time: do not wait for it.
        runtime.shutdown_background();

        match resolved {
            None => Ok(stop.requested().unwrap_or(Exit::Interrupted)),
            Some(Err(error)) => Err(error),
            Some(Ok(resolved)) => self.print(resolved, (json, global.quiet)),
        }
    }

    /// A key without a strategy that uses it, or the other way round, is a mistake.
    fn check_key(&self, strategy: Option<&Arc<dyn Balancer>>) -> Result<()> {
        let uses_key = strategy.is_some_and(Balancer::uses_key);
        match &self.key {
            Some(key) if !uses_key => {
                let why = "only consistent_hash and ip_hash pick by a key";
                Err(Error::usage(format!("--key '{}'", clean(key)), why, "add --lb consistent_hash, or leave it out"))
            }
            None if uses_key => {
                let name = strategy.map_or("", |strategy| strategy.name());
                Err(Error::usage(format!("--lb {name}"), "it picks by a key", "add --key, as in --key user-42"))
            }
            _ => Ok(()),
        }
    }

    async fn resolve(&self, global: &Global) -> Result<Resolution> {
        let registry = self.registry.open()?;
        let deadline = Instant::now() + self.registry.timeout;
        let strategy = self.strategy(&registry, (deadline, global.quiet)).await?;
        let resolver = self.builder(registry.resolve(&self.name), strategy).start()?;
        timeout_at(deadline, resolver.ready()).await.map_err(|_| self.timed_out())??;

        let key = self.key.as_ref();
        let picks = (0..self.count).map(|_| resolver.try_pick(key).map(|call| call.endpoint().clone()));
        let picks: Result<Vec<Endpoint>, PickError> = picks.collect();
        let is_unknown = picks.is_err() && resolver.counts().named == 0;
        let near = if is_unknown { self.near_name(&registry).await } else { None };
        Ok(Resolution { resolver, picks, near })
    }

    fn timed_out(&self) -> Error {
        Error::TimedOut {
            what: format!("resolve {} within {:?}", clean(&self.name), self.registry.timeout),
            why: "the registry did not reply".to_owned(),
            hint: "check its address, or wait longer with --timeout".to_owned(),
        }
    }

    /// The strategy: the given one, else the one of the environment, else the one of the service in a registry that
    /// `portolan serve` runs. One that cannot be read is none, unless a key requires it: what is wrong shows where the endpoints
    /// are read.
    async fn strategy(
        &self,
        registry: &Registry,
        (deadline, quiet): (Instant, bool),
    ) -> Result<Option<Arc<dyn Balancer>>> {
        if let Some(strategy) = &self.strategy {
            return Ok(Some(Arc::clone(strategy)));
        }
        let named = registry.default_balancer();
        let is_named = named.is_some();
        let read = if is_named { Ok(named) } else { self.service_strategy(registry, deadline).await };
        let strategy = if self.key.is_some() { read? } else { read.unwrap_or_default() };
        if self.key.is_some() {
            self.check_key(strategy.as_ref())?;
        }

        let lacks_key = !is_named && self.key.is_none() && strategy.as_ref().is_some_and(Balancer::uses_key);
        if let Some(strategy) = strategy.as_ref().filter(|_| lacks_key && !quiet) {
            let (name, strategy) = (clean(&self.name), strategy.name());
            stderr::note(&format!(
                "{name} is balanced with {strategy}, which picks by a key: picked in turn; add --key"
            ));
        }
        Ok(strategy.filter(|_| !lacks_key))
    }

    #[cfg(feature = "registry")]
    async fn service_strategy(&self, registry: &Registry, deadline: Instant) -> Result<Option<Arc<dyn Balancer>>> {
        // Only registries that `portolan serve` runs have strategies.
        let Ok(server) = registry.server() else { return Ok(None) };
        let state = timeout_at(deadline, server.balancing(&self.name)).await.map_err(|_| self.timed_out())??;
        balance::strategy(&state.strategy).map(Some)
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_async, reason = "other registries have no strategies")]
    async fn service_strategy(&self, _registry: &Registry, _deadline: Instant) -> Result<Option<Arc<dyn Balancer>>> {
        Ok(None)
    }

    /// The name of a service that is probably meant.
    async fn near_name(&self, registry: &Registry) -> Option<String> {
        let listing = timeout(self.registry.timeout, registry.services()).await.ok()?.ok()?;
        let names = listing.services.iter().filter_map(|service| service.name.as_ref());
        let names: Vec<&str> = names.map(Untrusted::as_raw).collect();
        nearest(&self.name, &names).map(clean)
    }

    fn builder(&self, mut builder: ResolverBuilder, strategy: Option<Arc<dyn Balancer>>) -> ResolverBuilder {
        if let Some(strategy) = strategy {
            builder = builder.balance(strategy);
        }
        if let Some(version) = &self.version {
            builder = builder.version(version);
        }
        if let Some(zone) = &self.zone {
            builder = builder.zone(zone);
        }
        builder = self.tag.iter().fold(builder, ResolverBuilder::tag);
        builder = self.meta.iter().fold(builder, |builder, (key, value)| builder.meta(key, value));

        builder.on_all_unhealthy(match self.on_all_unhealthy {
            FallbackChoice::None => AllUnhealthy::None,
            FallbackChoice::All => AllUnhealthy::All,
        })
    }

    fn print(&self, Resolution { resolver, picks, near }: Resolution, (json, quiet): (bool, bool)) -> Result<Exit> {
        let (items, error) = match picks {
            Ok(items) => (items, None),
            Err(error) => (Vec::new(), Some(Error::from(error))),
        };

        let (counts, stale) = (resolver.counts(), resolver.stale());
        if self.explain && !quiet {
            stderr::note(&format!("{}: {counts}", clean(&self.name)));
        }
        stdout::with_stdout(None, |out| {
            if json {
                let (schema, service, stale) = (crate::model::SCHEMA, self.name.as_str(), stale.as_deref());
                let document = ResolvedDocument { schema, service, items: &items, counts, stale };
                output::write_value(out, &document)
            } else {
                items.iter().try_for_each(|endpoint| writeln!(out, "{}", clean(&endpoint.to_string())))
            }
        })?;

        match error {
            None => Ok(Exit::Done),
            Some(error) => {
                let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
                stderr::failure(&error.to_string(), &format!("{near}{}", error.hint()));
                Ok(Exit::ConditionFailed)
            }
        }
    }
}
