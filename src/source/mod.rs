//! Where services come from. One file (or folder) per source; README.md says how to add one.

mod channel;
pub(crate) mod file;
#[cfg(feature = "k8s")]
pub(crate) mod k8s;
pub(crate) mod local;
pub(crate) mod scan;
mod watch;

use std::ffi::OsString;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::Result;
use crate::model::{
    Addresses, Column, Completeness, DetailLevel, FindingKind, Listing, NamespaceScope, PartialError, Ports,
    ScannedHost, Service, Transport, UpdateSink,
};
use crate::net::HttpProxy;
pub(crate) use channel::{ChannelSink, SourceMessage};
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
    /// # Errors
    /// Only where there is nothing to tell at all; a part that fails is a [`PartialError`].
    fn list<'a>(&'a self, out: &'a mut dyn Sink) -> ListFuture<'a>;

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
    /// [`Reset`](crate::Update::Reset). `interval`, for sources that have to ask again and again: how often.
    ///
    /// It ends when the source cannot go on, in good order or not; [`keep_watching`] begins it anew. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(watch::poll(self, interval.unwrap_or_else(|| self.interval()), feed))
    }
}

/// What [`Source::list`] returns.
pub type ListFuture<'a> = Pin<Box<dyn Future<Output = Result<Completeness>> + Send + 'a>>;

/// Where a source hands what it finds.
pub trait Sink: Send {
    /// How much of each service will be looked at; a source reads nothing beyond.
    fn depth(&self) -> DetailLevel;

    /// Becomes true when nothing more is wanted. A source looks now and then, and stops.
    fn closed(&self) -> Arc<AtomicBool>;

    /// Takes a service. `Break`: nothing more is wanted.
    fn service(&mut self, service: Service) -> ControlFlow<()>;

    /// Takes word of a part that could not be read.
    fn fault(&mut self, fault: PartialError);

    /// Takes word of what could not be seen of the services handed over, for want of rights.
    fn limit(&mut self, limit: PartialError);

    /// Whether each service is wanted as soon as it is found, in whatever order; otherwise a source that finds them over
    /// time hands them over sorted, at its end.
    fn streams(&self) -> bool {
        false
    }

    /// Takes a sentence about the whole answer, for people: how much was looked at.
    fn note(&mut self, _note: String) {}

    /// Takes word of how far the work has come. A source that takes long says it several times a second; what was
    /// handed over until then should be seen by now.
    fn progress(&mut self, _progress: Progress) {}

    /// Takes word of what is asked, from a source that asks addresses for ports: what is not among it is not told of.
    fn asked(&mut self, _within: &NamespaceScope, _transport: Transport, _addresses: &Addresses, _ports: &Ports) {}

    /// Takes word of what became of each host that was asked, in numbers.
    fn scanned(&mut self, _hosts: Vec<ScannedHost>) {}

    /// Whether to go on with what somebody should be asked about first. Where nobody can be asked: no.
    fn confirm(&mut self, _question: &str) -> bool {
        false
    }
}

/// How far a source's work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done, in the source's own units.
    pub done: u64,
    /// What there is to do.
    pub total: u64,
    /// Services handed over.
    pub found: u64,
}

/// Asks a source for everything that it knows.
///
/// # Errors
/// As [`Source::list`].
pub async fn collect(source: &dyn Source) -> Result<Listing> {
    let mut listing = Listing::default();
    listing.completeness = source.list(&mut listing).await?;
    Ok(listing)
}

impl Sink for Listing {
    fn depth(&self) -> DetailLevel {
        DetailLevel::Full
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.services.push(service);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: PartialError) {
        self.errors.push(fault);
    }

    fn limit(&mut self, limit: PartialError) {
        self.limits.push(limit);
    }
}

/// Registers sources: a variant, which is the word on the command line, and the source's options, which are the source.
macro_rules! sources {
    ($($(#[$attribute:meta])* $variant:ident($source:ty),)*) => {
        /// A source together with its options.
        #[derive(Debug, clap::Subcommand)]
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
    match service.source.as_str() {
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
    Local(local::Local),
    Scan(scan::Scan),
    #[cfg(feature = "k8s")]
    K8s(k8s::K8s),
    File(file::File),
}
