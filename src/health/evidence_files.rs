//! `--evidence DIR`: what was seen, a file for each service, and back again.

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

/// What every file begins with.
const SCHEMA: &str = "portolan-evidence/1";
/// Larger files are none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// Where evidence is written.
#[derive(Debug)]
pub(crate) struct EvidenceFiles {
    directory: PathBuf,
    /// When the answer was asked for.
    generated: Timestamp,
    faults: Mutex<Vec<PartialError>>,
}

/// A file.
#[derive(Serialize)]
struct EvidenceFile<'a> {
    schema: &'static str,
    score: &'static str,
    generated: Timestamp,
    ignored: &'a [String],
    service: &'a Service,
    evidence: &'a [Option<Evidence>],
}

/// A file that was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadBack {
    schema: String,
    score: String,
    pub(crate) generated: Timestamp,
    pub(crate) ignored: Vec<String>,
    pub(crate) service: Service,
    pub(crate) evidence: Vec<Option<Evidence>>,
}

impl EvidenceFiles {
    /// Files in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn create(directory: &Path, generated: Timestamp) -> Result<Self> {
        let what = || format!("make the directory '{}'", clean(&directory.to_string_lossy()));
        fs::create_dir_all(directory)
            .map_err(|error| Error::io(what(), error, "name a directory that can be written to"))?;
        Ok(Self { directory: directory.to_owned(), generated, faults: Mutex::default() })
    }

    /// Writes a service's file, whole or not at all.
    pub(crate) fn write(&self, service: &Service, evidence: &[Option<Evidence>], ignored: &[String]) {
        let path = self.directory.join(file_name(service.id.as_raw()));
        let file = EvidenceFile {
            schema: SCHEMA,
            score: SCORE_VERSION,
            generated: self.generated,
            ignored,
            service,
            evidence,
        };
        let written = serde_json::to_vec(&file).map_err(std::io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            let beside = path.with_extension("part");
            fs::write(&beside, bytes)?;
            fs::rename(&beside, &path)
        });
        if let Err(error) = written {
            self.faults.lock().push(PartialError {
                operation: format!("write '{}'", clean(&path.to_string_lossy())),
                cause: error.to_string(),
                hint: "look at the directory and the space that is left".to_owned(),
            });
        }
    }

    /// What could not be written.
    pub(crate) fn faults(&self) -> Vec<PartialError> {
        std::mem::take(&mut self.faults.lock())
    }
}

/// A file name that every file system accepts and that is unique for each id: the hash tells apart ids that differ only in
/// replaced characters.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let text: String = id.chars().take(100).map(plain).collect();
    // Fixed keys: the same service has the same file tomorrow.
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
    format!("{}-{hash:016x}.json", text.trim_start_matches('.'))
}

/// Reads a file of evidence.
///
/// # Errors
/// What cannot be read, or is none.
pub(crate) fn read(path: &Path) -> Result<ReadBack> {
    let shown = clean(&path.to_string_lossy());
    let refuse = |why: String| {
        Error::usage(format!("'{shown}'"), why, "name a file that `portolan validate --evidence DIR` wrote")
    };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| refuse(plain(&error)))?;
    let length = file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| refuse(plain(&error)))?;
    if length as u64 == MAX_BYTES {
        return Err(refuse("it is too large to be evidence".to_owned()));
    }
    let read: ReadBack = serde_json::from_str(&text)
        .map_err(|error| refuse(escaped(&format!("it is not evidence: {error}")).into_owned()))?;
    if read.schema != SCHEMA || read.score != SCORE_VERSION {
        let why =
            format!("it was written for {} and {}, this is {SCORE_VERSION}", clean(&read.schema), clean(&read.score));
        return Err(refuse(why));
    }
    Ok(read)
}
