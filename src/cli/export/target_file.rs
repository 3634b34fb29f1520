//! The file of an export, and what happens after it was replaced.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::reload::Reload;
use crate::clean::clean;
use crate::cli::atomic_file::AtomicFile;
use crate::error::{Error, Result, plain};
use crate::model::PartialError;

/// A file that is replaced when its text changes.
pub(super) struct TargetFile {
    path: PathBuf,
    /// What the proxy has read, as far as this program knows.
    loaded: Option<String>,
    reload: Option<Reload>,
}

impl TargetFile {
    /// # Errors
    /// The file cannot be replaced.
    pub(super) fn new(path: &Path, reload: Option<Reload>) -> Result<Self> {
        // The draft is removed at once: this finds a missing directory before the registry is asked.
        AtomicFile::create(path).map(drop).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "its directory does not exist".to_owned(),
                _ => plain(&error),
            };
            let what = format!("--file '{}'", clean(&path.to_string_lossy()));
            Error::usage(what, why, "name a file in a directory that you can write to")
        })?;
        Ok(Self { path: path.to_owned(), loaded: None, reload })
    }

    pub(super) fn shown(&self) -> String {
        clean(&self.path.to_string_lossy())
    }

    /// Replaces the file and runs the command, unless that was done for the same text before. Returns whether it was.
    ///
    /// # Errors
    /// The file could not be written, or the command failed; it is to be tried again.
    pub(super) async fn replace(&mut self, text: &str) -> Result<bool, PartialError> {
        if self.loaded.as_deref() == Some(text) {
            return Ok(false);
        }
        self.write(text).map_err(|error| PartialError {
            operation: format!("write '{}'", self.shown()),
            cause: plain(&error),
            hint: "the old file stays; check the space and the permissions of its directory".to_owned(),
        })?;
        if let Some(reload) = &self.reload {
            reload.run().await?;
        }
        self.loaded = Some(text.to_owned());
        Ok(true)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = AtomicFile::create(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    }
}
