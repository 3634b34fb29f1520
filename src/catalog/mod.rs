//! What a source is known to have, kept up to date: one [`Writer`], and as many [`Reader`]s as there are.
//!
//! The writer takes what a source says ([`Update`](crate::model::Update)), works out what changed, publishes the new set in one
//! step and tells every reader what changed. A source that fails never empties it.
//!
//! ```
//! use portolan::catalog::{WatchItem, Writer};
//! use portolan::engine::Clock;
//! use portolan::model::{DetailLevel, PartialError, Update, UpdateSink};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut writer = Writer::new("harbours", DetailLevel::Full, Clock::coarse());
//! let reader = writer.reader();
//! let (snapshot, mut watch) = reader.watch();
//! assert!(snapshot.services().is_empty());
//!
//! writer.apply(vec![Update::Reset(Vec::new())]);
//! let Some(WatchItem::Events(events)) = watch.next().await else { unreachable!("nobody lags here") };
//! assert_eq!(events[0].kind.as_str(), "synced");
//! # }
//! ```

mod merge;
mod reader;
mod set;
mod snapshot;
mod writer;

pub use merge::{Merged, MergedWatch, merge};
pub use reader::{Reader, Resumed, Watch, WatchItem};
pub use set::{Set, SetChange};
pub use snapshot::Snapshot;
pub use writer::Writer;
