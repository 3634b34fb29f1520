//! Notices that files changed, by their time and length.

use std::path::Path;
use std::time::SystemTime;

/// When a file was changed last, and its length; `None` if it does not exist.
pub(super) type FileStamp = Option<(SystemTime, u64)>;

/// The stamps of files, in their order.
pub(super) fn stamps<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Vec<FileStamp> {
    let files = files.into_iter();
    files.map(|file| std::fs::metadata(file).ok().and_then(|file| Some((file.modified().ok()?, file.len())))).collect()
}
