//! Files that are read again when they change: keys and certificates that are replaced while the server runs.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::plain;

/// A file, and what it looked like when it was read last.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    last: Option<FileState>,
}

/// What changes whenever a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl WatchedFile {
    /// A file that was not read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file changed since the last call that returned `true`, or there was none.
    pub(super) fn is_changed(&mut self) -> bool {
        let state = std::fs::metadata(&self.path).ok().map(|metadata| FileState::of(&metadata));
        let is_changed = state != self.last;
        self.last = state;
        is_changed
    }
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads a regular file that only its owner may change. `Ok(None)`: there is none.
///
/// # Errors
/// It cannot be read, is longer than `max_bytes`, or others may write it.
pub(super) fn read_private(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(plain(&error)),
    };
    let metadata = file.metadata().map_err(|error| plain(&error))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err("other users may write it (chmod go-w fixes that)".to_owned());
    }

    let mut text = Vec::new();
    let read = Read::by_ref(&mut file).take(max_bytes + 1).read_to_end(&mut text);
    read.map_err(|error| plain(&error))?;
    if text.len() as u64 > max_bytes {
        return Err(format!("it is longer than {max_bytes} bytes"));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portolan-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_change_is_seen_once_also_when_the_file_goes() {
        let folder = folder("watched-file");
        let path = folder.join("keys");
        let mut file = WatchedFile::new(path.clone());
        assert!(!file.is_changed(), "there is none, as before");

        fs::write(&path, "1").unwrap();
        assert!(file.is_changed() && !file.is_changed());
        fs::write(folder.join("new"), "2").unwrap();
        fs::rename(folder.join("new"), &path).unwrap();
        assert!(file.is_changed() && !file.is_changed());
        fs::remove_file(&path).unwrap();
        assert!(file.is_changed() && !file.is_changed());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let folder = folder("private-file");
        let path = folder.join("keys");
        assert_eq!(read_private(&path, 10), Ok(None));

        fs::write(&path, "0123456789").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read_private(&path, 10), Ok(Some(b"0123456789".to_vec())));
        assert!(read_private(&path, 9).unwrap_err().contains("longer than 9 bytes"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        assert!(read_private(&path, 10).unwrap_err().contains("other users may write it"));
        assert!(read_private(&folder, 10).unwrap_err().contains("not a regular file"));
        fs::remove_dir_all(folder).unwrap();
    }
}
