//! Where services come from. One file (or folder) per source; README.md says how to add one.

mod blocking;
mod channel;
pub(crate) mod file;
#[cfg(feature = "k8s")]
pub(crate) mod k8s;
mod list;
pub(crate) mod local;
pub(crate) mod scan;
mod watch;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Column, FindingKind, HostFacts, Service, UpdateSink};
use crate::net::HttpProxy;
pub(crate) use blocking::list_blocking;
pub(crate) use channel::{ChannelSink, SourceMessage};
pub use file::File;
#[cfg(feature = "k8s")]
pub use k8s::{K8s, K8sEnvironment, K8sVia};
pub use list::{Confirm, ItemSink, ListContext, ListFuture, ListItem, Progress, collect};
pub use local::{Local, SortKey};
pub use scan::{Scan, TimingTemplate};
pub(crate) use watch::RECONNECT;
pub use watch::{WatchFuture, keep_watching};

/// A place to discover services.
///
/// A source has no policy: timeouts, retries and caching wrap it from outside.
pub trait Source: Send + Sync {
    /// Its name on the command line and in ids.
    fn name(&self) -> &'static str;

    /// The columns of its services in tabular formats, beside those that every service has.
    fn columns(&self) -> &'static [Column];

    /// Delivers every service to `out`, and an error for each part that it could not read.
    ///
    /// It may be awaited in any tokio runtime, or without one. It never blocks a thread of that runtime.
    ///
    /// # Errors
    /// Only if nothing could be listed at all; a part that fails is a [`PartialError`](crate::model::PartialError).
    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a>;

    /// Reads the source's environment variables. Only the command line calls it: one variable must not affect several
    /// sources of a kind.
    fn read_environment(&mut self, _variable: &dyn Fn(&str) -> Option<OsString>) {}

    /// Sends HTTP checks of its endpoints through a proxy, if the user wants that.
    fn proxy(&self) -> Option<CheckProxy> {
        None
    }

    /// The source's handler for check results, if it has one.
    fn after_check(&self) -> Option<AfterCheck> {
        None
    }

    /// The kinds of findings that the source itself reports. None of them costs points.
    fn findings() -> &'static [&'static FindingKind]
    where
        Self: Sized,
    {
        &[]
    }

    /// Facts of the machine that it lists, for documents; `None` if the source does not list a single machine.
    fn host(&self) -> Option<HostFacts> {
        None
    }

    /// Default poll interval of a source that cannot report changes itself.
    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Time limit for listing it, including the checks and probes that run meanwhile; `None`: no limit.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Reports all services to `feed`, and then their changes, until the future is dropped. It begins with a
    /// [`Reset`](crate::model::Update::Reset). `interval` is the poll interval of sources that poll.
    ///
    /// It returns when the source cannot continue, with or without an error; [`keep_watching`] restarts it. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::poll(self, interval.unwrap_or_else(|| self.interval()), feed))
    }
}

/// Receives the check results of a service and returns sentences about them for the user.
pub type AfterCheck = fn(&mut Service) -> Option<&'static str>;

/// Sends HTTP checks to a source's endpoints that are unreachable from here.
#[derive(Clone, Debug)]
pub struct CheckProxy(pub(crate) Arc<dyn HttpProxy>);

/// Registers sources: a variant, whose name is the one on the command line, and the source's options, which are the
/// source.
macro_rules! sources {
    ($($(#[$attribute:meta])* $variant:ident($source:ty),)*) => {
        /// A source together with its options.
        #[derive(Debug)]
        #[cfg_attr(feature = "cli", derive(clap::Subcommand))]
        pub(crate) enum AnySource {
            $($(#[$attribute])* $variant($source),)*
        }

        /// Their names on the command line.
        static WORDS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
            vec![$(stringify!($variant).to_ascii_lowercase()),*]
        });

        /// The kinds of findings of each source.
        static FINDINGS: std::sync::LazyLock<Vec<&'static FindingKind>> = std::sync::LazyLock::new(|| {
            let mut all = Vec::new();
            $($(#[$attribute])* all.extend_from_slice(<$source as Source>::findings());)*
            all
        });

        /// The command line of the source with that name, the same as in [`AnySource`]'s.
        pub(crate) fn source_definition(word: &str) -> Option<clap::Command> {
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                let command = clap::Command::new(stringify!($variant).to_ascii_lowercase());
                return Some(<$source as clap::Args>::augment_args(command));
            })*
            None
        }

        impl AnySource {
            /// The source with that name, from its parsed options.
            pub(crate) fn from_matches(word: &str, matches: &clap::ArgMatches) -> Option<Result<Self, clap::Error>> {
                $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                    return Some(<$source as clap::FromArgMatches>::from_arg_matches(matches).map(Self::$variant));
                })*
                None
            }

            /// Lets the source read the environment.
            pub(crate) fn read_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
                match self { $($(#[$attribute])* Self::$variant(source) => source.read_environment(variable),)* }
            }

            /// The source, behind the common interface.
            pub(crate) fn as_source(&self) -> &dyn Source {
                match self { $($(#[$attribute])* Self::$variant(source) => source,)* }
            }
        }
    };
}

/// The names of sources on the command line and in ids.
pub(crate) fn source_words() -> Vec<&'static str> {
    WORDS.iter().map(String::as_str).collect()
}

/// Every kind of finding that a source reports of its own services.
pub(crate) fn source_findings() -> impl Iterator<Item = &'static FindingKind> {
    FINDINGS.iter().copied()
}

sources! {
    Local(Local),
    Scan(Scan),
    #[cfg(feature = "k8s")]
    K8s(K8s),
    File(File),
}
