//! Output files of `-o FORMAT=FILE`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{OutputSpec, Outputs};
use crate::clean::clean;
use crate::cli::atomic_file::AtomicFile;
use crate::error::{Error, Result, plain};
use crate::output::{Delivery, FormatName, RenderOptions, TableLayout};

/// A draft for each requested file.
#[derive(Debug)]
pub(in crate::cli) struct Files(Vec<(FormatName, PathBuf, AtomicFile)>);

impl Files {
    /// Starts all files.
    ///
    /// # Errors
    /// The first file that cannot be written or that two formats share.
    pub(in crate::cli) fn create(specs: &[OutputSpec]) -> Result<Self> {
        let mut files = Self(Vec::new());
        let mut places = Vec::new();
        for OutputSpec { format, file } in specs {
            let Some(file) = file else { continue };
            if file.as_os_str().is_empty() {
                return Err(Error::usage(
                    option(*format, file),
                    "the file name is missing",
                    "write it after the =, as in -o json=result.json",
                ));
            }
            // Several formats may share a pipe or a device.
            let place = place(file);
            if places.contains(&place) && place.metadata().map_or(true, |metadata| metadata.is_file()) {
                return Err(Error::usage(
                    option(*format, file),
                    "two formats cannot share one file",
                    "give each a file of its own",
                ));
            }
            places.push(place);
            let create =
                if format.read() == Delivery::ByLine { AtomicFile::create_followed } else { AtomicFile::create };
            let draft =
                create(file).map_err(|error| Error::usage(option(*format, file), unopened(&error), hint(&error)))?;
            files.0.push((*format, file.clone(), draft));
        }

        Ok(files)
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens standard output and all files.
    ///
    /// # Errors
    /// If the header of a format cannot be written.
    pub(in crate::cli) fn open<'w>(
        &'w mut self,
        name: FormatName,
        page: RenderOptions,
        layout: TableLayout,
        stdout: &'w mut (dyn Write + Send),
    ) -> Result<Outputs<'w>> {
        let mut outputs = Outputs::of_stdout(name, page, layout, stdout);
        for (format, path, draft) in &mut self.0 {
            let opened = outputs.add(*format, draft);
            opened.map_err(|error| Error::usage(option(*format, path), unopened(&error), hint(&error)))?;
        }
        Ok(outputs)
    }

    /// Moves every complete file to its destination and returns the errors of the others.
    pub(in crate::cli) fn commit(self, failures: Vec<Option<io::Error>>) -> Vec<Error> {
        let mut errors = Vec::new();
        for ((_, path, draft), failure) in self.0.into_iter().zip(failures) {
            if let Err(error) = failure.map_or_else(|| draft.commit(), Err) {
                let hint = hint(&error);
                errors.push(Error::io(format!("write '{}'", clean(&path.to_string_lossy())), error, hint));
            }
        }
        errors
    }
}

fn option(format: FormatName, file: &Path) -> String {
    let word = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    format!("--output '{word}={}'", clean(&file.to_string_lossy()))
}

/// The canonical path of a file that may not exist yet.
fn place(file: &Path) -> PathBuf {
    let whole = file.canonicalize().ok();
    whole.unwrap_or_else(|| match (file.parent().map(Path::canonicalize), file.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        // "x" has the parent "", which is the working directory.
        _ => Path::new(".").canonicalize().map_or_else(|_| file.to_owned(), |here| here.join(file)),
    })
}

/// Describes why a file cannot be written.
fn unopened(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its directory does not exist".to_owned(),
        _ => plain(error),
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "create the directory first, or name another file",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a file in a directory that you can write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or write somewhere else",
        _ => "name another file",
    }
}
