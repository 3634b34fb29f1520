//! The services of a Consul datacenter, with their instances and the results of Consul's checks.

mod acl;
mod api;
mod entries;
mod environment;
mod findings;
mod pace;
mod service_watch;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
#[cfg(feature = "cli")]
use clap::builder::NonEmptyStringValueParser;
use futures_util::StreamExt;
use futures_util::stream;

use self::api::{Catalog, ConsulApi};
pub use self::environment::ConsulEnvironment;
use super::instance_columns::COLUMNS;
use super::name_filter::NameFilter;
use super::{ItemSink, ListContext, ListFuture, Source, TypedSource, Variable, WatchFuture};
use crate::error::Result;
#[cfg(feature = "cli")]
use crate::model::parse_duration;
use crate::model::{
    Column, Completeness, Detail, Filters, FindingKind, Listing, PartialError, RawDetail, RegistryDetail, Service,
    UpdateSink,
};
use crate::net::registry_http::RegistryFailure;

const EXAMPLES: &str = "\
Examples:
  portolan discover consul                      the local agent's datacenter
  portolan discover consul 'shop-*' --tag v2    by name and tag
  portolan discover consul --address https://consul.example:8501 --token-file token
  portolan discover consul --watch --validate   checks after each change
  portolan validate consul/web                  one service";

/// List the services of Consul, with their instances and Consul's own checks
///
/// Reads the catalog and the health of each service, and changes nothing. An instance is ready unless a check of Consul is
/// critical. The address, the token and TLS come from the variables of Consul's own programs (CONSUL_HTTP_ADDR,
/// CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_SSL, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY,
/// CONSUL_TLS_SERVER_NAME, CONSUL_DATACENTER, CONSUL_NAMESPACE, CONSUL_PARTITION), unless an option sets them. A watch uses
/// blocking queries.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct Consul {
    /// List only services with these names, in which * and ? are wildcards [default: all]
    #[cfg_attr(feature = "cli", arg(value_name = "NAME"))]
    pub names: Vec<String>,
    /// List only instances with this tag; can be repeated, and then all tags are required
    #[cfg_attr(feature = "cli", arg(long, value_name = "TAG", value_parser = NonEmptyStringValueParser::new()))]
    pub tag: Vec<String>,
    /// List the services of this datacenter [default: the agent's]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub datacenter: Option<String>,
    /// List the services of this namespace (Consul Enterprise)
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub namespace: Option<String>,
    /// List the services of this admin partition (Consul Enterprise)
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub partition: Option<String>,
    /// Use this agent or server: host:port, https://host:port or unix:///path [default: 127.0.0.1:8500]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", help_heading = "Registry"))]
    pub address: Option<String>,
    /// Read the ACL token from this file
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registry"))]
    pub token_file: Option<PathBuf>,
    /// Trust the certificate authorities of this PEM file instead of the system's
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registry"))]
    pub ca: Option<PathBuf>,
    /// Present the client certificate of this PEM file
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registry"))]
    pub cert: Option<PathBuf>,
    /// Use the private key of this PEM file for --cert
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registry"))]
    pub key: Option<PathBuf>,
    /// Expect this name in the server's certificate [default: the host of the address]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Registry"))]
    pub tls_server_name: Option<String>,
    /// Set the maximum duration of one request, as in 500ms or 10s
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = "Timing"))]
    pub timeout: Duration,
    /// The environment variables of Consul's own programs.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub environment: ConsulEnvironment,
}

impl Default for Consul {
    /// The local agent; all other options as on the command line.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            tag: Vec::new(),
            datacenter: None,
            namespace: None,
            partition: None,
            address: None,
            token_file: None,
            ca: None,
            cert: None,
            key: None,
            tls_server_name: None,
            timeout: Duration::from_secs(10),
            environment: ConsulEnvironment::default(),
        }
    }
}

/// Services whose instances are requested at the same time. An agent accepts 200 connections from one address.
const CONCURRENCY: usize = 16;
/// After this many services in a row that could not be read, the rest is not requested.
const MAX_FAILURES: usize = 3;

impl TypedSource for Consul {
    type Detail = RegistryDetail;
}

impl Consul {
    /// Every service of the datacenter that the options select, typed. Can be awaited in any tokio runtime, or without one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), portolan::Error> {
    /// let consul = portolan::source::Consul { tag: vec!["v2".into()], ..Default::default() };
    /// for service in consul.listing().await?.services {
    ///     println!("{} has {} checks", service.id, service.detail.checks.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// An invalid option, and a Consul that does not reply or refuses.
    pub async fn listing(&self) -> Result<Listing<RegistryDetail>> {
        self.typed_listing().await
    }

    fn filter(&self) -> Result<NameFilter> {
        NameFilter::new(&self.names)
    }

    /// The names of the catalog that the options select, sorted.
    fn selected(&self, catalog: &Catalog, filter: &NameFilter) -> Vec<String> {
        let names = catalog.services.keys();
        names.filter(|name| filter.matches(name) && catalog.has_tagged(name, &self.tag)).cloned().collect()
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let filter = self.filter()?;
        let api = ConsulApi::new(self)?;
        let catalog = tokio::select! {
            catalog = api.catalog(0, Duration::ZERO) => catalog,
            () = context.cancel.cancelled() => return Ok(Completeness::Incomplete),
        };
        let catalog = catalog.map_err(|failure| failure.into_error(LIST))?;

        let mut completeness = Completeness::Complete;
        let names = self.selected(&catalog, &filter);
        if acl::may_hide(&api, &catalog).await {
            completeness = acl::report(&catalog, !names.is_empty(), out)?;
        }

        let (services, errors) = self.read(&api, names, context).await;
        if !errors.is_empty() || context.cancel.is_set() {
            completeness = Completeness::Incomplete;
        }
        for error in errors {
            out.partial_error(error);
        }
        // After a `Break` there is nothing more to stop.
        let _ = services.into_iter().try_for_each(|service| out.service(service));
        Ok(completeness)
    }

    /// The services of these names, sorted, and those that could not be read.
    async fn read(
        &self,
        api: &ConsulApi,
        names: Vec<String>,
        context: &ListContext,
    ) -> (Vec<Service>, Vec<PartialError>) {
        let count = names.len();
        let requests = names.into_iter().map(|name| async move { (api.service(&name, 0, Duration::ZERO).await, name) });
        let mut replies = stream::iter(requests).buffered(CONCURRENCY);

        let (mut services, mut errors) = (Vec::with_capacity(count), Vec::new());
        let (mut done, mut failures) = (0, 0);
        loop {
            let next = tokio::select! {
                next = replies.next() => next,
                () = context.cancel.cancelled() => None,
            };
            let Some((reply, name)) = next else { break };
            done += 1;
            match reply {
                Ok(reply) => {
                    failures = 0;
                    services.extend(reply.service);
                }
                Err(failure) => {
                    failures = if failure.is_outage() { failures + 1 } else { 0 };
                    errors.push(part(failure, &name));
                }
            }
            if failures == MAX_FAILURES && done < count {
                errors.push(not_requested(count - done));
                break;
            }
        }
        (services, errors)
    }
}

const LIST: &str = "list the services of Consul";

/// The error of one service.
fn part(failure: RegistryFailure, name: &str) -> PartialError {
    failure.into_partial(read_service(name))
}

/// The operation of an error of one service.
fn read_service(name: &str) -> String {
    format!("read the service '{}' of Consul", crate::clean::clean(name))
}

fn not_requested(count: usize) -> PartialError {
    PartialError {
        operation: format!("read {count} more services of Consul"),
        cause: format!("{MAX_FAILURES} requests in a row failed, so no more were sent"),
        hint: "see the logs of Consul, or raise --timeout".to_owned(),
    }
}

impl Source for Consul {
    fn name(&self) -> &'static str {
        "consul"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<RegistryDetail>()
    }

    fn read_environment(&mut self, variable: Variable) {
        self.environment = ConsulEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(super::runtime::with_runtime(self.list_into(context, out)))
    }

    /// A namespace may precede the name. Tags could hide the service.
    fn select(&mut self, name: &str) {
        self.tag.clear();
        let (namespace, name) = name.rsplit_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
        if let Some(namespace) = namespace {
            self.namespace = Some(namespace.to_owned());
        }
        self.names = vec![NameFilter::exact(name)];
    }

    fn findings() -> &'static [&'static FindingKind] {
        findings::KINDS
    }

    fn filters(&self) -> Filters {
        let lists = [("names", self.names.join(",")), ("tag", self.tag.join(","))];
        let texts = [("datacenter", &self.datacenter), ("namespace", &self.namespace), ("partition", &self.partition)];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.clone()?)));
        let all = lists.into_iter().filter(|(_, text)| !text.is_empty()).chain(texts);
        all.map(|(key, text)| (key.to_owned(), text)).collect()
    }

    /// Consul reports changes; nothing is polled.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
