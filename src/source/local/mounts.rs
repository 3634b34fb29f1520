//! What is mounted where (`man 5 proc_pid_mountinfo`).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A mount of one's own mount namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// What of the file system is mounted: `/`, or `net:[4026532196]`.
    pub(super) root: Vec<u8>,
    /// Where.
    pub(super) point: PathBuf,
    /// `cgroup2`, `nsfs`.
    pub(super) kind: Vec<u8>,
}

/// Every mount.
pub(super) fn read() -> io::Result<Vec<Mount>> {
    Ok(std::fs::read("/proc/self/mountinfo")?.split(|&byte| byte == b'\n').filter_map(parse).collect())
}

/// `412 22 0:4 net:[4026532196] /run/netns/blue rw shared:7 - nsfs nsfs rw`
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ').skip(3);
    let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
    // Any number of optional fields comes before the dash.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?.to_vec();
    Some(Mount { root, point: OsString::from_vec(point).into(), kind })
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[3..];
            }
            None => {
                plain.push(first);
                rest = tail;
            }
        }
    }

    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_the_kernel_writes_them_are_read() {
        let mount = parse(b"412 22 0:4 net:[4026532196] /run/netns/a\\134b\\040c rw shared:7 - nsfs nsfs rw").unwrap();
        assert_eq!(mount.root, b"net:[4026532196]");
        assert_eq!(mount.point, PathBuf::from("/run/netns/a\\b c"));
        assert_eq!(mount.kind, b"nsfs");
        assert_eq!(parse(b"36 25 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").unwrap().kind, b"cgroup2");
        assert_eq!(parse(b""), None);
        assert_eq!(unescape(b"\\"), b"\\");
    }
}
