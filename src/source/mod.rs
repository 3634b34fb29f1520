//! Where services come from. One file (or folder) per source; README.md says how to add one.

mod blocking;
mod channel;
#[cfg(feature = "consul")]
pub(crate) mod consul;
pub(crate) mod dns;
#[cfg(feature = "etcd")]
pub(crate) mod etcd;
pub(crate) mod file;
mod instance_columns;
#[cfg(feature = "k8s")]
pub(crate) mod k8s;
mod list;
pub(crate) mod local;
#[cfg(any(feature = "consul", feature = "etcd", feature = "registry"))]
mod name_filter;
#[cfg(feature = "registry")]
pub(crate) mod portolan;
mod runtime;
pub(crate) mod scan;
#[cfg(any(feature = "consul", feature = "etcd", feature = "registry"))]
pub(crate) mod token_file;
mod typed;
mod variables;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Column, Detail, Filters, FindingKind, HostFacts, RawDetail, Selector, Service, UpdateSink};
use crate::net::HttpProxy;
#[cfg(any(feature = "consul", feature = "etcd", feature = "registry"))]
pub use crate::net::registry_http::{LastWrite, ProxyVariables};
pub(crate) use blocking::list_blocking;
pub(crate) use channel::{ChannelSink, SourceMessage};
#[cfg(feature = "consul")]
pub use consul::{Consul, ConsulEnvironment};
pub use dns::{Dns, DnsEnvironment, DnsRecordType};
#[cfg(feature = "etcd")]
pub(crate) use etcd::EtcdApi;
#[cfg(feature = "etcd")]
pub use etcd::{Etcd, EtcdEnvironment};
pub use file::{File, Variable};
#[cfg(feature = "k8s")]
pub use k8s::{K8s, K8sEnvironment, K8sVia};
pub use list::{Confirm, ItemSink, KnownPorts, ListContext, ListFuture, ListItem, Progress, collect};
pub use local::{Local, SortKey};
#[cfg(feature = "registry")]
pub use portolan::{Portolan, PortolanEnvironment, PortolanHost};
pub(crate) use runtime::with_runtime;
pub use scan::{Scan, Shard, TimingTemplate};
pub use typed::TypedSource;
pub(crate) use watch::RECONNECT;
pub use watch::{WatchFuture, keep_watching};

/// Lists services.
///
/// A source reports what is there, not what changed, and has no policy: timeouts, retries and caching wrap it
/// from outside.
pub trait Source: Send + Sync {
    /// Its name on the command line and in ids.
    fn name(&self) -> &'static str;

    /// The columns that row-based formats can show in addition to those of every service.
    fn columns(&self) -> &'static [Column];

    /// Passes every service to `out`, together with the errors of parts that could not be read.
    ///
    /// May be awaited in any tokio runtime, or without one. Never blocks a thread of that runtime.
    ///
    /// # Errors
    /// Only if nothing could be listed at all; a part that fails is a [`PartialError`](crate::model::PartialError).
    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a>;

    /// The source that this one wraps. Every method with a default takes it from there, so that a wrapper states only what
    /// it changes.
    fn inner(&self) -> Option<&dyn Source> {
        None
    }

    /// What one of its items is called, in the singular; `None`: a service.
    fn noun(&self) -> Option<&'static str> {
        self.inner().and_then(Source::noun)
    }

    /// What an empty listing means, as in `nothing listens on port 8080`; `None`: nothing was found.
    fn nothing(&self) -> Option<String> {
        self.inner().and_then(Source::nothing)
    }

    /// Whether its listing comes sorted by address and port, unless it streams: an output that streams for one format can
    /// then restore the order for another.
    fn sorts_by_address(&self) -> bool {
        self.inner().is_some_and(Source::sorts_by_address)
    }

    /// Reads the source's environment variables. Only the command line calls this: one variable must not affect several
    /// sources of a kind.
    fn read_environment(&mut self, _variable: Variable) {}

    /// Proxy for HTTP checks of its endpoints, if the user requested one.
    fn proxy(&self) -> Option<CheckProxy> {
        self.inner().and_then(Source::proxy)
    }

    /// Whether another machine connects on behalf of the source, so that nothing may contact its services from here.
    fn is_proxied(&self) -> bool {
        self.inner().is_some_and(Source::is_proxied)
    }

    /// Restricts the source to the services that may have this name, as in `SOURCE/NAME`: options that would hide one of them do
    /// not apply. By default it lists the same as before.
    fn select(&mut self, _name: &str) {}

    /// Interprets the check results of one of its services. Returns a note for people.
    fn after_check(_service: &mut Service) -> Option<&'static str>
    where
        Self: Sized,
    {
        None
    }

    /// The findings that the source itself may report. None of them costs points.
    fn findings() -> &'static [&'static FindingKind]
    where
        Self: Sized,
    {
        &[]
    }

    /// The options that leave services out. Documents keep them, so that a later listing with other filters can be compared.
    fn filters(&self) -> Filters {
        self.inner().map(Source::filters).unwrap_or_default()
    }

    /// What a listing of this source with such filters keeps; `None`: everything, or unknown.
    fn selector(&self, filters: &Filters) -> Option<Selector> {
        self.inner().and_then(|inner| inner.selector(filters))
    }

    /// The source whose listings have these filters, as far as its columns and comparisons depend on them.
    fn of_filters(_filters: &Filters) -> Self
    where
        Self: Sized + Default,
    {
        Self::default()
    }

    /// The detail of one of its services from a document; `None` if it is of an unknown form.
    fn typed_detail(_detail: &RawDetail) -> Option<Arc<dyn Detail>>
    where
        Self: Sized,
    {
        None
    }

    /// Whether its listings may have services of a source with this name.
    fn may_list(&self, source: &str) -> bool {
        self.inner().map_or_else(|| self.name() == source, |inner| inner.may_list(source))
    }

    /// Whether its listings say what they cover ([`ListItem::Coverage`]).
    fn reports_coverage(&self) -> bool {
        self.inner().is_some_and(Source::reports_coverage)
    }

    /// Facts about the machine that it lists, for documents; `None` if it does not list exactly one machine.
    fn host(&self) -> Option<HostFacts> {
        self.inner().and_then(Source::host)
    }

    /// What a watch of this source cannot do here, as one line for its beginning; `None` if there is nothing to say.
    fn watch_limit(&self) -> Option<String> {
        self.inner().and_then(Source::watch_limit)
    }

    /// Default polling interval of a source that cannot report changes itself.
    fn interval(&self) -> Duration {
        self.inner().map_or(Duration::from_secs(10), Source::interval)
    }

    /// Time limit for a listing, including probes and checks of its services; `None` if there is no limit.
    fn deadline(&self) -> Option<Duration> {
        self.inner().and_then(Source::deadline)
    }

    /// Sends all services and then every change to `feed`, until the future is dropped. Begins with a
    /// [`Reset`](crate::model::Update::Reset). `interval` is the polling interval of sources that poll.
    ///
    /// Ends when the source cannot continue, with or without an error; [`keep_watching`] restarts it. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::poll(self, interval.unwrap_or_else(|| self.interval()), feed))
    }
}

/// Sends HTTP checks to a source's endpoints, for a host that cannot reach them itself.
#[derive(Clone, Debug)]
pub struct CheckProxy(pub(crate) Arc<dyn HttpProxy>);

/// Registers sources: a variant, whose name is the word on the command line, and the source's options, which are the source.
macro_rules! sources {
    ($($(#[$attribute:meta])* $variant:ident($source:ty),)*) => {
        /// A source together with its options.
        #[derive(Debug)]
        #[cfg_attr(feature = "cli", derive(clap::Subcommand))]
        #[allow(clippy::large_enum_variant, reason = "there is one for each command")]
        pub(crate) enum AnySource {
            $($(#[$attribute])* $variant($source),)*
        }

        /// Their words on the command line.
        static WORDS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
            vec![$(stringify!($variant).to_ascii_lowercase()),*]
        });

        /// The findings of all sources.
        static FINDINGS: std::sync::LazyLock<Vec<&'static FindingKind>> = std::sync::LazyLock::new(|| {
            let mut all = Vec::new();
            $($(#[$attribute])* all.extend_from_slice(<$source as Source>::findings());)*
            all
        });

        /// Lets the source of a service interpret its check results, wherever the service came from. Returns a note for people.
        pub(crate) fn after_check(service: &mut Service) -> Option<&'static str> {
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(service.source.as_str()) {
                return <$source as Source>::after_check(service);
            })*
            None
        }

        /// The source with that word, for its columns and for comparisons of its listings with these filters.
        #[cfg(feature = "cli")]
        pub(crate) fn source_of_listing(word: &str, filters: &Filters) -> Option<Box<dyn Source>> {
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                return Some(Box::new(<$source as Source>::of_filters(filters)));
            })*
            None
        }

        /// Gives the detail of a service that was read from a document the type that its source has.
        #[cfg(feature = "cli")]
        pub(crate) fn type_detail(service: &mut Service) {
            let Some(raw) = service.detail.downcast_ref::<RawDetail>() else { return };
            let mut typed: Option<Arc<dyn Detail>> = None;
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(service.source.as_str()) {
                typed = <$source as Source>::typed_detail(raw);
            })*
            if let Some(detail) = typed {
                service.detail = detail;
            }
        }

        /// The definition of the source with that word, the same as in [`AnySource`].
        #[cfg(feature = "cli")]
        pub(crate) fn source_definition(word: &str) -> Option<clap::Command> {
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                let command = clap::Command::new(stringify!($variant).to_ascii_lowercase());
                return Some(<$source as clap::Args>::augment_args(command));
            })*
            None
        }

        impl AnySource {
            /// The source with that word, from the matches of its own definition.
            #[cfg(feature = "cli")]
            pub(crate) fn from_matches(word: &str, matches: &clap::ArgMatches) -> Option<Result<Self, clap::Error>> {
                $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                    return Some(<$source as clap::FromArgMatches>::from_arg_matches(matches).map(Self::$variant));
                })*
                None
            }

            /// Lets the source read the environment.
            pub(crate) fn read_environment(&mut self, variable: Variable) {
                match self { $($(#[$attribute])* Self::$variant(source) => source.read_environment(variable),)* }
            }

            /// Restricts the source to the services that may have this name.
            pub(crate) fn select(&mut self, name: &str) {
                match self { $($(#[$attribute])* Self::$variant(source) => source.select(name),)* }
            }

            /// The source as a trait object.
            pub(crate) fn as_source(&self) -> &dyn Source {
                match self { $($(#[$attribute])* Self::$variant(source) => source,)* }
            }
        }
    };
}

/// The words that sources have on the command line and in ids.
pub(crate) fn source_words() -> Vec<&'static str> {
    WORDS.iter().map(String::as_str).collect()
}

/// The columns of all sources: a setting may name one that another listing has.
#[cfg(feature = "cli")]
pub(crate) fn columns_of_all() -> impl Iterator<Item = &'static [Column]> {
    let sources = source_words().into_iter().filter_map(|word| source_of_listing(word, &Filters::default()));
    sources.map(|source| source.columns()).chain([local::CONNECTION_COLUMNS])
}

/// Every kind of finding that sources may report.
pub(crate) fn source_findings() -> impl Iterator<Item = &'static FindingKind> {
    FINDINGS.iter().copied()
}

sources! {
    Local(Local),
    Scan(Scan),
    #[cfg(feature = "k8s")]
    K8s(K8s),
    #[cfg(feature = "consul")]
    Consul(Consul),
    #[cfg(feature = "etcd")]
    Etcd(Etcd),
    #[cfg(feature = "registry")]
    Portolan(Portolan),
    Dns(Dns),
    File(File),
}
