//! The services of a registry of portolan's own: `portolan serve`.

mod api;
mod environment;
mod findings;
mod host;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
#[cfg(feature = "cli")]
use clap::builder::NonEmptyStringValueParser;

use self::api::PortolanApi;
pub use self::environment::PortolanEnvironment;
pub use self::host::PortolanHost;
use super::instance_columns::COLUMNS;
use super::name_filter::NameFilter;
use super::{ItemSink, ListContext, ListFuture, Source, TypedSource, Variable, WatchFuture};
use crate::error::Result;
#[cfg(feature = "cli")]
use crate::model::parse_duration;
use crate::model::{
    Column, Completeness, Detail, Filters, FindingKind, Listing, RawDetail, RegisteredDetail, RegisteredInstance,
    Service, UpdateSink, registered_services,
};
use crate::net::registry_http::LastWrite;

const EXAMPLES: &str = "\
Examples:
  portolan discover portolan               the registry on this machine
  portolan discover portolan 'shop-*' --namespace prod
  portolan discover portolan --address https://registry.example --token-file token --watch
  portolan validate portolan/default/web   one service";

/// List the services of a registry that `portolan serve` runs
///
/// Reads all instances, and changes nothing. An instance is ready if the registry gives it calls. Address and token come from
/// PORTOLAN_REGISTRY and PORTOLAN_TOKEN, unless an option sets them. A watch follows the registry's events.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct Portolan {
    /// List only services with these names, in which * and ? are wildcards [default: all]
    #[cfg_attr(feature = "cli", arg(value_name = "NAME"))]
    pub names: Vec<String>,
    /// List only the services of this namespace [default: all]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub namespace: Option<String>,
    /// Use this registry: host:port, https://host:port or unix:///path; commas separate its servers [default: 127.0.0.1:7440]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", help_heading = "Registry"))]
    pub address: Option<String>,
    /// Read the token from this file
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
    /// Set the maximum duration of one request, as in 500ms or 10s
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = "Timing"))]
    pub timeout: Duration,
    /// The environment variables that describe the registry.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub environment: PortolanEnvironment,
    /// The last write of the client that this source belongs to: each list shows it, whichever server is asked.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub last_write: LastWrite,
}

impl Default for Portolan {
    /// The registry on this machine; all other options as on the command line.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            namespace: None,
            address: None,
            token_file: None,
            ca: None,
            cert: None,
            key: None,
            timeout: Duration::from_secs(10),
            environment: PortolanEnvironment::default(),
            last_write: LastWrite::default(),
        }
    }
}

const LIST: &str = "list the services of the registry";

/// Which instances the options select.
struct Selection {
    names: NameFilter,
    namespace: Option<String>,
}

impl Selection {
    fn takes(&self, instance: &RegisteredInstance) -> bool {
        self.names.matches(instance.name())
            && self.namespace.as_deref().is_none_or(|namespace| namespace == instance.namespace())
    }
}

/// The services of these instances, sorted.
fn services(instances: impl IntoIterator<Item = RegisteredInstance>) -> impl Iterator<Item = Service> {
    registered_services("portolan", instances).into_iter().map(|service| {
        let findings = findings::findings(&service.endpoints);
        Service { findings, ..service }.erase()
    })
}

impl TypedSource for Portolan {
    type Detail = RegisteredDetail;
}

impl Portolan {
    /// Every service of the registry that the options select, typed. Can be awaited in any tokio runtime, or without one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), portolan::Error> {
    /// let registry = portolan::source::Portolan { namespace: Some("prod".into()), ..Default::default() };
    /// for service in registry.listing().await?.services {
    ///     println!("{}: {} of {}", service.id, service.detail.usable, service.detail.instances);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// An invalid option, and a registry that does not reply or refuses.
    pub async fn listing(&self) -> Result<Listing<RegisteredDetail>> {
        self.typed_listing().await
    }

    fn selection(&self) -> Result<Selection> {
        Ok(Selection { names: NameFilter::new(&self.names)?, namespace: self.namespace.clone() })
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let selection = self.selection()?;
        let api = PortolanApi::new(self)?;
        let list = tokio::select! {
            list = api.list() => list.map_err(|failure| failure.into_error(LIST))?,
            () = context.cancel.cancelled() => return Ok(Completeness::Incomplete),
        };

        let is_complete = list.errors.is_empty();
        for error in list.errors {
            out.partial_error(error);
        }
        let selected = list.instances.into_iter().filter(|instance| selection.takes(instance));
        // After a `Break` there is nothing more to stop.
        let _ = services(selected).try_for_each(|service| out.service(service));
        Ok(if is_complete { Completeness::Complete } else { Completeness::Incomplete })
    }
}

impl Source for Portolan {
    fn name(&self) -> &'static str {
        "portolan"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<RegisteredDetail>()
    }

    fn read_environment(&mut self, variable: Variable) {
        self.environment = PortolanEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(super::runtime::with_runtime(self.list_into(context, out)))
    }

    /// A namespace may precede the name.
    fn select(&mut self, name: &str) {
        let (namespace, name) = name.rsplit_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
        self.namespace = namespace.map(str::to_owned);
        self.names = vec![NameFilter::exact(name)];
    }

    fn findings() -> &'static [&'static FindingKind] {
        findings::KINDS
    }

    fn filters(&self) -> Filters {
        let names = Some(self.names.join(",")).filter(|names| !names.is_empty()).map(|names| ("names", names));
        let namespace = self.namespace.clone().map(|namespace| ("namespace", namespace));
        names.into_iter().chain(namespace).map(|(key, text)| (key.to_owned(), text)).collect()
    }

    /// The registry reports changes; nothing is polled.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
