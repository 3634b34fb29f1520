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

/// A place that knows services.
///
/// A source says what is there, not what changed, and has no policy: timeouts, retries and caching wrap it
/// from outside.
pub trait Source: Send + Sync {
    /// The word for it on the command line and in ids.
    fn name(&self) -> &'static str;

    /// What formats made of rows can show of its services, beside what every service has.
    fn columns(&self) -> &'static [Column];

    /// Hands every service that it knows to `out`, as it finds them, and the parts that it could not read.
    ///
    /// It may be awaited in any tokio runtime, or without one. It never blocks a thread of that runtime.
    ///
    /// # Errors
    /// Only where nothing could be listed at all; a part that fails is a [`PartialError`](crate::model::PartialError).
    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a>;

    /// Reads the environment variables that the source knows. Only the command line calls it: one variable must not
    /// reach several sources of a kind.
    fn read_environment(&mut self, _variable: &dyn Fn(&str) -> Option<OsString>) {}

    /// Sends HTTP checks of its endpoints in this host's place, where the user wants that.
    fn proxy(&self) -> Option<CheckProxy> {
        None
    }

    /// What the source makes of check results, if it has anything to say of them.
    fn after_check(&self) -> Option<AfterCheck> {
        None
    }

    /// The findings that the source itself can have of its services. None of them costs points.
    fn findings() -> &'static [&'static FindingKind]
    where
        Self: Sized,
    {
        &[]
    }

    /// Facts of the machine that it lists, for documents; `None` where there is not one such machine.
    fn host(&self) -> Option<HostFacts> {
        None
    }

    /// Default poll interval of a source that cannot report changes itself.
    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// How long listing it, and whatever is asked of what it finds meanwhile, may take in all; `None`: as long as it takes.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Tells `feed` everything that there is, and then what becomes of it, until the future is dropped. It begins with a
    /// [`Reset`](crate::model::Update::Reset). `interval`, for sources that have to ask again and again: how often.
    ///
    /// It ends when the source cannot go on, in good order or not; [`keep_watching`] begins it anew. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::poll(self, interval.unwrap_or_else(|| self.interval()), feed))
    }
}

/// Takes in what checks showed of a service. Returns what there is to say of that, for people.
pub type AfterCheck = fn(&mut Service) -> Option<&'static str>;

/// Sends HTTP checks to a source's endpoints, for a host that cannot reach them itself.
#[derive(Clone, Debug)]
pub struct CheckProxy(pub(crate) Arc<dyn HttpProxy>);

/// Registers sources: a variant, which is the word on the command line, and the source's options, which are the source.
macro_rules! sources {
    ($($(#[$attribute:meta])* $variant:ident($source:ty),)*) => {
        /// A source together with its options.
        #[derive(Debug)]
        #[cfg_attr(feature = "cli", derive(clap::Subcommand))]
        pub(crate) enum AnySource {
            $($(#[$attribute])* $variant($source),)*
        }

        /// The words for them on the command line.
        static WORDS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
            vec![$(stringify!($variant).to_ascii_lowercase()),*]
        });

        /// What each source finds wrong with its own services.
        static FINDINGS: std::sync::LazyLock<Vec<&'static FindingKind>> = std::sync::LazyLock::new(|| {
            let mut all = Vec::new();
            $($(#[$attribute])* all.extend_from_slice(<$source as Source>::findings());)*
            all
        });

        /// The command line of the source with that word, which is the same as in [`AnySource`]'s.
        pub(crate) fn source_definition(word: &str) -> Option<clap::Command> {
            $($(#[$attribute])* if stringify!($variant).eq_ignore_ascii_case(word) {
                let command = clap::Command::new(stringify!($variant).to_ascii_lowercase());
                return Some(<$source as clap::Args>::augment_args(command));
            })*
            None
        }

        impl AnySource {
            /// The source with that word, by what its own definition made of its options.
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

/// The words that sources have on the command line and in ids.
pub(crate) fn source_words() -> Vec<&'static str> {
    WORDS.iter().map(String::as_str).collect()
}

/// Every kind of finding that a source can have of its own services.
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
