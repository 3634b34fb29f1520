//! Whether only root and the user of this server can change what a path leads to.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::clean::clean;
use crate::error::plain;

/// The most symbolic links on the way, as in Linux.
const MAX_LINKS: usize = 40;
/// Write permission of the group and of others.
const OTHERS_WRITE: u32 = 0o022;
/// In a directory with this bit, only the owner of an entry can replace it.
const STICKY: u32 = 0o1000;

/// Why a path cannot be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Distrust {
    pub(super) why: String,
    /// What mends it.
    pub(super) hint: String,
}

/// Checks each directory, link and file on the way to what an absolute path leads to.
///
/// # Errors
/// One of them belongs to another user, can be written by other users, or cannot be looked at.
pub(super) fn check(path: &Path) -> Result<(), Distrust> {
    let mut place = PathBuf::from("/");
    check_entry(&place)?;

    let mut links = 0;
    let mut left = parts_reversed(path);
    while let Some(part) = left.pop() {
        if part == ".." {
            place.pop();
            continue;
        }
        place.push(&part);
        let Some(target) = check_entry(&place)? else { continue };

        links += 1;
        if links > MAX_LINKS {
            return Err(unreadable(&place, "too many symbolic links"));
        }
        place.pop();
        if target.is_absolute() {
            place = PathBuf::from("/");
        }
        left.extend(parts_reversed(&target));
    }
    Ok(())
}

/// Checks one entry. Returns where it leads if it is a symbolic link.
fn check_entry(place: &Path) -> Result<Option<PathBuf>, Distrust> {
    let metadata = fs::symlink_metadata(place).map_err(|error| unreadable(place, &plain(&error)))?;
    if let Some(distrust) = distrust(place, &metadata, rustix::process::geteuid().as_raw()) {
        return Err(distrust);
    }
    if !metadata.is_symlink() {
        return Ok(None);
    }

    fs::read_link(place).map(Some).map_err(|error| unreadable(place, &plain(&error)))
}

fn distrust(place: &Path, metadata: &Metadata, own: u32) -> Option<Distrust> {
    let shown = clean(&place.to_string_lossy());
    let owner = metadata.uid();
    if owner != 0 && owner != own {
        return Some(Distrust {
            why: format!("{shown} belongs to the user {owner}, who can replace the program"),
            hint: format!("chown root {shown}, or move the program to a directory of root"),
        });
    }

    // The mode of a symbolic link says nothing: its target is checked.
    let mode = metadata.mode();
    let is_open = mode & OTHERS_WRITE != 0 && !metadata.is_symlink();
    let is_sticky = metadata.is_dir() && mode & STICKY != 0;
    (is_open && !is_sticky).then(|| Distrust {
        why: format!("other users can write {shown} (mode {:04o}), and so replace the program", mode & 0o7777),
        hint: format!("chmod go-w {shown}, or move the program to a directory of root"),
    })
}

fn unreadable(place: &Path, why: &str) -> Distrust {
    Distrust {
        why: format!("{}: {why}", clean(&place.to_string_lossy())),
        hint: "name a program of this machine that the server may read".to_owned(),
    }
}

/// The names of a path, the last one first.
fn parts_reversed(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A directory of this test, with a program in a directory of its own.
    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("portolan-trusted-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("bin")).unwrap();
        fs::write(directory.join("bin/check"), "#!/bin/sh\n").unwrap();
        for (path, mode) in [("", 0o755), ("bin", 0o755), ("bin/check", 0o755)] {
            set_mode(&directory.join(path), mode);
        }
        directory
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_can_write_on_the_way_is_refused() {
        let directory = directory("modes");
        let program = directory.join("bin/check");
        assert_eq!(check(&program), Ok(()));

        for (path, mode) in [("bin/check", 0o757), ("bin/check", 0o775), ("bin", 0o777), ("bin", 0o775), ("", 0o777)] {
            let place = directory.join(path);
            set_mode(&place, mode);
            let distrust = check(&program).unwrap_err();
            let shown = place.to_string_lossy();
            let shown = shown.trim_end_matches('/');
            assert!(distrust.why.contains(&format!("other users can write {shown}")), "{distrust:?}");
            assert!(
                distrust.why.contains(&format!("{mode:04o}")) && distrust.hint.contains("chmod go-w"),
                "{distrust:?}"
            );
            set_mode(&place, 0o755);
        }
        set_mode(&directory.join("bin"), 0o1777);
        assert_eq!(check(&program), Ok(()), "as /tmp: only its owner can replace the program");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn links_are_followed_and_each_directory_on_the_way_counts() {
        let directory = directory("links");
        fs::create_dir_all(directory.join("open")).unwrap();
        set_mode(&directory.join("open"), 0o755);
        symlink("../bin/check", directory.join("open/link")).unwrap();
        symlink(directory.join("open/link"), directory.join("bin/absolute")).unwrap();
        for link in ["open/link", "bin/absolute"] {
            assert_eq!(check(&directory.join(link)), Ok(()), "{link}");
        }

        set_mode(&directory.join("open"), 0o777);
        for link in ["open/link", "bin/absolute", "open/../bin/check"] {
            let distrust = check(&directory.join(link)).unwrap_err();
            assert!(distrust.why.contains("/open (mode 0777)"), "{link}: {distrust:?}");
        }
        symlink("b", directory.join("bin/a")).unwrap();
        symlink("a", directory.join("bin/b")).unwrap();
        assert!(check(&directory.join("bin/a")).unwrap_err().why.contains("too many symbolic links"));
        assert!(check(&directory.join("bin/none")).unwrap_err().why.contains("No such file"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn another_owner_than_root_and_the_server_is_refused() {
        let directory = directory("owners");
        let program = directory.join("bin/check");
        let metadata = fs::metadata(&program).unwrap();
        assert_eq!(distrust(&program, &metadata, metadata.uid()), None);

        let root = fs::metadata("/").unwrap();
        assert_eq!(distrust(Path::new("/"), &root, 12_345), None, "root may do everything anyway");
        if metadata.uid() == 0 {
            std::os::unix::fs::chown(&program, Some(12_345), None).unwrap();
            let distrust = check(&program).unwrap_err();
            assert!(distrust.why.contains("belongs to the user 12345"), "{distrust:?}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
