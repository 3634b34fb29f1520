//! `--evidence DIR`: writes the evidence, one file per service, and reads it back.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::clean::{clean, escaped};
use crate::error::{Error, Result, plain};
use crate::model::{PartialError, SCORE_VERSION, Service};

/// The schema of the files.
const SCHEMA: &str = "portolan-evidence/1";
/// No evidence file is larger.
const MAX_BYTES: u64 = 64 << 20;

/// Writes evidence files.
#[derive(Debug)]
pub(crate) struct EvidenceFiles {
    directory: PathBuf,
    /// When the run started.
    generated: Timestamp,
    faults: Mutex<Vec<PartialError>>,
}

/// An evidence file.
#[derive(Serialize)]
struct EvidenceFile<'a> {
    schema: &'static str,
    score: &'static str,
    generated: Timestamp,
    ignored: &'a [String],
    /// The score that the service must reach, if its services file has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<u8>,
    service: &'a Service,
    evidence: &'a [Option<Evidence>],
}

/// An evidence file that was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadBack {
    schema: String,
    score: String,
    pub(crate) generated: Timestamp,
    pub(crate) ignored: Vec<String>,
    #[serde(default)]
    pub(crate) min_score: Option<u8>,
    pub(crate) service: Service,
    pub(crate) evidence: Vec<Option<Evidence>>,
}

impl EvidenceFiles {
    /// Writes to `directory`, and creates it if it does not exist.
    ///
    /// # Errors
    /// If the directory cannot be created.
    pub(crate) fn create(directory: &Path, generated: Timestamp) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|error| {
            let operation = format!("create the directory '{}'", clean(&directory.to_string_lossy()));
            Error::io(operation, error, "name a directory that can be written to")
        })?;
        Ok(Self { directory: directory.to_owned(), generated, faults: Mutex::default() })
    }

    /// Writes the file of a service atomically.
    pub(crate) fn write(
        &self,
        service: &Service,
        evidence: &[Option<Evidence>],
        ignored: &[String],
        min_score: Option<u8>,
    ) {
        let path = self.directory.join(file_name(service.id.as_raw()));
        let file = EvidenceFile {
            schema: SCHEMA,
            score: SCORE_VERSION,
            generated: self.generated,
            ignored,
            min_score,
            service,
            evidence,
        };

        let written = serde_json::to_vec(&file).map_err(std::io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            let part = path.with_extension("part");
            fs::write(&part, bytes)?;
            fs::rename(&part, &path)
        });
        if let Err(error) = written {
            self.faults.lock().push(PartialError {
                operation: format!("write '{}'", clean(&path.to_string_lossy())),
                cause: error.to_string(),
                hint: "check the permissions of the directory and the free space".to_owned(),
            });
        }
    }

    /// The files that could not be written.
    pub(crate) fn faults(&self) -> Vec<PartialError> {
        std::mem::take(&mut self.faults.lock())
    }
}

/// A file name that every file system accepts. The hash makes it unique for ids that differ only in replaced characters.
fn file_name(id: &str) -> String {
    let text: String = id.chars().take(100).map(portable).collect();
    // Fixed keys give a service the same file in every run.
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
    format!("{}-{hash:016x}.json", text.trim_start_matches('.'))
}

fn portable(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }
}

/// Reads an evidence file.
///
/// # Errors
/// If the file cannot be read or is not evidence.
pub(crate) fn read(path: &Path) -> Result<ReadBack> {
    parse(path).map_err(|cause| {
        let what = format!("'{}'", clean(&path.to_string_lossy()));
        Error::usage(what, cause, "name a file that `portolan validate --evidence DIR` wrote")
    })
}

fn parse(path: &Path) -> Result<ReadBack, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| plain(&error))?;
    let length = file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| plain(&error))?;
    if length as u64 == MAX_BYTES {
        return Err("it is too large to be evidence".to_owned());
    }

    parse_text(&text)
}

/// # Errors
/// If the text is not evidence, or that of another version.
pub(super) fn parse_text(text: &str) -> Result<ReadBack, String> {
    let read: ReadBack =
        serde_json::from_str(text).map_err(|error| escaped(&format!("it is not evidence: {error}")).into_owned())?;
    if read.schema != SCHEMA || read.score != SCORE_VERSION {
        let (schema, score) = (clean(&read.schema), clean(&read.score));
        return Err(format!("it was written for {schema} and {score}; this version uses {SCHEMA} and {SCORE_VERSION}"));
    }
    Ok(read)
}
