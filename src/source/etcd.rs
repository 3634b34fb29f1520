//! The services that programs registered in etcd, below a prefix.

mod api;
mod environment;
mod key_faults;
mod registrations;
mod value;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
#[cfg(feature = "cli")]
use clap::builder::NonEmptyStringValueParser;

pub(crate) use self::api::EtcdApi;
pub use self::environment::EtcdEnvironment;
use self::registrations::Registrations;
use super::instance_columns::COLUMNS;
use super::name_filter::NameFilter;
use super::{ItemSink, ListContext, ListFuture, Source, TypedSource, Variable, WatchFuture};
use crate::error::Result;
#[cfg(feature = "cli")]
use crate::model::parse_duration;
use crate::model::{
    Column, Completeness, Detail, DetailLevel, Filters, Listing, RawDetail, RegistryDetail, UpdateSink,
};

const EXAMPLES: &str = "\
Examples:
  portolan discover etcd                       all keys below /services/
  portolan discover etcd web --prefix /prod/   one service below another prefix
  portolan discover etcd --endpoint etcd1:2379,etcd2:2379 --watch
  etcdctl put /services/web/1 10.0.3.7:8080    the shortest registration
  portolan validate etcd/web                   one service";

/// List the services that programs registered in etcd
///
/// Reads the keys below a prefix, as in /services/NAME/ID, and changes nothing. A value is plain host:port, or JSON with
/// address and port and, optionally, id, name, version, tags, metadata, weight, zone and node. portolan reports other
/// values and lists the rest. Keys with a lease show how long it lasts. Servers, prefix and user come from ETCD_ENDPOINTS,
/// ETCD_DISCOVERY_PREFIX, ETCD_USERNAME and ETCD_PASSWORD, unless an option sets them. A watch begins at the revision of
/// the list.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct Etcd {
    /// List only services with these names, in which * and ? are wildcards [default: all]
    #[cfg_attr(feature = "cli", arg(value_name = "NAME"))]
    pub names: Vec<String>,
    /// Read the keys that start with this text [default: /services/]
    #[cfg_attr(feature = "cli", arg(long, value_name = "KEY"))]
    pub prefix: Option<String>,
    /// Use these servers; if one fails, portolan uses the next: host:port or https://host:port [default: 127.0.0.1:2379]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", value_delimiter = ',', help_heading = "Registry"))]
    pub endpoint: Vec<String>,
    /// Log in as this user
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Registry"))]
    pub user: Option<String>,
    /// Read the user's password from this file
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Registry"))]
    pub password_file: Option<PathBuf>,
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
    /// The environment variables that describe the servers.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub environment: EtcdEnvironment,
}

impl Default for Etcd {
    /// The local server; all other options as on the command line.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            prefix: None,
            endpoint: Vec::new(),
            user: None,
            password_file: None,
            ca: None,
            cert: None,
            key: None,
            timeout: Duration::from_secs(10),
            environment: EtcdEnvironment::default(),
        }
    }
}

const LIST: &str = "list the services of etcd";

impl TypedSource for Etcd {
    type Detail = RegistryDetail;
}

impl Etcd {
    /// Every registration below the prefix that the options select, typed. Can be awaited in any tokio runtime, or without one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), portolan::Error> {
    /// let etcd = portolan::source::Etcd { prefix: Some("/services/".into()), ..Default::default() };
    /// for service in etcd.listing().await?.services {
    ///     println!("{}: {:?}", service.id, service.detail.keys);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// An invalid option, and an etcd that does not reply or refuses.
    pub async fn listing(&self) -> Result<Listing<RegistryDetail>> {
        self.typed_listing().await
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let mut registrations = Registrations::new(self.prefix(), NameFilter::new(&self.names)?);
        let api = EtcdApi::new(self)?;
        let list = tokio::select! {
            list = api.list() => list.map_err(|failure| failure.into_error(LIST))?,
            () = context.cancel.cancelled() => return Ok(Completeness::Incomplete),
        };
        let mut errors = registrations.fill(list.pairs);

        if context.detail_level == DetailLevel::Full {
            let reading = registrations.read_leases(&api);
            tokio::select! {
                failed = reading => errors.extend(failed),
                () = context.cancel.cancelled() => return Ok(Completeness::Incomplete),
            }
        }

        let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
        for error in errors {
            out.partial_error(error);
        }
        // After a `Break` there is nothing more to stop.
        let _ = registrations.services().try_for_each(|service| out.service(service));
        Ok(completeness)
    }
}

impl Source for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<RegistryDetail>()
    }

    fn read_environment(&mut self, variable: Variable) {
        self.environment = EtcdEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(super::runtime::with_runtime(self.list_into(context, out)))
    }

    /// A namespace may precede the name; it is compared later.
    fn select(&mut self, name: &str) {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        self.names = vec![NameFilter::exact(name)];
    }

    fn filters(&self) -> Filters {
        let lists = [("names", self.names.join(",")), ("prefix", self.prefix().to_owned())];
        lists.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.to_owned(), text)).collect()
    }

    /// etcd reports changes; nothing is polled.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, feed))
    }
}
