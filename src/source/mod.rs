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

use std::borrow::Cow;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::model::{Column, FindingKind, Service, UpdateSink};
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

    /// Takes in what the process's environment says, by a function that knows variables. The command line calls it, and
    /// nobody else: one variable must not reach several sources of a kind.
    fn take_environment(&mut self, _variable: &dyn Fn(&str) -> Option<OsString>) {}

    /// How often to ask a source that cannot tell by itself what happens, where nobody says otherwise.
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

/// Why a text cannot be the value of a source's option.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct BadValue {
    why: Cow<'static, str>,
    hint: &'static str,
}

impl BadValue {
    pub(crate) fn new(why: impl Into<Cow<'static, str>>, hint: &'static str) -> Self {
        Self { why: why.into(), hint }
    }

    /// What to write instead.
    pub(crate) fn hint(&self) -> &'static str {
        self.hint
    }
}

/// `500ms`, `2s`, `1m 30s`: more than nothing, at most a year.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, BadValue> {
    let duration = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    let longest = Duration::from_hours(365 * 24);
    let usable = duration.filter(|duration| !duration.is_zero() && *duration <= longest);
    usable.ok_or_else(|| BadValue::new("it is no length of time", "write one as 500ms, 2s or 1m"))
}

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

        impl AnySource {
            /// Lets the source know what the environment says.
            pub(crate) fn take_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
                match self { $($(#[$attribute])* Self::$variant(source) => source.take_environment(variable),)* }
            }

            /// Who asks its endpoints in this host's place, where that is wanted.
            pub(crate) fn via(&self) -> Option<Arc<dyn HttpProxy>> {
                match self {
                    #[cfg(feature = "k8s")]
                    Self::K8s(source) => source.via(),
                    _ => None,
                }
            }

            /// The source, behind the common interface.
            pub(crate) fn as_source(&self) -> &dyn Source {
                match self { $($(#[$attribute])* Self::$variant(source) => source,)* }
            }
        }
    };
}

/// What sources find wrong with their own services, by source. None of it takes points.
static FINDINGS: &[&[&FindingKind]] = &[
    #[cfg(feature = "k8s")]
    k8s::FINDINGS,
];

/// Takes in what checking a service showed, where its source has something to say of that. Returns what is to be said of
/// it, for people.
pub(crate) fn checked(service: &mut Service) -> Option<&'static str> {
    match service.source {
        #[cfg(feature = "k8s")]
        "k8s" => k8s::checked(service),
        _ => None,
    }
}

/// The words that sources have on the command line and in ids.
pub(crate) fn source_words() -> Vec<&'static str> {
    WORDS.iter().map(String::as_str).collect()
}

/// Every kind of finding that a source can have of its own services.
pub(crate) fn source_findings() -> impl Iterator<Item = &'static FindingKind> {
    FINDINGS.iter().flat_map(|rows| rows.iter().copied())
}

sources! {
    Local(Local),
    Scan(Scan),
    #[cfg(feature = "k8s")]
    K8s(K8s),
    File(File),
}
