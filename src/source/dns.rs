//! Services that DNS knows: SRV records, or the addresses of a name.

mod environment;
mod findings;
mod lookup;
mod name;
mod service;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::builder::NonEmptyStringValueParser;
use futures_util::future::join_all;

pub use self::environment::DnsEnvironment;
use self::lookup::{Lookup, Outcome};
use self::name::DnsName;
use super::instance_columns::COLUMNS;
use super::{ItemSink, ListContext, ListFuture, Source, TypedSource, Variable, WatchFuture};
use crate::error::{Error, Result};
#[cfg(feature = "cli")]
use crate::model::parse_duration;
use crate::model::{
    Column, Completeness, Detail, DnsDetail, FindingKind, Listing, PartialError, RawDetail, Service, UpdateSink,
};

const EXAMPLES: &str = "\
Examples:
  portolan discover dns _http._tcp.example.com   the targets of SRV records
  portolan discover dns web.example.com:8080     its addresses, with a port
  portolan discover dns --consul web db          from Consul's DNS, at port 8600
  portolan discover dns web --domain example.com --server 10.0.0.53 --watch
  portolan validate dns/_http._tcp.example.com   checks of all targets";

/// List the instances of services in DNS, from SRV, A, AAAA and TXT records
///
/// The instances of a name with SRV records are their targets, with ports and weights; those of any other name are its
/// addresses. NAME:PORT looks up addresses only, and adds the port. TXT records become metadata. portolan appends the
/// domain to a name without a dot. It compares the replies of several servers, and reports a difference as a finding. A
/// name that does not exist is not a service; a server that fails or does not reply makes the listing incomplete. A watch
/// looks names up again after their TTL, but no sooner than --refresh-ttl. Server, port, domain and refresh time come from
/// DNS_SERVER, DNS_PORT, DNS_DOMAIN and DNS_REFRESH_TTL, unless an option sets them.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Targets", after_help = EXAMPLES))]
pub struct Dns {
    /// Look up these names, as in _http._tcp.example.com or web.example.com:8080
    #[cfg_attr(feature = "cli", arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub names: Vec<String>,
    /// Look up only records of these types [default: srv,a,aaaa,txt]
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "TYPE", value_delimiter = ','))]
    pub record: Vec<DnsRecordType>,
    /// Add this domain to names without a dot, and to _NAME._PROTOCOL [default: the system's search domains]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new()))]
    pub domain: Option<String>,
    /// Query Consul's DNS: --server 127.0.0.1:8600 --domain service.consul
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Servers"))]
    pub consul: bool,
    /// Query these servers, at most 3: 10.0.0.53 or 127.0.0.1:8600 [default: the system's]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", value_delimiter = ',', help_heading = "Servers"))]
    pub server: Vec<String>,
    /// Query this port on servers given without one [default: 53]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Servers"))]
    pub port: Option<u16>,
    /// With --watch, look a name up again no sooner than after this time [default: 30s]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Timing"))]
    pub refresh_ttl: Option<Duration>,
    /// Set the maximum duration of one lookup, as in 500ms or 5s
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s", help_heading = "Timing"))]
    pub timeout: Duration,
    /// The environment variables for DNS.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub environment: DnsEnvironment,
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum DnsRecordType {
    /// Targets with ports, priorities and weights
    Srv,
    /// IPv4 addresses
    A,
    /// IPv6 addresses
    Aaaa,
    /// Texts, which become metadata
    Txt,
}

impl Default for Dns {
    /// No name; all other options as on the command line.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            record: Vec::new(),
            domain: None,
            consul: false,
            server: Vec::new(),
            port: None,
            refresh_ttl: None,
            timeout: Duration::from_secs(5),
            environment: DnsEnvironment::default(),
        }
    }
}

/// Where Consul answers DNS by default.
const CONSUL_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8600);
const CONSUL_DOMAIN: &str = "service.consul";
const DEFAULT_REFRESH: Duration = Duration::from_secs(30);

impl TypedSource for Dns {
    type Detail = DnsDetail;
}

impl Dns {
    /// What the names resolve to, typed. Can be awaited in any tokio runtime, or without one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), portolan::Error> {
    /// let dns = portolan::source::Dns { names: vec!["_http._tcp.example.com".into()], ..Default::default() };
    /// for service in dns.listing().await?.services {
    ///     println!("{}: {} records for {} s", service.id, service.detail.records.len(), service.detail.ttl);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No name or an invalid one, and no resolver to use.
    pub async fn listing(&self) -> Result<Listing<DnsDetail>> {
        self.typed_listing().await
    }

    fn lookup(&self) -> Result<Lookup> {
        let servers = self.servers()?;
        Lookup::new(&servers, self.timeout)
            .map_err(|why| Error::usage("the system's resolver", why, "name a server, as in --server 127.0.0.1:53"))
    }

    /// # Errors
    /// No name, or an invalid one.
    fn parsed_names(&self) -> Result<Vec<DnsName>> {
        if self.names.is_empty() {
            let hint = "name what to look up: portolan discover dns _http._tcp.example.com";
            return Err(Error::usage("discover dns", "it has no name", hint));
        }
        let mut names = Vec::with_capacity(self.names.len());
        for text in &self.names {
            let name = DnsName::parse(text, self.domain().as_deref(), &self.record)?;
            if !names.iter().any(|known: &DnsName| known.id() == name.id()) {
                names.push(name);
            }
        }
        names.sort_by_key(DnsName::id);
        Ok(names)
    }

    fn domain(&self) -> Option<String> {
        let preset = self.consul.then(|| CONSUL_DOMAIN.to_owned());
        self.domain.clone().or(preset).or_else(|| self.environment.domain.clone())
    }

    fn refresh(&self) -> Duration {
        self.refresh_ttl.or(self.environment.refresh_ttl).unwrap_or(DEFAULT_REFRESH)
    }

    async fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let names = self.parsed_names()?;
        let lookup = self.lookup()?;
        let found = tokio::select! {
            found = join_all(names.iter().map(|name| lookup.find(name))) => found,
            () = context.cancel.cancelled() => return Ok(Completeness::Incomplete),
        };

        let mut services: Vec<Service> = Vec::new();
        let mut errors: Vec<PartialError> = Vec::new();
        for Outcome { service, errors: failed, .. } in found {
            services.extend(service);
            errors.extend(failed);
        }

        let completeness = if errors.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
        for error in errors {
            out.partial_error(error);
        }
        // After a `Break` there is nothing more to stop.
        let _ = services.into_iter().try_for_each(|service| out.service(service));
        Ok(completeness)
    }
}

impl Source for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<DnsDetail>()
    }

    fn read_environment(&mut self, variable: Variable) {
        self.environment = DnsEnvironment::read(variable);
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(super::runtime::with_runtime(self.list_into(context, out)))
    }

    /// The name is looked up.
    fn select(&mut self, name: &str) {
        self.names = vec![name.to_owned()];
        self.record.clear();
    }

    fn findings() -> &'static [&'static FindingKind] {
        findings::KINDS
    }

    fn interval(&self) -> Duration {
        self.refresh()
    }

    /// Looks each name up again after its TTL.
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::watch(self, interval, feed))
    }
}
