//! The file of keys: changed by one process at a time, as a whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::clean::clean;
use crate::cli::atomic_file::AtomicFile;
use crate::cli::serve;
use crate::error::{Error, Result, plain};
use crate::server::{ApiKeys, read_keys};

/// A file of keys.
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    /// The file that is named on the command line, in the server's settings, or the default one.
    pub(super) fn choose(named: Option<&PathBuf>, config: Option<&PathBuf>) -> Result<Self> {
        if let Some(path) = named {
            return Ok(Self(path.clone()));
        }
        serve::keys_file(config).map(Self)
    }

    /// Its path, for people.
    pub(super) fn shown(&self) -> String {
        clean(&self.0.to_string_lossy())
    }

    /// Reads the keys. `None`: there is no file.
    pub(super) fn read(&self) -> Result<Option<ApiKeys>> {
        read_keys(&self.0).map_err(|why| self.unusable(why))
    }

    /// Changes the keys. A file that does not exist is made, readable for the owner of its folder only.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut ApiKeys) -> Result<T>) -> Result<T> {
        let folder = self.folder();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| self.unusable(format!("its directory cannot be created: {}", plain(&error))))?;
        // Held until the new file is in place.
        let _lock = lock(&folder).map_err(|error| self.unusable(plain(&error)))?;

        let mut keys = match self.read()? {
            Some(keys) => keys,
            None => ApiKeys::empty().map_err(|why| self.unusable(why))?,
        };
        let changed = change(&mut keys)?;
        self.write(&folder, &keys).map_err(|error| self.unusable(plain(&error)))?;
        Ok(changed)
    }

    fn folder(&self) -> PathBuf {
        let parent = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    }

    fn write(&self, folder: &Path, keys: &ApiKeys) -> std::io::Result<()> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0) {
            // The server may run as another user than root, who makes the key. That user owns the folder, and could put a link
            // in the place of the file: the owner is changed of the file that was made, not of its name.
            Ok(file) => {
                let owner = fs::metadata(folder)?;
                let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // It keeps owner and mode.
        let mut file = AtomicFile::create(&self.0)?;
        file.write_all(keys.to_text().as_bytes())?;

        file.commit()
    }

    fn unusable(&self, why: String) -> Error {
        Error::usage(format!("the key file {}", self.shown()), why, "name another file with --keys-file")
    }
}

/// Locks a folder until the file is dropped.
fn lock(folder: &Path) -> std::io::Result<File> {
    let folder = File::open(folder)?;
    flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}
