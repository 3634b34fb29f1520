//! The current services of a source: one [`Writer`], and any number of [`Reader`]s.
//!
//! The writer applies the source's [`Update`](crate::model::Update)s, computes the changes, publishes the new set in one step and
//! sends the changes to every watch. A source that fails never empties the catalog.
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
//! let Some(WatchItem::Events(events)) = watch.next().await else { unreachable!("this watch does not lag") };
//! assert_eq!(events[0].kind.as_str(), "synced");
//! # }
//! ```

mod history;
mod merge;
mod reader;
mod set;
mod snapshot;
mod writer;

pub use merge::{MergedReader, MergedWatch, merge};
pub use reader::{Reader, ResumedWatch, Watch, WatchItem};
pub use set::{Set, SetChange};
pub use snapshot::Snapshot;
pub use writer::Writer;
