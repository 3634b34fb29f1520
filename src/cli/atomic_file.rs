//! Files that are written completely or not at all, or that can be followed line by line.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, XattrFlags, fcntl_getfl, fcntl_setfl, fsetxattr, getxattr, listxattr};

/// A file that becomes visible only when complete: it is written next to its destination and then renamed.
///
/// If dropped before [`commit`](Self::commit), the draft is removed and the old file stays. Pipes and devices are written
/// directly.
#[derive(Debug)]
pub(super) struct AtomicFile {
    file: BufWriter<File>,
    /// The draft and its destination; `None` for a pipe or a device.
    paths: Option<(PathBuf, PathBuf)>,
    /// Lines that are not written yet, if the file can be followed.
    lines: Option<FollowedLines>,
}

/// The lines of a file that becomes visible while it grows.
#[derive(Debug, Default)]
struct FollowedLines {
    /// Up to the last whole line, they are written together: what a reader sees ends with a line.
    pending: Vec<u8>,
    /// Whether anything was flushed. The first flush only shows whether the disk takes the header.
    is_begun: bool,
}

/// The most bytes of an extended attribute, and of the list of their names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const MAX_ATTRIBUTE: usize = 64 * 1024;
/// Lines are written when they take more than this.
const MAX_PENDING: usize = 64 * 1024;

impl AtomicFile {
    /// Starts a file.
    ///
    /// # Errors
    /// If the destination cannot be written: no such directory, no permission, or a directory of that name.
    pub(super) fn create(place: &Path) -> io::Result<Self> {
        let standing =
            match OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(place) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        let kept = match standing {
            Some(file) if file.metadata()?.is_file() => Some(file.metadata()?),
            Some(file) => {
                // The open was non-blocking only because a pipe without a reader would block it.
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(Self { file: BufWriter::new(file), paths: None, lines: None });
            }
            None => None,
        };
        // Replace the target of a symbolic link, not the link.
        let place = if kept.is_some() { place.canonicalize()? } else { target_of(place) };
        let Some(name) = place.file_name() else { return Err(io::ErrorKind::NotFound.into()) };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let path = place.with_file_name(hidden);
        let file = File::create_new(&path)?;
        let draft = Self { file: BufWriter::new(file), paths: Some((path, place)), lines: None };
        if let Some(kept) = kept {
            // Changing the owner clears set-id bits, and only root may change it: without that permission, the file gets as
            // much of the owner as possible.
            let file = draft.file.get_ref();
            let own = file.metadata()?;
            if own.gid() != kept.gid() {
                let _ = fchown(file, None, Some(kept.gid()));
            }
            if own.uid() != kept.uid() {
                let _ = fchown(file, Some(kept.uid()), None);
            }
            file.set_permissions(kept.permissions())?;
            if let Some((_, place)) = &draft.paths {
                copy_attributes(place, file);
            }
        }
        Ok(draft)
    }

    /// Starts a file of lines, which becomes visible with the second flush and then grows: it can be followed, and holds every
    /// flushed line whatever ends this process.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub(super) fn create_followed(place: &Path) -> io::Result<Self> {
        let mut file = Self::create(place)?;
        file.lines = file.paths.is_some().then(FollowedLines::default);
        Ok(file)
    }

    /// Writes all whole lines.
    fn write_lines(&mut self) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        let end = lines.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.file.write_all(&lines.pending[..end])?;
        lines.pending.drain(..end);
        self.file.flush()
    }

    /// Makes a file of lines visible.
    fn publish(&mut self) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        if !std::mem::replace(&mut lines.is_begun, true) {
            return Ok(());
        }
        if let Some((path, place)) = &self.paths {
            fs::rename(path, place)?;
            self.paths = None;
        }
        Ok(())
    }

    /// Moves the file to its destination.
    ///
    /// # Errors
    /// If it could not be written completely or moved; the draft is removed.
    pub(super) fn commit(mut self) -> io::Result<()> {
        if let Some(lines) = self.lines.take() {
            self.file.write_all(&lines.pending)?;
        }
        self.file.flush()?;
        if let Some((path, place)) = &self.paths {
            // Otherwise a power failure could leave the name without the content.
            self.file.get_ref().sync_data()?;
            fs::rename(path, place)?;
            self.paths = None;
        }
        Ok(())
    }
}

/// What a symbolic link without a target points to, or the place itself.
fn target_of(place: &Path) -> PathBuf {
    let mut place = place.to_owned();
    // As many links as the kernel follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    place
}

/// Copies the access control list and the other extended attributes of a file, as far as this user may.
fn copy_attributes(from: &Path, to: &File) {
    let mut names = vec![0; MAX_ATTRIBUTE];
    let Ok(length) = listxattr(from, &mut names[..]) else { return };
    let mut value = vec![0; MAX_ATTRIBUTE];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(length) = getxattr(from, name, &mut value[..]) {
            let _ = fsetxattr(to, name, &value[..length], XattrFlags::empty());
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(lines) = &mut self.lines else { return self.file.write(bytes) };
        lines.pending.extend_from_slice(bytes);
        if lines.pending.len() > MAX_PENDING {
            self.write_lines()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_lines()?;
        self.publish()?;
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.paths {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A directory that is removed on drop.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("portolan-draft-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> =
                fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// The user, the group and the mode of a file.
    fn owner_and_mode(file: &Path) -> (u32, u32, u32) {
        file.metadata().map(|meta| (meta.uid(), meta.gid(), meta.mode() & 0o7777)).unwrap()
    }

    #[test]
    fn attributes_stay_and_a_link_leads_to_its_target() {
        let folder = Folder::new("attributes");
        let (place, link, target) = (folder.0.join("x"), folder.0.join("link"), folder.0.join("target"));
        fs::write(&place, "old").unwrap();
        // Some file systems have no attributes of users.
        let is_set = rustix::fs::setxattr(&place, "user.k", b"v", XattrFlags::empty()).is_ok();
        AtomicFile::create(&place).unwrap().commit().unwrap();
        let mut value = [0; 8];
        let read = getxattr(&place, "user.k", &mut value[..]);
        assert_eq!(read.ok(), is_set.then_some(1));

        symlink("target", &link).unwrap();
        AtomicFile::create(&link).unwrap().commit().unwrap();
        assert!(target.is_file() && link.is_symlink());
    }

    #[test]
    fn half_a_file_is_never_visible() {
        let folder = Folder::new("half");
        let place = folder.0.join("x");
        fs::write(&place, "old").unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        let mut draft = AtomicFile::create(&place).unwrap();
        draft.write_all(b"new").unwrap();
        draft.flush().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "old");
        drop(draft);
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), folder.names().len()), ("old", 1));
        let mut draft = AtomicFile::create(&place).unwrap();
        draft.write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), folder.names().len()), ("new", 1));
        assert_eq!(place.metadata().unwrap().permissions().mode() & 0o777, 0o600, "the permissions stay");
    }

    #[test]
    fn a_file_of_lines_grows_by_whole_lines() {
        let folder = Folder::new("lines");
        let place = folder.0.join("x");
        fs::write(&place, "old").unwrap();
        let mut draft = AtomicFile::create_followed(&place).unwrap();
        draft.flush().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "old", "nothing was found yet");

        draft.write_all(b"one\ntwo\nthr").unwrap();
        draft.flush().unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), folder.names().len()), ("one\ntwo\n", 1));
        draft.write_all(b"ee\n").unwrap();
        draft.flush().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "one\ntwo\nthree\n");
        draft.write_all(b"four").unwrap();
        draft.commit().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "one\ntwo\nthree\nfour");
        drop(AtomicFile::create_followed(&place).unwrap());
        assert_eq!(fs::read_to_string(&place).unwrap(), "one\ntwo\nthree\nfour", "a listing that failed at once");
    }

    #[test]
    fn the_owner_and_the_mode_stay() {
        let folder = Folder::new("owner");
        let place = folder.0.join("x");
        fs::write(&place, "old").unwrap();
        // Only root can give a file away; for others it has their own owner before and after.
        let _ = fchown(File::open(&place).unwrap(), Some(65534), Some(65534));
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();

        let before = owner_and_mode(&place);
        let mut draft = AtomicFile::create(&place).unwrap();
        draft.write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), owner_and_mode(&place)), ("new", before));
    }

    #[test]
    fn a_symbolic_link_stays_a_link() {
        let folder = Folder::new("link");
        fs::write(folder.0.join("x"), "old").unwrap();
        symlink("x", folder.0.join("link")).unwrap();
        let mut draft = AtomicFile::create(&folder.0.join("link")).unwrap();
        draft.write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert_eq!(fs::read_to_string(folder.0.join("x")).unwrap(), "new");
        assert!(folder.0.join("link").is_symlink());
    }

    #[test]
    fn a_destination_that_cannot_be_replaced_fails_at_once() {
        let folder = Folder::new("no");
        assert_eq!(AtomicFile::create(&folder.0).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(AtomicFile::create(&folder.0.join("gone/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let fifo = folder.0.join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(AtomicFile::create(&fifo).is_err(), "a pipe without a reader");
        assert_eq!(folder.names(), ["fifo"]);
    }
}
